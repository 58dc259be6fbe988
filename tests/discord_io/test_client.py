"""The client: what it asks Discord for, where it connects and resumes, how it signs in and how it leaves."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import discord
import pytest

from bot.app import open_bot
from bot.config import Settings
from bot.discord_io.client import KibitzClient
from bot.discord_io.connection import stay_connected
from bot.domain.errors import BotError
from tests.discord_io.bots import online, settings
from tests.simulator.discord_server import DiscordServer

NOWHERE = "ws://localhost:9/"


@pytest.fixture
async def server() -> AsyncGenerator[DiscordServer]:
    async with DiscordServer(message_content_allowed=True) as server:
        yield server


async def test_it_asks_for_no_more_than_it_needs(server: DiscordServer, tmp_path: Path) -> None:
    asked: list[int] = []
    for wanted in (False, True):
        async with online(settings(server, tmp_path, message_content=wanted), server):
            asked += [session.intents for session in server.gateway.sessions if session.connection]
    unprivileged = discord.Intents(guilds=True, guild_messages=True, dm_messages=True, voice_states=True).value
    assert asked == [unprivileged, unprivileged | discord.Intents(message_content=True).value]
    assert not server.gateway.sent, "no member list is asked for"


async def test_it_knows_itself_and_no_other_member(server: DiscordServer, tmp_path: Path) -> None:
    guild = server.guild("Friends")
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with online(settings(server, tmp_path), server) as client:
        await ann.post("hello", to=channel)
        seen = client.get_guild(guild.id)
        assert seen is not None
        assert [member.id for member in seen.members] == [server.app.id]
        assert seen.me.id == server.app.id


async def test_nobody_is_pinged_whatever_is_sent(server: DiscordServer, tmp_path: Path) -> None:
    guild = server.guild("Friends")
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with online(settings(server, tmp_path), server) as client:
        await client.get_partial_messageable(channel.id).send(f"@everyone {ann.mention}")
        (said,) = server.bot.messages(channel)
        assert said.mentions.pings == ()


async def test_the_configured_gateway_wins_over_the_one_discord_names(server: DiscordServer, tmp_path: Path) -> None:
    server.gateway.url = NOWHERE
    async with online(settings(server, tmp_path), server) as client:
        server.drop_gateway()
        await server.bot.until(lambda: server.gateway.resumes, what="a resumed session")
        assert len(server.gateway.identifies) == 1
        server.invalidate_session()
        await server.bot.until(lambda: len(server.gateway.identifies) == 2, what="a new session")
        await server.bot.until(lambda: client.is_ready() and server.bot.is_online)


@pytest.mark.parametrize(
    ("shards", "expected"), [({}, {(0, 2), (1, 2)}), ({"shard_count": 3, "shard_ids": (2,)}, {(2, 3)})]
)
async def test_shards_are_as_many_as_advised_or_as_told(
    tmp_path: Path, shards: dict[str, Any], expected: set[tuple[int, int]]
) -> None:
    async with DiscordServer(shards=2) as server, online(settings(server, tmp_path, **shards), server):
        assert set(server.gateway.identifies) == expected


async def test_work_has_its_time_and_the_rest_is_cancelled(server: DiscordServer, tmp_path: Path) -> None:
    done: list[str] = []

    async def short() -> None:
        await asyncio.sleep(0.01)
        done.append("short")

    async def endless() -> None:
        await asyncio.Event().wait()

    async with online(settings(server, tmp_path), server) as client:
        client.tasks.spawn(short(), name="short")
        left = client.tasks.spawn(endless(), name="endless")
        await client.wind_down()
        assert client.is_stopping
        assert done == ["short"]
        assert left.cancelled()
        assert client.is_closed()


async def test_a_discord_that_comes_back_is_waited_for(server: DiscordServer, tmp_path: Path) -> None:
    logins: list[int] = []
    server.fail("GET /users/@me", status=503)
    server.fail("GET /users/@me", status=0)
    server.fail("GET /gateway/bot", status=503)
    async with open_bot(settings(server, tmp_path)) as client:
        serving = asyncio.create_task(
            stay_connected(
                client, server.token, on_login=lambda: logins.append(client.application_id or 0), pauses=(0, 0)
            )
        )
        await server.bot.online()
        assert logins == [server.app.id]
        assert server.count("GET", "/users/@me") == 3
        assert server.count("GET", "/gateway/bot") == 2
        await client.close()
        await serving


@pytest.mark.parametrize(
    ("route", "status", "code"),
    [
        ("users/@me", 503, "discord_unreachable"),
        ("users/@me", 0, "discord_unreachable"),
        ("users/@me", 404, "discord_sign_in_refused"),
        ("gateway/bot", 503, "discord_unreachable"),
    ],
)
async def test_a_discord_that_does_not_come_back_is_told(
    server: DiscordServer, tmp_path: Path, route: str, status: int, code: str
) -> None:
    server.fail(f"GET /{route}", status=status, times=99)
    async with open_bot(settings(server, tmp_path)) as client:
        with pytest.raises(BotError) as caught:
            await stay_connected(client, server.token, on_login=lambda: None, pauses=(0,))
    assert caught.value.code == code


async def test_nobody_at_the_address(server: DiscordServer, tmp_path: Path) -> None:
    async with open_bot(settings(server, tmp_path, api_url="http://127.0.0.1:9/api/v10")) as client:
        with pytest.raises(BotError) as caught:
            await stay_connected(client, server.token, on_login=lambda: None, pauses=(0,))
    assert caught.value.code == "discord_unreachable"


@pytest.mark.parametrize(
    ("close_code", "code"), [(4004, "discord_token"), (4014, "discord_intents"), (4011, "discord_closed")]
)
async def test_a_connection_closed_for_good_is_told(
    server: DiscordServer, tmp_path: Path, close_code: int, code: str
) -> None:
    async with open_bot(settings(server, tmp_path)) as client:
        serving = asyncio.create_task(stay_connected(client, server.token, on_login=lambda: None, pauses=()))
        await server.bot.online()
        server.gateway.close_all(close_code)
        with pytest.raises(BotError) as caught:
            await asyncio.wait_for(serving, 20)
    assert caught.value.code == code


async def test_before_the_start_there_is_nothing_to_work_with() -> None:
    async with KibitzClient(Settings()) as client:
        with pytest.raises(RuntimeError):
            _ = client.house
