"""A tiny bot on the unmodified discord.py, and files, for the tests of the simulated Discord."""

import asyncio
import io
import json
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.ext import commands

from tests.simulator.discord_server import Channel, DiscordServer

QUIET = discord.AllowedMentions.none()
Hearing = Callable[[discord.Message], Awaitable[Any]]


def intents(*, content: bool = False, **more: bool) -> discord.Intents:
    """What the project's bot asks for."""
    asked = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, voice_states=True)
    asked.message_content = content
    for name, value in more.items():
        setattr(asked, name, value)
    return asked


class TinyBot(commands.AutoShardedBot):
    """`events` names what the gateway told. `on_hear` gets every message that others wrote."""

    def __init__(self, *, asked: discord.Intents, on_hear: Hearing | None = None, **options: Any) -> None:
        options.setdefault("shard_count", 1)
        super().__init__(
            command_prefix="!", intents=asked, help_command=None, guild_ready_timeout=0.05, max_messages=None, **options
        )
        self.events: list[str] = []
        self.heard: list[discord.Message] = []
        self._on_hear = on_hear

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Without the five seconds between two shards."""

    async def on_socket_event_type(self, name: str) -> None:
        self.events.append(name)

    async def on_message(self, message: discord.Message) -> None:
        if message.author.id == self.application_id:
            return
        self.heard.append(message)
        if self._on_hear is not None:
            await self._on_hear(message)


@asynccontextmanager
async def running(
    server: DiscordServer,
    *,
    asked: discord.Intents | None = None,
    on_hear: Hearing | None = None,
    prepare: Callable[[TinyBot], None] | None = None,
    sync: bool = True,
    **options: Any,
) -> AsyncIterator[TinyBot]:
    """A bot that is ready, with the commands that `prepare` gave it."""
    base, gateway = discord.http.Route.BASE, discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY
    discord.http.Route.BASE = server.api_url
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(server.gateway_url)
    connector = aiohttp.TCPConnector(limit=0, ssl=server.client_ssl)
    bot = TinyBot(asked=asked or intents(), on_hear=on_hear, connector=connector, **options)
    if prepare is not None:
        prepare(bot)
    runner = None
    try:
        async with bot:
            await bot.login(server.token)
            if prepare is not None and sync:
                await bot.tree.sync()
            runner = asyncio.create_task(bot.connect())
            ready = asyncio.create_task(bot.wait_until_ready())
            await asyncio.wait([runner, ready], timeout=20, return_when=asyncio.FIRST_COMPLETED)
            if runner.done():
                ready.cancel()
                await runner
            yield bot
    finally:
        if runner is not None:
            await asyncio.wait([runner], timeout=10)
        discord.http.Route.BASE = base
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = gateway


@asynccontextmanager
async def logged_in(server: DiscordServer, **options: Any) -> AsyncIterator[TinyBot]:
    """A bot that uses only REST."""
    base = discord.http.Route.BASE
    discord.http.Route.BASE = server.api_url
    try:
        async with TinyBot(asked=intents(), **options) as bot:
            await bot.login(server.token)
            yield bot
    finally:
        discord.http.Route.BASE = base


async def send(bot: TinyBot, channel: Channel, files: dict[str, bytes] | None = None, **body: Any) -> dict[str, Any]:
    """POST …/messages with exactly that body, through discord.py's own HTTP client."""
    return await call(bot, "POST", "/channels/{channel_id}/messages", files, body, channel_id=channel.id)


async def call(
    bot: TinyBot, method: str, path: str, files: dict[str, bytes] | None = None, body: Any = None, **ids: Any
) -> Any:
    route = discord.http.Route(method, path, **ids)
    if files:
        form: list[dict[str, Any]] = [{"name": "payload_json", "value": json.dumps(body or {})}]
        for index, (name, data) in enumerate(files.items()):
            kind = "application/octet-stream"
            form.append({"name": f"files[{index}]", "value": io.BytesIO(data), "filename": name, "content_type": kind})
        return await bot.http.request(route, form=form)
    return await bot.http.request(route, json=body) if body is not None else await bot.http.request(route)


async def refused(work: Awaitable[Any]) -> tuple[int, int]:
    """HTTP status and Discord's code with which it is refused."""
    try:
        result = await work
    except discord.HTTPException as error:
        return error.status, error.code
    raise AssertionError(f"it was not refused: {result!r}")


def command(bot: TinyBot, work: Callable[..., Awaitable[Any]], name: str = "ask", **options: Any) -> None:
    """Registers a slash command that `work` answers."""
    bot.tree.add_command(app_commands.Command(name=name, description="A question", callback=work, **options))


def ogg(seconds: float = 1.5) -> bytes:
    """The least that looks like Ogg Opus of that length."""
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, 4, round(seconds * 48_000), 1, 2, 0, 1)
    return head + b"\x01" + b"\x00"


def write(folder: Path, name: str, data: bytes = b"some bytes") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path
