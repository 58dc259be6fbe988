"""Keeps the bot in one voice channel: joins, tells a loss that mends itself from one that is meant, comes back."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable, Sequence

import aiohttp
import discord

from bot.discord_io.voice_channel import VocalChannel
from bot.discord_io.voice_connection import DISCONNECTED_CODES, LineVoiceClient
from bot.discord_io.voice_gateway import MALFORMED
from bot.discord_io.voice_receiver import VoiceReceiver
from bot.domain.errors import VoiceError
from bot.domain.voice import LineState

PAUSES_SECONDS: tuple[float, ...] = (0, 0.2, 0.5, 1, 2, 4, 8, 15, 30, 30)
"""Before each attempt to come back."""

_RATE_LIMITED = 4021
_NO_ENCRYPTION = 4017
_FINAL_CODES = DISCONNECTED_CODES | {_RATE_LIMITED}
"""After these Discord does not want us back."""

_CONNECT_SECONDS = 10.0
_WHOLE_JOIN_SECONDS = 25.0
_STEADY_SECONDS = 5.0
"""A connection that held so long begins anew with the shortest pause when it is lost."""

_TICK_SECONDS = 1.0
_TICKS_PER_KEEPALIVE = 5
_JITTER = 0.1

_log = logging.getLogger(__name__)


class VoiceSupervisor:
    """`changed` is told each new state, `ticked` every second while connected. GONE is final."""

    def __init__(
        self,
        channel: VocalChannel,
        *,
        receiver: VoiceReceiver,
        counters: dict[str, int],
        changed: Callable[[LineState], None],
        moved: Callable[[], None],
        ticked: Callable[[], None],
        pauses: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        self.state = LineState.RECONNECTING
        self._channel = channel
        self._receiver = receiver
        self._counters = counters
        self._changed = changed
        self._moved = moved
        self._ticked = ticked
        self._pauses = pauses
        self._client: LineVoiceClient | None = None
        self._loss: asyncio.Future[int | None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._lost_in_a_row = 0

    @property
    def client(self) -> LineVoiceClient | None:
        """The connection there is now."""
        return self._client

    @property
    def channel(self) -> VocalChannel:
        """Where we are, or want to be."""
        return self._channel

    async def join(self) -> None:
        """The first time. Raises VoiceError."""
        await self._connect()
        self._task = asyncio.create_task(self._keep(), name="voice supervisor")
        self._tell(LineState.CONNECTED)

    async def aclose(self) -> None:
        """Leave the channel."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        client, self._client = self._client, None
        if client is not None:
            await client.hang_up()
        self._tell(LineState.GONE)

    # Told by the connection

    def lost(self, client: LineVoiceClient, code: int | None) -> None:
        if client is self._client and self._loss is not None and not self._loss.done():
            self._loss.set_result(code)

    def wavering(self, client: LineVoiceClient) -> None:
        if client is self._client:
            self._tell(LineState.RECONNECTING)

    def restored(self, client: LineVoiceClient) -> None:
        if client is self._client:
            self._counters["reconnects"] += 1
            self._tell(LineState.CONNECTED)

    def moved(self, client: LineVoiceClient) -> None:
        if client is self._client:
            self._channel = client.channel
            self._moved()

    def count(self, name: str) -> None:
        self._counters[name] += 1

    def _tell(self, state: LineState) -> None:
        if state is not self.state and self.state is not LineState.GONE:
            self.state = state
            self._changed(state)

    # Staying

    async def _keep(self) -> None:
        try:
            while await self._stay():
                self._tell(LineState.RECONNECTING)
                if not await self._come_back():
                    _log.warning("a voice channel could not be joined again")
                    return
                self._counters["reconnects"] += 1
                self._tell(LineState.CONNECTED)
        finally:
            task = asyncio.current_task()
            if task is None or not task.cancelling():
                self._tell(LineState.GONE)

    async def _stay(self) -> bool:
        """Until the connection is lost; whether we come back."""
        client, loss = self._client, self._loss
        if client is None or loss is None:
            return False
        since = time.monotonic()
        tick = 0
        while not loss.done():
            if tick % _TICKS_PER_KEEPALIVE == 0:
                client.keep_alive(tick)
            self._ticked()
            if not client.line.is_reading:
                _log.warning("nothing reads the socket of a voice channel any more")
                self.lost(client, None)
            tick += 1
            await asyncio.wait({loss}, timeout=_TICK_SECONDS)
        code = loss.result()
        is_meant = client.line.was_removed or client.is_leaving or code in _FINAL_CODES
        _log.info("a voice connection ended (code %s)", code)
        self._lost_in_a_row = 0 if time.monotonic() - since > _STEADY_SECONDS else self._lost_in_a_row + 1
        self._client = self._loss = None
        await client.hang_up()
        return not is_meant

    async def _come_back(self) -> bool:
        for pause in self._pauses[min(self._lost_in_a_row, len(self._pauses) - 1) :]:
            await asyncio.sleep(pause * random.uniform(1 - _JITTER, 1 + _JITTER))  # noqa: S311 - no secret
            try:
                await self._connect()
            except VoiceError as error:
                _log.info("a voice channel was not joined again: %s", error.code)
                if error.code == "voice_davey_missing":
                    return False
            else:
                return True
        return False

    async def _connect(self) -> None:
        """Raises VoiceError; nothing is left of an attempt that failed."""
        client: LineVoiceClient | None = None

        def make(library: discord.Client, channel: discord.abc.Connectable) -> LineVoiceClient:
            nonlocal client
            client = LineVoiceClient(library, channel, receiver=self._receiver, events=self, count=self.count)
            self._client, self._loss = client, asyncio.get_running_loop().create_future()
            return client

        try:
            async with asyncio.timeout(_WHOLE_JOIN_SECONDS):
                await self._channel.connect(timeout=_CONNECT_SECONDS, reconnect=False, cls=make)
        except discord.ConnectionClosed as error:
            raise _refused(error.code) from error
        except TimeoutError as error:
            raise _timed_out() from error
        except (discord.DiscordException, aiohttp.ClientError, OSError, RuntimeError, *MALFORMED) as error:
            raise _refused(None) from error
        finally:
            await self._tidy(client)
        if self._client is None:
            raise _timed_out()

    async def _tidy(self, client: LineVoiceClient | None) -> None:
        """A connection that does not stand is given up, whatever the library says of it."""
        if client is not None and not client.is_connected():
            self._client = self._loss = None
            with contextlib.suppress(discord.DiscordException, aiohttp.ClientError, OSError):
                await client.hang_up()


def _timed_out() -> VoiceError:
    return VoiceError("voice_timeout", "Discord did not let me into the voice channel in time. Try again in a minute.")


def _refused(code: int | None) -> VoiceError:
    if code == _NO_ENCRYPTION:
        return VoiceError(
            "voice_davey_missing",
            "This voice channel is end-to-end encrypted, and the library for that is missing or too old here. Whoever "
            "runs me must install davey.",
        )
    _log.info("a voice connection was refused (code %s)", code)
    return VoiceError("voice_refused", "Discord refused the connection to the voice channel. Try again in a minute.")
