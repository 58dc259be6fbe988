"""A Discord voice channel as a `VoiceLine`: the receiver, the output and the supervisor put together."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

import discord
from discord.ext import commands

from bot.discord_io.voice_channel import VocalChannel, key_of_channel
from bot.discord_io.voice_out import VoiceOutput
from bot.discord_io.voice_people import People, ask_to_speak, has_others
from bot.discord_io.voice_receiver import COUNTERS, VoiceReceiver
from bot.discord_io.voice_supervisor import VoiceSupervisor
from bot.domain.conversation import ConversationKey
from bot.domain.voice import FrameSource, LineState, Listener, VoiceEar
from bot.tasks import Tasks

_log = logging.getLogger(__name__)

_VOICE_STATE_UPDATE = "on_voice_state_update"


class DiscordVoiceLine:
    """One voice channel. Made by `VoiceLines.join`."""

    def __init__(
        self,
        client: commands.Bot | commands.AutoShardedBot,
        channel: VocalChannel,
        *,
        gone: Callable[["DiscordVoiceLine"], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._gone = gone
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._people = People()
        self._told: tuple[Listener, ...] | None = None
        self._ear: VoiceEar | None = None
        self._tasks = Tasks()
        self._receiver = VoiceReceiver(asyncio.get_running_loop(), self._counters, clock=clock)
        self._output = VoiceOutput(has_listeners=self._has_listeners, clock=clock)
        self._supervisor = VoiceSupervisor(
            channel,
            receiver=self._receiver,
            counters=self._counters,
            changed=self._changed,
            moved=self._tell_people,
            ticked=self._tick,
        )

    @property
    def channel(self) -> VocalChannel:
        """Where it is now; a moderator may have moved it."""
        return self._supervisor.channel

    @property
    def key(self) -> ConversationKey:
        return key_of_channel(self.channel)

    @property
    def state(self) -> LineState:
        return self._supervisor.state

    @property
    def privacy_code(self) -> str | None:
        client = self._supervisor.client
        return client.voice_privacy_code if client is not None and client.line.can_encrypt else None

    @property
    def counters(self) -> Mapping[str, int]:
        return MappingProxyType(dict(self._counters))

    async def join(self) -> None:
        """Raises VoiceError."""
        await self._supervisor.join()
        self._client.add_listener(self._voice_state_updated, _VOICE_STATE_UPDATE)

    def open(self, ear: VoiceEar, source: FrameSource) -> None:
        self._ear = ear
        self._output.open(source)
        self._receiver.open(ear)
        self._tell_people()

    def wake(self) -> None:
        self._output.wake()

    async def aclose(self) -> None:
        self._client.remove_listener(self._voice_state_updated, _VOICE_STATE_UPDATE)
        self._receiver.close()
        await self._output.aclose()
        await self._supervisor.aclose()
        await self._tasks.finish(0)

    def _changed(self, state: LineState) -> None:
        client = self._supervisor.client
        if state is LineState.CONNECTED and client is not None:
            self._output.attach(client)
            self._tasks.spawn(ask_to_speak(self.channel), name="stage")
            self._tell_people()
        elif state is LineState.GONE:
            self._receiver.close()
            self._client.remove_listener(self._voice_state_updated, _VOICE_STATE_UPDATE)
            self._gone(self)
        if self._ear is not None:
            self._ear.line_changed(state)

    def _tick(self) -> None:
        self._receiver.sweep()
        self._output.nudge()
        self._tell_people()

    async def _voice_state_updated(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        if self.channel in (before.channel, after.channel):
            self._tell_people()

    def _tell_people(self) -> None:
        """Tell the ear who is there, when that is something else than before."""
        channel = self._here()
        if channel is None or self._ear is None:
            return
        self._tasks.spawn(self._get_to_know(channel), name="people")
        present = self._people.present(channel)
        if present != self._told:
            self._told = present
            self._ear.present(present)

    async def _get_to_know(self, channel: VocalChannel) -> None:
        if await self._people.get_to_know(channel):
            self._tell_people()

    def _here(self) -> VocalChannel | None:
        """The channel as the library knows it now: after a new session its values are others."""
        found = self._client.get_channel(self.channel.id)
        return found if isinstance(found, discord.VoiceChannel | discord.StageChannel) else None

    def _has_listeners(self) -> bool:
        channel = self._here()
        return channel is not None and has_others(channel)
