"""The bot, connected to a simulated Discord for as long as a test lasts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
from discord.gateway import DiscordWebSocket
from discord.http import Route
from yarl import URL

from bot.app import open_bot
from bot.config import DataSettings, DiscordSettings, JobSettings, Settings, StatusSettings
from bot.discord_io.client import KibitzClient
from bot.discord_io.connection import stay_connected
from tests.simulator.discord_server import DiscordServer


def settings(server: DiscordServer, folder: Path, **changes: Any) -> Settings:
    places = {"api_url": server.api_url, "gateway_url": server.gateway_url, "cdn_hosts": server.cdn_hosts}
    return Settings(
        discord=DiscordSettings(**{**places, **changes}),
        data=DataSettings(directory=folder),
        jobs=JobSettings(shutdown_seconds=1),
        status=StatusSettings(port=0),
    )


@asynccontextmanager
async def online(settings: Settings, server: DiscordServer) -> AsyncGenerator[KibitzClient]:
    kept = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    async with open_bot(settings) as client:
        serving = asyncio.create_task(stay_connected(client, server.token, on_login=lambda: None, pauses=()))
        async with asyncio.timeout(20):
            ready = asyncio.create_task(client.wait_until_ready())
            await asyncio.wait({serving, ready}, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                ready.cancel()
                await serving
        yield client
        await client.close()
        await serving
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = kept


@asynccontextmanager
async def connected(server: DiscordServer, *, message_content: bool = False) -> AsyncGenerator[discord.Client]:
    """The library alone, with what the bot asks for and keeps, but without anybody who answers."""
    kept = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = server.api_url, URL(server.gateway_url)
    intents = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, message_content=message_content)
    nobody = discord.MemberCacheFlags.none()
    async with discord.Client(
        intents=intents, member_cache_flags=nobody, chunk_guilds_at_startup=False, guild_ready_timeout=0.1
    ) as client:
        serving = asyncio.create_task(client.start(server.token))
        await asyncio.wait_for(client.wait_until_ready(), 20)
        yield client
        await client.close()
        await serving
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = kept
