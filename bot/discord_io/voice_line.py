"""A line to one voice channel over discord.py: hears, speaks, and comes back by itself as the close codes allow."""

import asyncio
import logging
import types
from collections.abc import Callable, Mapping

import aiohttp
import discord

from bot.discord_io.voice_connection import DISCONNECTED_CODES, LineVoiceClient, davey
from bot.discord_io.voice_out import VoiceOutput
from bot.discord_io.voice_people import VocalChannel, get_to_know, has_others, present_in, strangers_in
from bot.discord_io.voice_receiver import COUNTERS, VoiceReceiver
from bot.domain.conversation import ConversationKey
from bot.domain.errors import VoiceError
from bot.domain.voice import FrameSource, LineState, VoiceEar
from bot.tasks import Tasks

CONNECT_SECONDS = 10.0

_NOT_ENCRYPTED = 4017
_FINAL_CODES = DISCONNECTED_CODES | {4021}
"""After these Discord wants no new attempt: we were put out, the call ended, we asked too often."""

_PAUSES_SECONDS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Before each attempt to come back; after the last one the line is gone."""

_KEEPALIVE_SECONDS = 5
_UPKEEP_SECONDS = 1.0

log = logging.getLogger(__name__)


class DiscordVoiceLine:
    """A VoiceLine, and the ConnectionEvents of its connections: each new connection is another client of the library.

    `channel` is where it is now: a moderator may move it. `on_gone` is called once, when it will not come back.
    """

    def __init__(self, channel: VocalChannel, *, on_gone: Callable[["DiscordVoiceLine"], None]) -> None:
        self.channel = channel
        self._on_gone = on_gone
        self._state = LineState.RECONNECTING
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._receiver = VoiceReceiver(asyncio.get_running_loop(), self._counters)
        self._output = VoiceOutput(has_listeners=lambda: has_others(self.channel))
        self._client: LineVoiceClient | None = None
        self._ear: VoiceEar | None = None
        self._tasks = Tasks()
        self._is_closing = False
        self._told = LineState.RECONNECTING

    @property
    def key(self) -> ConversationKey:
        return ConversationKey(server_id=self.channel.guild.id, channel_id=self.channel.id)

    @property
    def state(self) -> LineState:
        return self._state

    @property
    def privacy_code(self) -> str | None:
        client = self._client
        if client is None or self._state is not LineState.CONNECTED or not client.line.is_encrypted:
            return None
        return client.voice_privacy_code or None

    @property
    def counters(self) -> Mapping[str, int]:
        return types.MappingProxyType(self._counters)

    @property
    def held(self) -> tuple[object, ...]:
        """Every packet that is kept at this moment."""
        return self._receiver.held

    async def connect(self) -> None:
        """Come in for the first time. Raises VoiceError."""
        if davey is None:
            raise _cannot_encrypt()
        try:
            await self._connect()
        except TimeoutError as error:
            raise VoiceError(
                "voice_timeout", "Discord did not let me into the voice channel in time. Try /voice join again."
            ) from error
        except discord.ConnectionClosed as error:
            if error.code == _NOT_ENCRYPTED:
                raise _cannot_encrypt() from error
            raise _refused() from error
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            raise _refused() from error
        self._tasks.spawn(self._keep_up(), name="voice upkeep")
        if isinstance(self.channel, discord.StageChannel):
            self._tasks.spawn(self._come_on_stage(self.channel), name="coming on stage")

    def open(self, ear: VoiceEar, source: FrameSource) -> None:
        self._ear = ear
        self._told = self._state
        self._output.open(source)
        self._receiver.open(ear)
        if self._state is LineState.GONE:
            ear.line_changed(LineState.GONE)
            return
        self.people_changed()

    def wake(self) -> None:
        self._output.wake()

    def people_changed(self) -> None:
        """Somebody came, went or changed something of theirs."""
        if self._ear is None or self._is_closing:
            return
        self._ear.present(present_in(self.channel))
        if strangers_in(self.channel):
            self._tasks.spawn(self._introduce(), name="people of a voice channel")

    async def aclose(self) -> None:
        if self._is_closing:
            return
        self._is_closing = True
        client, self._client = self._client, None
        try:
            self._receiver.close()
            await self._output.aclose()
            await self._tasks.finish(0)
            if client is not None:
                await self._hang_up(client)
        finally:
            self._become(LineState.GONE)
            self._ear = None

    # How its connections fare

    def lost(self, client: LineVoiceClient, code: int | None) -> None:
        if self._is_closing or client is not self._client:
            return
        self._client = None
        if client.is_leaving or client.line.was_removed or code in _FINAL_CODES:
            log.info("a voice channel was left; close code %s", code)
            self._tasks.spawn(self._give_up(client), name="voice ends")
            return
        log.info("a voice connection was lost; close code %s", code)
        self._counters["reconnects"] += 1
        self._become(LineState.RECONNECTING)
        self._tasks.spawn(self._come_back(client), name="voice comes back")

    def wavering(self, client: LineVoiceClient) -> None:
        if client is self._client:
            self._become(LineState.RECONNECTING)

    def restored(self, client: LineVoiceClient) -> None:
        if client is self._client:
            self._counters["reconnects"] += 1
            self._output.attach(client)
            self._become(LineState.CONNECTED)

    def moved(self, client: LineVoiceClient) -> None:
        self.channel = client.channel
        self.people_changed()

    # What it does by itself

    async def _connect(self) -> None:
        coming: list[LineVoiceClient] = []

        def make(client: discord.Client, channel: discord.abc.Connectable) -> LineVoiceClient:
            coming.append(LineVoiceClient(client, channel, receiver=self._receiver, events=self, count=self._count))
            return coming[0]

        try:
            client = await self.channel.connect(cls=make, timeout=CONNECT_SECONDS, reconnect=False)
        except asyncio.CancelledError:  # the library leaves it half connected
            for client in coming:
                await self._hang_up(client)
            raise
        if not client.is_connected():
            await self._hang_up(client)
            raise TimeoutError("not connected, though the library said nothing")
        self._client = client
        self._output.attach(client)
        self._become(LineState.CONNECTED)

    async def _come_back(self, client: LineVoiceClient) -> None:
        await self._hang_up(client)
        for pause in _PAUSES_SECONDS:
            await asyncio.sleep(pause)
            try:
                await self._connect()
            except discord.ConnectionClosed as error:
                if error.code in _FINAL_CODES or error.code == _NOT_ENCRYPTED:
                    break
            except (TimeoutError, discord.DiscordException, aiohttp.ClientError, OSError) as error:
                log.debug("a voice connection did not come back: %s", type(error).__name__)
            else:
                self.people_changed()
                return
        self._become(LineState.GONE)

    async def _give_up(self, client: LineVoiceClient) -> None:
        try:
            await self._hang_up(client)
        finally:
            self._become(LineState.GONE)

    async def _hang_up(self, client: LineVoiceClient) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await client.hang_up()
        except (TimeoutError, discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.warning("a voice connection did not end as it should: %s", type(error).__name__)
            client.cleanup()

    async def _keep_up(self) -> None:
        """What is held too long is let go of, and the way to us is kept open."""
        beats = 0
        while True:
            await asyncio.sleep(_UPKEEP_SECONDS)
            self._receiver.sweep()
            beats += 1
            client = self._client
            if client is None or not client.is_connected():
                continue
            if not client.line.is_reading:
                log.warning("nothing reads the socket of a voice connection any more")
                self.lost(client, None)
            elif beats % _KEEPALIVE_SECONDS == 0:
                client.keep_alive(beats // _KEEPALIVE_SECONDS)

    async def _introduce(self) -> None:
        await get_to_know(self.channel)
        if self._ear is not None:
            self._ear.present(present_in(self.channel))

    async def _come_on_stage(self, channel: discord.StageChannel) -> None:
        """On a stage the bot is a listener until it is let up, or may go up by itself."""
        me = channel.guild.me
        try:
            if channel.permissions_for(me).mute_members:
                await me.edit(suppress=False)
            else:
                await me.request_to_speak()
        except discord.HTTPException as error:
            log.warning("the bot may not speak on a stage: %d", error.status)

    def _count(self, name: str) -> None:
        self._counters[name] += 1

    def _become(self, state: LineState) -> None:
        if self._state is LineState.GONE:
            return
        self._state = state
        if state is LineState.GONE:
            self._on_gone(self)
        if self._ear is not None and state is not self._told:
            self._told = state
            self._ear.line_changed(state)


def _cannot_encrypt() -> VoiceError:
    return VoiceError(
        "voice_davey_missing",
        "Discord encrypts voice channels end to end, and the part for that (davey) is missing here. Whoever runs me "
        "can install it.",
    )


def _refused() -> VoiceError:
    return VoiceError("voice_refused", "Discord did not let me into the voice channel. Try /voice join again later.")
