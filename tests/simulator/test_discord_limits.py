"""Rate limits of the simulated Discord, and the failures that a test orders."""

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.simulator.discord_material import call, logged_in, refused, send
from tests.simulator.discord_server import Channel, Clock, DiscordServer

HEADERS = {"User-Agent": "DiscordBot (test, 1)"}


async def post(session: aiohttp.ClientSession, server: DiscordServer, path: str, body: Any = None) -> Any:
    headers = {**HEADERS, "Authorization": f"Bot {server.token}"}
    async with session.post(f"{server.api_url}{path}", json=body, headers=headers) as response:
        return response.status, response.headers, await response.json() if response.status != 204 else None


async def test_five_messages_in_five_seconds_and_the_sixth_waits() -> None:
    clock = Clock()
    async with DiscordServer(clock=clock) as server, aiohttp.ClientSession() as session:
        club = server.guild("Film club")
        general, other = club.channel("general"), club.channel("other")
        path = f"/channels/{general.id}/messages"
        answers = [await post(session, server, path, {"content": "x"}) for _ in range(6)]
        assert [status for status, _, _ in answers] == [200] * 5 + [429]
        assert [headers["X-RateLimit-Remaining"] for _, headers, _ in answers[:5]] == ["4", "3", "2", "1", "0"]
        _, headers, body = answers[5]
        assert (body["global"], body["message"]) == (False, "You are being rate limited.")
        assert 0 < body["retry_after"] <= 5
        assert headers["X-RateLimit-Scope"] == "user"
        assert headers["X-RateLimit-Bucket"] == answers[0][1]["X-RateLimit-Bucket"]
        assert (await post(session, server, f"/channels/{other.id}/messages", {"content": "x"}))[0] == 200
        clock.advance(5)
        assert (await post(session, server, path, {"content": "x"}))[0] == 200
        assert server.refusals == {429: 1}


async def test_fifty_requests_in_a_second_for_all_routes_together() -> None:
    class Still(Clock):
        """Stands still."""

        def __call__(self) -> float:
            return 1_800_000_000.0

    async with DiscordServer(clock=Still()) as server, aiohttp.ClientSession() as session:
        club = server.guild("Film club")
        channels = [club.channel(f"room-{number}") for number in range(11)]
        paths = [f"/channels/{channel.id}/typing" for channel in channels for _ in range(5)]
        answers = [await post(session, server, path) for path in paths]
        assert [status for status, _, _ in answers] == [204] * 50 + [429] * 5
        assert answers[-1][2]["global"] is True
        assert answers[-1][1]["X-RateLimit-Scope"] == "global"


async def test_the_client_waits_and_gets_through() -> None:
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        async with logged_in(server) as bot:
            server.fail("POST /channels", status=429, retry_after=0.05)
            await send(bot, general, content="x")
            assert server.refusals == {429: 1}
            server.fail("POST /channels", status=500)
            await send(bot, general, content="y")
        assert [item.status for item in server.requests if item.method == "POST"] == [429, 200, 500, 200]
        assert [message.content for message in server.bot.messages()] == ["x", "y"]


@pytest.mark.parametrize(("nonce", "posts"), [({"nonce": "job-1", "enforce_nonce": True}, 1), ({}, 2)])
async def test_an_answer_that_is_lost_posts_twice_unless_there_is_a_nonce(nonce: dict[str, Any], posts: int) -> None:
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        async with logged_in(server) as bot:
            server.fail("POST /channels", status=502, after=True)
            await send(bot, general, content="once", **nonce)
        assert len(server.bot.messages()) == posts


async def test_a_connection_is_dropped_and_a_plan_can_be_forgotten() -> None:
    async with DiscordServer() as server:
        general: Channel = server.guild("Film club").channel("general")
        async with logged_in(server) as bot:
            server.fail("POST /channels", status=0)
            with pytest.raises(aiohttp.ClientError):
                await send(bot, general, content="x")
            server.fail("POST /channels", status=403, times=3)
            assert (await refused(send(bot, general, content="x")))[0] == 403
            server.heal()
            await send(bot, general, content="x")


async def test_headers_that_everyone_must_send() -> None:
    async with DiscordServer() as server, aiohttp.ClientSession(skip_auto_headers=["User-Agent"]) as session:
        headers = {"Authorization": f"Bot {server.token}"}
        async with session.get(f"{server.api_url}/users/@me", headers=headers) as response:
            assert (response.status, (await response.json())["code"]) == (403, 40333)
        async with session.get(f"{server.api_url}/gateway", headers=HEADERS) as response:
            assert await response.json() == {"url": server.gateway_url}
        path = f"{server.api_url}/channels/general/messages"
        async with session.get(path, headers={**HEADERS, **headers}) as response:
            assert (response.status, (await response.json())["code"]) == (400, 50035)
        async with session.post(path.replace("general", "1"), data="{", headers={**HEADERS, **headers}) as response:
            assert (response.status, (await response.json())["code"]) == (400, 50109)


async def test_two_people_typing_and_posting_at_once_keep_their_order() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        general, anna, chen = club.channel("general"), club.member("Anna"), club.member("Chen")
        posted = await asyncio.gather(*(person.post(f"{person.name}", to=general) for person in (anna, chen) * 3))
        assert [message.id for message in general.seen_by(anna)] == sorted(message.id for message in posted)
        async with logged_in(server) as bot:
            assert len(await call(bot, "GET", "/channels/{channel_id}/messages", channel_id=general.id)) == 6
