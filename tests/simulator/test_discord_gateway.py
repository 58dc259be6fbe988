"""The simulated gateway: sessions, replay, intents, shards, and every way of hanging up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import discord
import pytest

from tests.simulator.discord_material import intents, running
from tests.simulator.discord_server import DiscordServer


async def heard(server: DiscordServer, bot: Any, *texts: str) -> None:
    await server.bot.until(
        lambda: [message.content for message in bot.heard] == list(texts), what=f"hearing {texts}", timeout=10
    )


@asynccontextmanager
async def connected(server: DiscordServer) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    address = f"{server.gateway_url}?v=10&encoding=json"
    async with aiohttp.ClientSession() as session, session.ws_connect(address) as socket:
        yield socket


async def test_a_dropped_connection_is_resumed_and_what_was_missed_is_replayed_once() -> None:
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        anna = general.guild.member("Anna")  # type: ignore[union-attr] # a channel of a server
        async with running(server) as bot:
            await anna.post("@bot one", to=general)
            await heard(server, bot, f"{server.bot.mention} one")
            server.drop_gateway()
            await anna.post("@bot two", to=general)
            await anna.post("@bot three", to=general)
            await heard(server, bot, *(f"{server.bot.mention} {word}" for word in ("one", "two", "three")))
            assert bot.events.count("READY") == 1
            assert bot.events.count("RESUMED") == 1
        assert (server.gateway.identifies, server.gateway.resumes) == ([(0, 1)], [(0, 1)])


async def test_a_lost_session_is_identified_anew_and_nothing_is_replayed() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general = club.channel("general")
        anna = club.member("Anna")
        async with running(server) as bot:
            server.drop_gateway(resumable=False)
            await anna.dm("missed")
            await server.bot.until(lambda: bot.events.count("READY") == 2)
            await anna.post("@bot later", to=general)
            await heard(server, bot, f"{server.bot.mention} later")
        assert len(server.gateway.identifies) == 2


@pytest.mark.parametrize("way", ["reconnect", "resumable"])
async def test_the_server_asks_for_a_reconnect_and_the_session_goes_on(way: str) -> None:
    async with DiscordServer() as server:
        anna = server.guild("Film club").member("Anna")
        async with running(server) as bot:
            if way == "reconnect":
                server.reconnect()
            else:
                server.invalidate_session(resumable=True)
            await anna.dm("still there?")
            await server.bot.until(lambda: "RESUMED" in bot.events)
            await heard(server, bot, "still there?")
        assert len(server.gateway.identifies) == 1


async def test_an_invalid_session_is_begun_again() -> None:
    async with DiscordServer() as server:
        server.guild("Film club")
        async with running(server) as bot:
            server.invalidate_session()
            await server.bot.until(lambda: bot.events.count("READY") == 2)
        assert server.gateway.resumes == []


async def test_a_heartbeat_is_acknowledged() -> None:
    async with DiscordServer() as server, running(server) as bot:
        await server.bot.until(lambda: bot.latency < 5)


@pytest.mark.parametrize(("asked", "allowed"), [(intents(content=True), {}), (intents(members=True), {})])
async def test_an_intent_that_is_not_switched_on_ends_the_connection(
    asked: discord.Intents, allowed: dict[str, bool]
) -> None:
    async with DiscordServer(**allowed) as server:
        with pytest.raises(discord.PrivilegedIntentsRequired):
            async with running(server, asked=asked):
                pass
        assert server.gateway.close_codes == [4014]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("no json", 4002),
        ({"op": 99}, 4001),
        ({"op": 3, "d": {}}, 4003),
        ({"op": 2, "d": {"token": "wrong", "intents": 1}}, 4004),
        ({"op": 2, "d": {"token": "right"}}, 4013),
        ({"op": 2, "d": {"token": "right", "intents": 1, "shard": [2, 2]}}, 4010),
    ],
)
async def test_it_hangs_up_with_the_right_code(said: Any, code: int) -> None:
    async with DiscordServer() as server, connected(server) as socket:
        assert (await socket.receive_json())["op"] == 10
        if isinstance(said, dict):
            data = {**said.get("d", {})}
            if data.get("token") == "right":
                data["token"] = server.token
            await socket.send_json({**said, "d": data})
        else:
            await socket.send_str(said)
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSE
        assert socket.close_code == code


async def test_a_client_without_a_heartbeat_is_hung_up_on() -> None:
    async with DiscordServer(heartbeat_seconds=0.05) as server, connected(server) as socket:
        await socket.receive_json()
        async with asyncio.timeout(5):
            await socket.receive()
        assert socket.close_code == 4009


async def test_a_sequence_number_from_the_future_is_refused() -> None:
    async with DiscordServer() as server, running(server):
        identity = {"token": server.token, "session_id": server.gateway.sessions[0].id, "seq": 1000}
        async with connected(server) as socket:
            await socket.receive_json()
            await socket.send_json({"op": 6, "d": identity})
            await socket.receive()
            assert socket.close_code == 4007


async def test_a_wrong_token_is_refused_before_the_gateway() -> None:
    async with DiscordServer() as server:
        server.token = "wrong"
        with pytest.raises(discord.LoginFailure):
            async with running(server):
                pass
        assert server.refusals[401] == 1


async def test_without_an_intent_there_is_no_event() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general = club.channel("general")
        anna = club.member("Anna")
        async with running(server, asked=discord.Intents(guilds=True, dm_messages=True)) as bot:
            message = await anna.post("@bot in the channel", to=general)
            await anna.react(message, "👍")
            await anna.start_typing(general)
            await anna.dm("direct")
            await heard(server, bot, "direct")
        assert not {"MESSAGE_REACTION_ADD", "TYPING_START", "GUILD_MEMBER_ADD"} & set(bot.events)
    async with DiscordServer(members_allowed=True) as server:
        club = server.guild("Film club")
        general = club.channel("general")
        anna = club.member("Anna")
        asked = intents(reactions=True, typing=True, members=True)
        async with running(server, asked=asked) as bot:
            message = await anna.post("@bot in the channel", to=general)
            await anna.react(message, "👍")
            await anna.unreact(message, "👍")
            await anna.start_typing(general)
            club.member("Chen")
            wanted = {"MESSAGE_REACTION_ADD", "MESSAGE_REACTION_REMOVE", "TYPING_START", "GUILD_MEMBER_ADD"}
            await server.bot.until(lambda: wanted <= set(bot.events))


async def test_each_shard_hears_of_its_servers_and_the_first_of_direct_messages() -> None:
    async with DiscordServer(shards=2) as server:
        rooms = [server.guild(f"Club {number}", shard=(number, 2)).channel("general") for number in range(2)]
        people = [room.guild.member(f"Member {room.guild.name}") for room in rooms if room.guild]
        async with running(server, shard_count=None) as bot:
            assert bot.shard_count == 2
            for room, person in zip(rooms, people, strict=True):
                await person.post("@bot hello", to=room)
            await people[1].dm("direct")
            await server.bot.until(lambda: len(bot.heard) == 3)
            told = {session.shard[0]: session.names.count("MESSAGE_CREATE") for session in server.gateway.sessions}
        assert server.gateway.identifies == [(0, 2), (1, 2)]
        assert told == {0: 2, 1: 1}


async def test_a_process_with_one_of_two_shards_hears_only_its_part() -> None:
    async with DiscordServer() as server:
        rooms = [server.guild(f"Club {number}", shard=(number, 2)).channel("general") for number in range(2)]
        people = [room.guild.member(f"Member {room.guild.name}") for room in rooms if room.guild]
        async with running(server, shard_count=2, shard_ids=[1]) as bot:
            for room, person in zip(rooms, people, strict=True):
                await person.post(f"@bot {room.id}", to=room)
            await people[0].dm("direct")
            await heard(server, bot, f"{server.bot.mention} {rooms[1].id}")
            assert [guild.id for guild in bot.guilds] == [people[1].world.guilds[rooms[1].guild.id].id]  # type: ignore[union-attr] # of a server
