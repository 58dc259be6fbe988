"""The asker: what they are called, and which words may surface where they ask."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import discord
import pytest

from bot.discord_io.asker import Asker, asker_of
from bot.domain.conversation import MediaSource
from tests.discord_io.bots import connected
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Person
from tests.simulator.discord_server.places import VOICE


@dataclass(slots=True)
class Scene:
    client: discord.Client
    guild: Guild
    general: Channel
    ann: Person

    async def asker(self, person: Person, place: Channel) -> Asker:
        """Of a message there."""

        def is_it(message: discord.Message) -> bool:
            return message.content.endswith("hello") and message.channel.id == place.id

        arrival = self.client.wait_for("message", check=is_it, timeout=10)
        _, message = await person.post("@bot hello", to=place), await arrival
        return asker_of(message)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with DiscordServer() as server:
        guild = server.guild("Friends")
        guild.member("Owner")
        general, ann = guild.channel("general"), guild.member("Ann")
        async with connected(server) as client:
            yield Scene(client, guild, general, ann)


@pytest.mark.parametrize(
    ("nick", "name"),
    [(None, "Ann"), ("  Dr.\n\u202eAnn\u200b ", "Dr. Ann"), ("n" * 100, "n" * 80)],
)
async def test_they_are_called_what_the_place_calls_them(nick: str | None, name: str, scene: Scene) -> None:
    scene.guild.members[scene.ann.id].nick = nick
    assert (await scene.asker(scene.ann, scene.general)).name == name


async def test_a_thread_hears_what_was_said_in_its_channel_and_not_the_reverse(scene: Scene) -> None:
    public = await scene.ann.start_thread(await scene.ann.post("start", to=scene.general), "thread")
    private = await scene.ann.start_private_thread(scene.general, "secret")
    for thread in (public, private):
        scope = (await scene.asker(scene.ann, thread)).scope
        assert (scope.key.channel_id, scope.also) == (thread.id, (scene.general.id,))
    assert (await scene.asker(scene.ann, scene.general)).scope.also == ()
    assert (await scene.asker(scene.ann, scene.ann.direct())).scope.also == ()


async def test_who_may_not_read_the_history_of_a_channel_is_not_told_of_it_in_a_thread(scene: Scene) -> None:
    scene.general.deny_everyone("read_message_history")
    thread = await scene.ann.start_thread(await scene.ann.post("start", to=scene.general), "thread")
    assert (await scene.asker(scene.ann, thread)).scope.also == ()


async def test_the_chat_of_a_voice_channel_is_for_those_who_may_join_it(scene: Scene) -> None:
    lounge = scene.guild.channel("lounge", type=VOICE)
    posted = await scene.ann.post("look", to=lounge)
    asker = await scene.asker(scene.ann, scene.general)

    def may() -> bool:
        return asker.may_read(_source(lounge, posted.id))

    assert may()
    told = scene.client.wait_for("guild_channel_update", timeout=10)
    lounge.deny_everyone("connect")
    await told
    assert not may()


def _source(channel: Channel, message_id: int) -> MediaSource:
    """A clip in that message."""
    return MediaSource(channel_id=channel.id, message_id=message_id, attachment_id=1, url="", size_bytes=1)
