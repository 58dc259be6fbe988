"""The voice channels the bot is in: one per server, joined one after the other."""

import asyncio
import time
from collections.abc import Callable

from discord.ext import commands

from bot.discord_io.voice_channel import VocalChannel, check_may_join
from bot.discord_io.voice_line import DiscordVoiceLine
from bot.domain.errors import VoiceError
from bot.voice.opus import ensure_opus

try:
    import davey
except ImportError:  # joining says so in words
    davey = None


class VoiceLines:
    """All lines of one client."""

    def __init__(
        self, client: commands.Bot | commands.AutoShardedBot, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._clock = clock
        self._lines: dict[int, DiscordVoiceLine] = {}
        self._locks: dict[int, asyncio.Lock] = {}

    def of(self, server_id: int) -> DiscordVoiceLine | None:
        """The line there is in a server."""
        return self._lines.get(server_id)

    async def join(self, channel: VocalChannel) -> DiscordVoiceLine:
        """Come into a channel, and out of another one of the same server. Raises VoiceError."""
        check_may_join(channel)
        ensure_opus()
        if davey is None:
            raise VoiceError(
                "voice_davey_missing",
                "This voice channel is end-to-end encrypted, and the library for that is missing or too old here. "
                "Whoever runs me must install davey.",
            )
        server_id = channel.guild.id
        async with self._locks.setdefault(server_id, asyncio.Lock()):
            before = self._lines.get(server_id)
            if before is not None:
                await before.aclose()
            line = DiscordVoiceLine(self._client, channel, gone=self._forget, clock=self._clock)
            await line.join()
            self._lines[server_id] = line
            return line

    async def aclose(self) -> None:
        """Leave everywhere."""
        await asyncio.gather(*(line.aclose() for line in tuple(self._lines.values())))

    def _forget(self, line: DiscordVoiceLine) -> None:
        server_id = line.channel.guild.id
        if self._lines.get(server_id) is line:
            del self._lines[server_id]
