"""Words of whoever runs the bot, for the channels that asked for them."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import discord

from bot.discord_io.posting import NO_MENTIONS
from bot.domain.errors import BotError
from bot.domain.sentence import counted
from bot.locales import catalogue
from bot.memory.store import Memory
from bot.services.gate import Gate

log = logging.getLogger(__name__)

LONGEST = 1500
"""Letters of a message to all."""

_AGAIN_SECONDS = 600.0
_PACE_SECONDS = 0.5
_MINUTE = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How many channels got it, and how many could not be written to."""

    sent: int = 0
    failed: int = 0


class News:
    """For one client. A message goes out slowly, pings nobody, and not soon after another."""

    def __init__(
        self,
        client: discord.Client,
        memory: Memory,
        gate: Gate,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._client = client
        self._memory = memory
        self._gate = gate
        self._clock = clock
        self._sleep = sleep
        self._sent_at: float | None = None

    async def channels(self) -> tuple[tuple[int, int], ...]:
        """Server and channel of those that asked for it, of servers that may use the bot. Raises BotError without any,
        and soon after a message."""
        passed = _AGAIN_SECONDS if self._sent_at is None else self._clock() - self._sent_at
        if passed < _AGAIN_SECONDS:
            minutes = int((_AGAIN_SECONDS - passed) // _MINUTE) + 1
            raise BotError(
                "broadcast_too_soon",
                counted(
                    "A message went out just now. The next one may in {n} minute.",
                    "A message went out just now. The next one may in {n} minutes.",
                    minutes,
                ),
            )
        found = [place for place in await self._memory.news_channels() if await self._is_welcome(place[0])]
        if not found:
            raise BotError(
                "broadcast_nowhere", "No channel has asked for news. /settings in a channel switches them on."
            )
        return tuple(sorted(found))

    async def spread(self, text: str) -> Spread:
        """Send it to all of them, one after the other. Raises BotError as `channels`."""
        places = await self.channels()
        self._sent_at = self._clock()
        sent = 0
        for number, (server_id, channel_id) in enumerate(places):
            if number:
                await self._sleep(_PACE_SECONDS)
            sent += await self._post(server_id, channel_id, text)
        log.info("a message to all reached %d of %d channels", sent, len(places))
        return Spread(sent=sent, failed=len(places) - sent)

    async def _post(self, server_id: int, channel_id: int, text: str) -> bool:
        place = await self._memory.settings_for(server_id, channel_id)
        guild = self._client.get_guild(server_id)
        words = catalogue(place.language or (guild.preferred_locale.value if guild else None))
        end = words("From whoever runs this bot. /settings in this channel switches such news off.")
        channel = self._client.get_partial_messageable(channel_id, guild_id=server_id)
        try:
            await channel.send(f"{text}\n-# {end}", allowed_mentions=NO_MENTIONS, suppress_embeds=True)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("a message to all did not reach channel %d: %s", channel_id, type(error).__name__)
            return False
        return True

    async def _is_welcome(self, server_id: int) -> bool:
        try:
            await self._gate.check_server(server_id)
        except BotError as error:
            if error.code != "server_refused":
                raise
            return False
        return True
