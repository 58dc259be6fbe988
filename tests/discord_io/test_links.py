"""Message links: followed where the asker and the bot may read, and nowhere else."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import discord
import pytest

from bot.discord_io.links import has_links, linked_messages
from bot.domain.errors import BotError
from tests.discord_io.bots import connected
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person

PRIVATE_THREAD = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A server with a channel, somebody in it, and the bot."""

    server: DiscordServer
    client: discord.Client
    guild: Guild
    channel: Channel
    ann: Person

    async def follow(self, text: str, *, in_server: bool = True) -> list[int]:
        """What the links in a text of Ann lead to, by id."""
        guild = self.client.get_guild(self.guild.id) if in_server else None
        asker = await (guild.fetch_member(self.ann.id) if guild else self.client.fetch_user(self.ann.id))
        return [found.id for found in await linked_messages(text, asker=asker, guild=guild)]

    async def refused(self, text: str, *, in_server: bool = True) -> BotError:
        with pytest.raises(BotError) as caught:
            await self.follow(text, in_server=in_server)
        return caught.value


def link(channel: Channel, message: Message, *, host: str = "discord.com") -> str:
    return f"https://{host}/channels/{channel.guild.id if channel.guild else '@me'}/{channel.id}/{message.id}"


@pytest.fixture
async def scene() -> AsyncGenerator[Scene]:
    async with DiscordServer() as server:
        guild = server.guild("Friends")
        channel = guild.channel("general")
        guild.member("Olga")  # the first one owns the server and may read everything
        ann = guild.member("Ann")
        async with connected(server) as client:
            yield Scene(server=server, client=client, guild=guild, channel=channel, ann=ann)


async def test_links_lead_to_messages_in_order_and_once(scene: Scene) -> None:
    one, two = [await scene.ann.post(text, to=scene.channel) for text in ("one", "two")]
    other = scene.guild.channel("other")
    three = await scene.ann.post("three", to=other)
    text = f"{link(other, three)} and <{link(scene.channel, one, host='ptb.discord.com')}>, "
    text += f"[that]({link(scene.channel, one, host='canary.discord.com')}) {link(other, three)}"
    assert await scene.follow(text) == [three.id, one.id]
    assert two.id not in await scene.follow(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://discord.com/channels/123456789012345678/123456789012345678/123456789012345678", True),
        ("https://discord.com/channels/@me/123456789012345678/123456789012345678", True),
        ("https://discordapp.com/channels/@me/123456789012345678/123456789012345678?x", True),
        ("https://discord.com.evil.example/channels/@me/123456789012345678/123456789012345678", False),
        ("https://evil.example/discord.com/channels/@me/123456789012345678/123456789012345678", False),
        ("https://discord.com/channels/123456789012345678/123456789012345678", False),
        ("https://discord.com/channels/1/2/3", False),
        ("nothing", False),
    ],
)
def test_what_is_a_link(text: str, expected: bool) -> None:
    assert has_links(text) is expected


async def test_a_text_without_links_leads_nowhere(scene: Scene) -> None:
    assert await scene.follow("nothing") == []


async def test_more_than_three_links_are_too_many(scene: Scene) -> None:
    posted = [await scene.ann.post(str(n), to=scene.channel) for n in range(4)]
    links = [link(scene.channel, message) for message in posted]
    assert len(await scene.follow(" ".join(links[:3]))) == 3
    assert (await scene.refused(" ".join(links))).code == "links_too_many"


async def test_another_server_is_out_of_reach(scene: Scene) -> None:
    other = scene.server.guild("Others")
    channel = other.channel("general")
    other.join(scene.ann)
    message = await scene.ann.post("there", to=channel)
    assert (await scene.refused(link(channel, message))).code == "link_elsewhere"
    assert (await scene.refused(link(channel, message), in_server=False)).code == "link_elsewhere"
    disguised = f"https://discord.com/channels/{scene.guild.id}/{channel.id}/{message.id}"
    assert (await scene.refused(disguised)).code == "link_gone"


async def test_what_the_asker_may_not_read_is_not_followed(scene: Scene) -> None:
    staff = scene.guild.role("staff")
    bob = scene.guild.member("Bob", roles=[staff])
    bot_role = next(role for role in scene.guild.members[scene.server.app.id].roles if role.managed)
    for right in ("view_channel", "read_message_history"):
        secret = scene.guild.channel(f"secret-{right}")
        message = await bob.post("secret", to=secret)
        secret.deny_everyone(right, except_roles=[staff, bot_role])
        assert (await scene.refused(link(secret, message))).code == "link_not_visible"


async def test_what_the_bot_may_not_read_is_said_with_the_names(scene: Scene) -> None:
    closed = scene.guild.channel("closed")
    message = await scene.ann.post("here", to=closed)
    closed.deny_bot("read_message_history")
    error = await scene.refused(link(closed, message))
    assert error.code == "link_unreadable"
    assert "Missing there: Read Message History." in error.public


async def test_a_message_that_is_gone(scene: Scene) -> None:
    message = await scene.ann.post("gone", to=scene.channel)
    await scene.ann.delete(message)
    assert (await scene.refused(link(scene.channel, message))).code == "link_gone"
    nowhere = f"https://discord.com/channels/{scene.guild.id}/{scene.guild.id + 1}/{message.id}"
    assert (await scene.refused(nowhere)).code == "link_gone"


async def test_direct_messages_are_those_of_the_asker_with_the_bot(scene: Scene) -> None:
    own = scene.ann.direct()
    message = await scene.ann.post("between us", to=own)
    assert await scene.follow(link(own, message)) == [message.id]
    assert await scene.follow(link(own, message), in_server=False) == [message.id]
    bob = scene.guild.member("Bob")
    foreign = bob.direct()
    secret = await bob.post("for the bot alone", to=foreign)
    for in_server in (True, False):
        assert (await scene.refused(link(foreign, secret), in_server=in_server)).code == "link_not_visible"


async def test_threads_are_found_also_archived_ones(scene: Scene) -> None:
    starter = await scene.ann.post("start", to=scene.channel)
    thread = await scene.ann.start_thread(starter, "thread")
    message = await scene.ann.post("inside", to=thread)
    assert await scene.follow(link(thread, message)) == [message.id]
    thread.archive()
    assert await scene.follow(link(thread, message)) == [message.id]


async def test_a_private_thread_is_for_its_members(scene: Scene) -> None:
    bob = scene.guild.member("Bob")
    thread = await bob.start_thread(await bob.post("start", to=scene.channel), "thread")
    thread.type = PRIVATE_THREAD
    thread.thread_members.append(scene.server.world.bot)
    thread.archive()  # the bot forgets it and has to ask, as for one it was not told of
    message = await bob.post("inside", to=thread)
    assert (await scene.refused(link(thread, message))).code == "link_not_visible"
    thread.thread_members.append(scene.ann)
    assert await scene.follow(link(thread, message)) == [message.id]


async def test_discord_that_fails_is_told(scene: Scene) -> None:
    message = await scene.ann.post("here", to=scene.channel)
    scene.server.fail(f"/messages/{message.id}", status=0, times=9)
    assert (await scene.refused(link(scene.channel, message))).code == "link_failed"
