"""Messages that came while the bot was away: read from the history, and taken as if they had just been told of.

Discord repeats nothing to a new session. What was missed is found where a channel's last message is newer than the
time the bot was last known to be there; what it had taken already is known by its message.
"""

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import discord

from bot.discord_io.permissions import reading
from bot.discord_io.wall import lacking
from bot.domain.errors import MemoryFault
from bot.jobs.intake import Intake

log = logging.getLogger(__name__)

LONGEST_AWAY = timedelta(minutes=15)
"""What was asked longer ago is not taken up: who asked has asked again by now."""

_NOTED_EVERY_SECONDS = 10.0
_SLACK = timedelta(seconds=60)  # Discord acknowledges a heartbeat every 41 s, so a loss is noticed that late
_MOST_CHANNELS = 100
_MESSAGES_PER_CHANNEL = 50
_SEEN_KEPT = 2_000

_Channel = discord.TextChannel | discord.VoiceChannel | discord.StageChannel | discord.Thread | discord.DMChannel


class CatchUp:
    """For one client. `file` holds, as its time, when the bot was last known to be connected; `is_there`: it is."""

    def __init__(
        self, client: discord.Client, intake: Intake, file: Path, *, is_there: Callable[[], bool] = lambda: True
    ) -> None:
        self._client = client
        self._is_there = is_there
        self._intake = intake
        self._file = file
        self._seen: deque[int] = deque(maxlen=_SEEN_KEPT)
        self._running = asyncio.Lock()

    def saw(self, message_id: int) -> None:
        """Discord told of this message."""
        self._seen.append(message_id)

    async def note(self) -> None:
        """Keep noting that the bot is there, for as long as this runs; looked at only after `run`."""
        while True:
            await asyncio.sleep(_NOTED_EVERY_SECONDS)
            if self._running.locked() or self._client.is_closed() or not self._client.is_ready():
                continue
            if self._is_there():
                await asyncio.to_thread(self._touch)

    async def run(self) -> None:
        """Take what was missed; nothing where the bot was never there before."""
        async with self._running:
            away_since = await asyncio.to_thread(self._last_there)
            taken = 0
            if away_since is not None:
                since = max(away_since - _SLACK, datetime.now(UTC) - LONGEST_AWAY)
                async for channel in self._channels(since):
                    taken += await self._read(channel, since)
            await asyncio.to_thread(self._touch)
        if taken:
            log.info("%d messages came while the bot was away", taken)

    def _touch(self) -> None:
        try:
            self._file.touch()
        except OSError as error:
            log.warning("that the bot is there is not noted: %s", type(error).__name__)

    def _last_there(self) -> datetime | None:
        try:
            return datetime.fromtimestamp(self._file.stat().st_mtime, UTC)
        except FileNotFoundError:
            return None

    async def _channels(self, since: datetime) -> AsyncGenerator[_Channel]:
        """Those with a message since then, the latest first; of direct messages those where something was asked
        lately, since Discord does not list them."""
        after = discord.utils.time_snowflake(since)
        places: list[tuple[int, _Channel]] = []
        for guild in self._client.guilds:
            rooms: Sequence[_Channel] = [
                *guild.text_channels,
                *guild.voice_channels,
                *guild.stage_channels,
                *guild.threads,
            ]
            for room in rooms:
                last = room.last_message_id or 0
                if last > after:
                    places.append((last, room))
        for _, channel in sorted(places, key=lambda place: -place[0])[:_MOST_CHANNELS]:
            if not lacking(channel, reading(channel)):
                yield channel
        try:
            direct = await self._intake.direct_channels(datetime.now(UTC) - timedelta(days=1), limit=_MOST_CHANNELS)
        except MemoryFault as fault:
            log.warning("missed direct messages are not looked for: %s", fault.code)
            return
        for channel_id in direct:
            try:
                channel = await self._client.fetch_channel(channel_id)
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                log.info("a direct channel is not read: %s", type(error).__name__)
                continue
            if isinstance(channel, discord.DMChannel):
                yield channel

    async def _read(self, channel: _Channel, since: datetime) -> int:
        """What has a reply of ours was answered, or refused, before."""
        found: list[discord.Message] = []
        try:
            async for message in channel.history(after=since, limit=_MESSAGES_PER_CHANNEL, oldest_first=True):
                found.append(message)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.warning("what was missed in a channel is not read: %s", type(error).__name__)
        own = self._client.user
        replies = [message.reference for message in found if own is not None and message.author.id == own.id]
        over = {reference.message_id for reference in replies if reference is not None}
        missed = [message for message in found if message.id not in over and message.id not in self._seen]
        for message in missed:
            self.saw(message.id)
            self._client.dispatch("message", message)
        return len(missed)
