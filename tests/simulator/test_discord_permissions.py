"""What the simulated Discord refuses the bot in a channel, permission by permission."""

from typing import Any

import discord
import pytest

from tests.simulator.discord_material import call, logged_in, refused, running, send
from tests.simulator.discord_server import DiscordServer, Message

REACTIONS = "/channels/{channel_id}/messages/{message_id}/reactions"


def ids_of(message: Message) -> dict[str, int]:
    return {"channel_id": message.channel.id, "message_id": message.id}


@pytest.mark.parametrize(
    ("denied", "refusal"),
    [("view_channel", (403, 50001)), ("send_messages", (403, 50013)), ("read_message_history", (400, 160002))],
)
async def test_replying_needs_three_permissions(denied: str, refusal: tuple[int, int]) -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        cellar, anna = club.channel("cellar", deny_bot=(denied,)), club.member("Anna")
        asked = await anna.post("question", to=cellar)
        async with logged_in(server) as bot:
            reply = send(bot, cellar, content="x", message_reference={"message_id": str(asked.id)})
            assert await refused(reply) == refusal
            cellar.deny_bot()
            await send(bot, cellar, content="x", message_reference={"message_id": str(asked.id)})


@pytest.mark.parametrize(
    ("denied", "body", "files"),
    [("embed_links", {"embeds": [{"title": "x"}]}, None), ("attach_files", {"content": "x"}, {"a.md": b"x"})],
)
async def test_embeds_and_files_need_their_own(denied: str, body: dict[str, Any], files: dict[str, bytes]) -> None:
    async with DiscordServer() as server:
        cellar = server.guild("Film club").channel("cellar", deny_bot=(denied,))
        async with logged_in(server) as bot:
            assert await refused(send(bot, cellar, files, **body)) == (403, 50013)
            sent = await send(bot, cellar, content="words only")
            path = "/channels/{channel_id}/messages/{message_id}"
            edit = call(bot, "PATCH", path, files, body, channel_id=cellar.id, message_id=sent["id"])
            assert await refused(edit) == (403, 50013)


async def test_a_first_reaction_typing_threads_and_threads_posts_need_theirs() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        names = ("add_reactions", "create_public_threads", "send_messages_in_threads")
        cellar, anna = club.channel("cellar", deny_bot=names), club.member("Anna")
        asked = await anna.post("question", to=cellar)
        thread = await anna.start_thread(asked, "talk")
        other = await anna.post("another", to=cellar)
        async with logged_in(server) as bot:
            channel = await bot.fetch_channel(cellar.id)
            assert isinstance(channel, discord.TextChannel)
            message = await channel.fetch_message(asked.id)
            assert await refused(message.add_reaction("👀")) == (403, 50013)
            await anna.react(asked, "👀")
            await message.add_reaction("👀")
            assert await refused(send(bot, thread, content="x")) == (403, 50013)
            assert await refused((await channel.fetch_message(other.id)).create_thread(name="x")) == (403, 50013)
            cellar.deny_bot("read_message_history")
            assert await refused(call(bot, "PUT", f"{REACTIONS}/👀/@me", **ids_of(asked))) == (403, 50013)
            cellar.deny_bot("send_messages")
            assert not cellar.permissions_of_app() & discord.Permissions(attach_files=True, embed_links=True).value
            path = "/channels/{channel_id}/typing"
            assert await refused(call(bot, "POST", path, channel_id=cellar.id)) == (403, 50013)


async def test_a_channel_that_is_hidden_sends_no_events_and_shows_nothing() -> None:
    async with DiscordServer() as server:
        club = server.guild("Film club")
        cellar, anna = club.channel("cellar", deny_everyone=("view_channel",)), club.member("Anna")
        chen = club.member("Chen")
        async with running(server) as bot:
            assert cellar.seen_by(chen) == ()
            await anna.post("@bot psst", to=cellar)
            cellar.deny_everyone()
            await anna.post("@bot hello", to=cellar)
            await server.bot.until(lambda: bot.heard)
            assert [message.content for message in bot.heard] == [f"{server.bot.mention} hello"]
            member = bot.get_guild(club.id).me  # type: ignore[union-attr] # is there
            mine = bot.get_channel(cellar.id).permissions_for(member)  # type: ignore[union-attr] # is text
            assert (mine.view_channel, mine.attach_files, mine.send_voice_messages) == (True, True, True)
            cellar.deny_bot("attach_files", "send_voice_messages")
            await server.bot.until(
                lambda: not bot.get_channel(cellar.id).permissions_for(member).attach_files  # type: ignore[union-attr] # is text
            )


async def test_a_server_without_the_bot_is_closed() -> None:
    async with DiscordServer() as server:
        elsewhere = server.guild("Elsewhere", bot=False)
        room, anna = elsewhere.channel("room"), elsewhere.member("Anna")
        async with logged_in(server) as bot:
            assert await refused(bot.fetch_channel(room.id)) == (403, 50001)
            assert await refused(bot.fetch_guild(elsewhere.id)) == (403, 50001)
            assert await refused(bot.fetch_channel(anna.private(server.person("Chen")).id)) == (403, 50001)
            assert await refused(bot.fetch_guild(1)) == (404, 10004)
        assert server.refusals == {403: 3}
