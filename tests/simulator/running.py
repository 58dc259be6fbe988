"""The real bot at work between a simulated Discord and an emulated OpenAI, in the process of the test."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import discord
import yarl
from discord.gateway import DiscordWebSocket

from bot.app import open_bot
from bot.config import Duty, Settings, load_settings
from bot.discord_io.client import KibitzClient
from bot.discord_io.connection import stay_connected
from tests.simulator.discord_server import DiscordServer
from tests.simulator.openai_server import OpenAIEmulator

CONFIG = Path(__file__).parents[2] / "config.toml"


def environment(server: DiscordServer, cloud: OpenAIEmulator | None, data: Path, **settings: object) -> dict[str, str]:
    """What the bot is told: three addresses, whom to trust (as any program is told), a token, where its data lies, that
    one person may ask many things at once, who does the work (None: nobody but this machine). `settings` are variables
    without KIBITZ_, such as JOBS__MAX_RUNNING."""
    environ = {
        "DISCORD_TOKEN": server.token,
        "KIBITZ_DISCORD__API_URL": server.api_url,
        "KIBITZ_DISCORD__GATEWAY_URL": server.gateway_url,
        "KIBITZ_DISCORD__CDN_HOSTS": ",".join(server.cdn_hosts),
        "KIBITZ_DATA__DIRECTORY": str(data),
        "KIBITZ_WORKSPACE__DIRECTORY": str(data / "work"),
        "KIBITZ_STATUS__PORT": "0",
        "KIBITZ_JOBS__MAX_WAITING_PER_PERSON": "50",
        "SSL_CERT_FILE": str(server.voice.certificate.bundle()),
    }
    if cloud is not None:
        environ |= {
            "OPENAI_BASE_URL": cloud.base_url,
            "OPENAI_API_KEY": cloud.api_key,
            "KIBITZ_TRANSCRIPTS__MODELS": "whisper-1",
            "KIBITZ_OFFLINE__FALLBACK": "false",
        }
    return environ | {f"KIBITZ_{name}": str(value) for name, value in settings.items()}


def settings_of(server: DiscordServer, cloud: OpenAIEmulator | None, data: Path, **settings: object) -> Settings:
    """The same, read as at the start of the bot."""
    return load_settings(CONFIG, environ=environment(server, cloud, data, **settings))


def _trust(client: KibitzClient, server: DiscordServer) -> None:
    """Voice is spoken over TLS, with a certificate of the simulation's own."""
    client.http.connector._ssl = server.client_ssl


@asynccontextmanager
async def running_bot(
    server: DiscordServer, cloud: OpenAIEmulator | None, data: Path, *, duty: Duty = Duty.ALL, **settings: object
) -> AsyncGenerator[KibitzClient]:
    """The bot, online, with the clock of its Discord; on leaving it is told to stop as by SIGTERM. One at a time: the
    addresses are the library's."""
    api, gateway = discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    chosen = settings_of(server, cloud, data, **settings)
    try:
        async with open_bot(chosen, duty=duty, clock=server.clock) as client:
            client._connection.guild_ready_timeout = 0.1  # the library waits two seconds for servers to come in
            trust = partial(_trust, client, server)  # the library makes its connector when it signs in
            work = stay_connected(client, server.token, on_login=trust)
            serving = asyncio.create_task(work, name="discord")
            try:
                ready = asyncio.create_task(client.wait_until_ready(), name="ready")
                await asyncio.wait({serving, ready}, timeout=20, return_when=asyncio.FIRST_COMPLETED)
                if serving.done():
                    serving.result()
                await asyncio.wait_for(ready, 1)
                yield client
            finally:
                await client.wind_down()
                serving.cancel()
                await asyncio.wait({serving})
    finally:
        discord.http.Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = api, yarl.URL(gateway)
