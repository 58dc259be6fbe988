"""What of a channel's refusals holds for the next request, and what does not: no single person ends it for all."""

import gc
import json
import weakref
from collections.abc import AsyncIterator
from dataclasses import dataclass

import discord
import pytest

from bot.discord_io.silenced import SILENT_SECONDS, SilencedChannels
from tests.discord_io.bots import connected
from tests.simulator.discord_server import Channel, DiscordServer, Message

OF_THE_CHANNEL = (50001, 50007, 50009, 50013, 50278, 160005)
OF_ONE_MESSAGE = (20009, 50005, 50083, 90001, 160002, 200000, 200001, 240000)


@dataclass(slots=True)
class Room:
    """A channel, and the bot without whoever answers."""

    server: DiscordServer
    client: discord.Client
    channel: Channel
    others: tuple[Channel, ...]  # requests to one channel are few in a second
    asked: Message
    silenced: SilencedChannels
    now: float = 0.0

    async def said(self, channel: Channel | None = None) -> bool:
        where = self.client.get_channel((channel or self.channel).id)
        assert isinstance(where, discord.TextChannel)
        return await self._took(where.send("hello"))

    async def signed(self) -> bool:
        where = self.client.get_channel(self.channel.id)
        assert isinstance(where, discord.TextChannel)
        return await self._took(where.get_partial_message(self.asked.id).add_reaction("❌"))

    def refuse(self, route: str, code: int) -> None:
        body = json.dumps({"message": "No", "code": code}).encode()
        self.server.fail(route, status=403, headers={"Content-Type": "application/json"}, body=body)

    @staticmethod
    async def _took(request: object) -> bool:
        try:
            await request  # type: ignore[misc] # a coroutine
        except discord.Forbidden:
            return False
        return True


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    async with DiscordServer() as server:
        guild = server.guild("Friends")
        channel = guild.channel("general")
        others = tuple(guild.channel(f"room {number}") for number in range(len(OF_ONE_MESSAGE)))
        asked = await guild.member("Ann").post("hello", to=channel)
        async with connected(server) as client:
            made = Room(server, client, channel, others, asked, SilencedChannels(client, clock=lambda: made.now))
            yield made


async def test_what_is_refused_of_one_message_is_not_held_against_the_channel(room: Room) -> None:
    for code, channel in zip(OF_ONE_MESSAGE, room.others, strict=True):
        room.refuse("POST /channels", code)
        assert (code, await room.said(channel)) == (code, False)
        assert (code, room.silenced.is_silent(channel.id)) == (code, False)
        assert (code, await room.said(channel)) == (code, True)


async def test_what_the_channel_refuses_holds_for_a_while(room: Room) -> None:
    for code, channel in zip(OF_THE_CHANNEL, room.others, strict=False):
        room.refuse("POST /channels", code)
        assert (code, await room.said(channel), await room.said(channel)) == (code, False, False)
        assert room.silenced.is_silent(channel.id)
        room.now += SILENT_SECONDS
        assert (code, await room.said(channel)) == (code, True)
    assert room.server.refusals == {403: len(OF_THE_CHANNEL)}


async def test_who_blocked_the_bot_ends_signs_and_nothing_else(room: Room) -> None:
    room.refuse("PUT /channels", 90001)
    assert [await room.signed() for _ in range(3)] == [False] * 3
    assert await room.said()
    assert room.server.refusals == {403: 1}
    room.now += SILENT_SECONDS
    assert await room.signed()


async def test_one_sign_is_left_where_nothing_may_be_said(room: Room) -> None:
    room.refuse("POST /channels", 50013)
    assert not await room.said()
    assert [await room.signed() for _ in range(2)] == [True, False]


async def test_nothing_of_what_was_to_be_said_is_kept(room: Room) -> None:
    """Neither the words, which hang on the refusal, nor channels that are long open again."""
    room.refuse("POST /channels", 50013)
    where = room.client.get_channel(room.channel.id)
    assert isinstance(where, discord.TextChannel)
    with pytest.raises(discord.Forbidden) as caught:
        await where.send("hello")
    refusal = weakref.ref(caught.value)
    del caught
    gc.collect()
    assert refusal() is None
    room.now += SILENT_SECONDS
    room.refuse("POST /channels", 50013)
    assert not await room.said(room.others[0])
    assert len(room.silenced) == 1
