"""Sending: frames from our side to the library's player thread, which ends when there is nothing to say and begins
again when woken."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

import discord

from bot.discord_io.voice_connection import LineVoiceClient
from bot.domain.voice import SILENCE_FRAME, FrameSource

LONGEST_WAIT_SECONDS = 3.0
"""So long is waited for the keys of a call before anything is said in it."""

_LOOK_AGAIN_SECONDS = 0.02
_GOODBYE_SECONDS = 1.0

_log = logging.getLogger(__name__)


class VoiceOutput(discord.AudioSource):
    """What the library's player reads from. `read` is called in its thread, everything else on the event loop.

    `is_wanted` is set before the player begins and taken back by `read` *before* it looks a last time, so that a wake
    at any moment either finds a player that will look again, or is seen when that player has ended.
    """

    def __init__(self, *, has_listeners: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        """`has_listeners`: whether anybody else is in the call; alone there are never keys."""
        self._has_listeners = has_listeners
        self._clock = clock
        self._source: FrameSource | None = None
        self._client: LineVoiceClient | None = None
        self._is_wanted = False
        self._ended = asyncio.Event()
        self._ended.set()
        self._mute_since: float | None = None
        self._look_again: asyncio.TimerHandle | None = None

    # On the event loop

    def open(self, source: FrameSource) -> None:
        self._source = source

    def attach(self, client: LineVoiceClient) -> None:
        """A connection stands; what was being said goes on there."""
        self._client = client
        self._mute_since = None
        self.nudge()

    def wake(self) -> None:
        """There is something to say."""
        self._is_wanted = True
        self.nudge()

    def nudge(self) -> None:
        """Begin, if there is something to say, a connection, and no player yet."""
        client = self._client
        if not self._is_wanted or not self._ended.is_set() or self._source is None:
            return
        if client is None or not client.is_connected():
            return
        if self._must_wait():
            if self._look_again is None:
                self._look_again = asyncio.get_running_loop().call_later(_LOOK_AGAIN_SECONDS, self._looked)
            return
        self._ended.clear()
        try:
            client.play(self, after=self._report_to(asyncio.get_running_loop()))
        except discord.ClientException:  # it was lost this moment; the next one begins
            self._ended.set()

    def _looked(self) -> None:
        self._look_again = None
        self.nudge()

    def _report_to(self, loop: asyncio.AbstractEventLoop) -> Callable[[Exception | None], None]:
        def report(error: Exception | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(self._player_ended, error)

        return report

    def _player_ended(self, error: Exception | None) -> None:
        self._ended.set()
        if error is not None:
            _log.warning("sending broke off: %s", type(error).__name__)
            self._is_wanted = False
        self.nudge()

    async def aclose(self) -> None:
        """Nothing more is sent; waits for the player's end."""
        self._source = self._client = None
        if self._look_again is not None:
            self._look_again.cancel()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._ended.wait()

    # In the player's thread

    def read(self) -> bytes:
        source = self._source
        if source is None:
            return b""
        if self._must_wait():
            return SILENCE_FRAME
        frame = source.read()
        if frame:
            return frame
        self._is_wanted = False
        frame = source.read()
        if frame:
            self._is_wanted = True
        return frame

    def is_opus(self) -> bool:
        return True

    # In both

    def _must_wait(self) -> bool:
        """Whether the keys are not agreed yet, and it is too early to go on without."""
        client = self._client
        if client is None or client.may_speak or not self._has_listeners():
            self._mute_since = None
            return False
        if self._mute_since is None:
            self._mute_since = self._clock()
        return self._clock() - self._mute_since < LONGEST_WAIT_SECONDS
