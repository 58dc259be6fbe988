"""Discord for a process that listens to nothing: messages are read again, for files whose links have expired."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import discord

from bot.config import Settings
from bot.discord_io.addresses import use_addresses
from bot.discord_io.attachments import read_again, unavailable
from bot.discord_io.made_clip import keep_facts
from bot.discord_io.silenced import counting
from bot.domain.conversation import MediaSource


class RestOnly:
    """Signs in when it is first needed."""

    def __init__(self, client: discord.Client, token: str) -> None:
        self._client = client
        self._token = token
        self._signing_in = asyncio.Lock()

    async def read_again(self, source: MediaSource) -> MediaSource | None:
        """See bot/discord_io/attachments.py. Raises MediaError."""
        async with self._signing_in:
            if self._client.user is None:
                try:
                    await self._client.login(self._token)
                except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                    raise unavailable() from error
        return await read_again(self._client, source)


@asynccontextmanager
async def open_rest(settings: Settings) -> AsyncGenerator[RestOnly]:
    """Closed with the block."""
    use_addresses(settings.discord)
    keep_facts()
    token = settings.discord.token
    async with discord.Client(intents=discord.Intents(guilds=True), http_trace=counting()) as client:
        yield RestOnly(client, "" if token is None else token.get_secret_value())
