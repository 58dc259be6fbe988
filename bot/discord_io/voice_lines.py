"""Lines to voice channels: one per server, joined one after another, told who is there, brought back when lost."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import discord
from discord.ext import commands

from bot.discord_io.voice_line import DiscordVoiceLine
from bot.discord_io.voice_people import VocalChannel
from bot.voice.opus import ensure_opus

log = logging.getLogger(__name__)


class VoiceLines:
    """For one client, which must be attached before the first join."""

    def __init__(self, client: commands.AutoShardedBot) -> None:
        self._client = client
        self._lines: dict[int, DiscordVoiceLine] = {}
        self._joining: dict[int, asyncio.Lock] = {}
        client.add_listener(self._voice_state_changed, "on_voice_state_update")

    def of(self, server_id: int) -> DiscordVoiceLine | None:
        """The one of a server; None when there is none or it is gone."""
        return self._lines.get(server_id)

    async def join(self, channel: VocalChannel) -> DiscordVoiceLine:
        """A connected line; the one that was in this server is left first. Raises VoiceError."""
        ensure_opus()
        server_id = channel.guild.id
        async with self._joining.setdefault(server_id, asyncio.Lock()):
            if (before := self._lines.pop(server_id, None)) is not None:
                await before.aclose()
            line = DiscordVoiceLine(channel, on_gone=self._forgetter(server_id))
            await line.connect()
            self._lines[server_id] = line
            return line

    async def aclose(self) -> None:
        """Leave everywhere, and listen to no more changes."""
        self._client.remove_listener(self._voice_state_changed, "on_voice_state_update")
        await asyncio.gather(*(line.aclose() for line in tuple(self._lines.values())))

    def _forgetter(self, server_id: int) -> Callable[[DiscordVoiceLine], None]:
        def forget(line: DiscordVoiceLine) -> None:
            if self._lines.get(server_id) is line:
                del self._lines[server_id]

        return forget

    async def _voice_state_changed(self, member: discord.Member, *_: Any) -> None:
        line = self._lines.get(member.guild.id)
        if line is not None:
            line.people_changed()
