"""What the bot may read without the privileged intent, on the gateway and over REST, also inside other messages."""

from pathlib import Path

import discord
import pytest

from tests.simulator.discord_material import TinyBot, intents, running, write
from tests.simulator.discord_server import DiscordServer


async def next_heard(server: DiscordServer, bot: TinyBot) -> discord.Message:
    before = len(bot.heard)
    await server.bot.until(lambda: len(bot.heard) > before, timeout=10)
    return bot.heard[before]


async def test_words_and_files_are_hidden_unless_the_bot_is_meant(tmp_path: Path) -> None:
    clip = write(tmp_path, "clip.mp4")
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        anna = general.guild.member("Anna")  # type: ignore[union-attr] # a channel of a server
        async with running(server) as bot:
            hidden = await anna.post("private words", clip, to=general)
            seen = await next_heard(server, bot)
            assert (seen.content, seen.attachments) == ("", [])
            fetched = await bot.get_channel(general.id).fetch_message(hidden.id)  # type: ignore[union-attr] # is text
            assert (fetched.content, fetched.attachments) == ("", [])
            await anna.post("@bot look", clip, to=general)
            seen = await next_heard(server, bot)
            assert (seen.content, len(seen.attachments)) == (f"{server.bot.mention} look", 1)
            await anna.dm("between us", clip)
            seen = await next_heard(server, bot)
            assert (seen.content, len(seen.attachments)) == ("between us", 1)
            await anna.post("@bot and this?", to=general, reply_to=hidden)
            seen = await next_heard(server, bot)
            assert seen.reference is not None
            assert isinstance(seen.reference.resolved, discord.Message)
            assert (seen.reference.resolved.content, seen.reference.resolved.attachments) == ("", [])
            history = [message async for message in bot.get_channel(general.id).history()]  # type: ignore[union-attr] # is text
            assert [bool(message.content) for message in history] == [True, True, False]


@pytest.mark.parametrize("ping", [True, False])
async def test_a_reply_to_the_bot_is_readable_when_it_pings(ping: bool) -> None:
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        anna = general.guild.member("Anna")  # type: ignore[union-attr] # a channel of a server
        async with running(server) as bot:
            await bot.get_channel(general.id).send("hello")  # type: ignore[union-attr] # is text
            said = await server.bot.next_message(in_=general)
            await anna.post("and then?", to=general, reply_to=said, ping=ping)
            seen = await next_heard(server, bot)
            assert seen.content == ("and then?" if ping else "")
            assert isinstance(seen.reference.resolved, discord.Message)  # type: ignore[union-attr] # it is a reply
            assert seen.reference.resolved.content == "hello"  # type: ignore[union-attr] # as above


async def test_an_edit_that_mentions_the_bot_shows_the_words() -> None:
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        anna = general.guild.member("Anna")  # type: ignore[union-attr] # a channel of a server
        edits: list[discord.RawMessageUpdateEvent] = []

        async def on_raw_message_edit(event: discord.RawMessageUpdateEvent) -> None:
            edits.append(event)

        async with running(server, prepare=lambda bot: bot.add_listener(on_raw_message_edit), sync=False):
            message = await anna.post("one", to=general)
            await anna.edit(message, "two")
            await anna.edit(message, "@bot three")
            await server.bot.until(lambda: len(edits) == 2)
        assert [event.message.content for event in edits] == ["", f"{server.bot.mention} three"]


async def test_a_forwarded_message_is_hidden_with_the_one_that_carries_it(tmp_path: Path) -> None:
    clip = write(tmp_path, "clip.mp4")
    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        anna = general.guild.member("Anna")  # type: ignore[union-attr] # a channel of a server
        async with running(server) as bot:
            original = await anna.post("words", clip, to=general)
            await next_heard(server, bot)
            await anna.forward(original, to=general)
            seen = await next_heard(server, bot)
            assert (seen.message_snapshots[0].content, seen.message_snapshots[0].attachments) == ("", [])
            await anna.forward(original, to=anna.direct())
            seen = await next_heard(server, bot)
            assert (seen.message_snapshots[0].content, len(seen.message_snapshots[0].attachments)) == ("words", 1)


@pytest.mark.parametrize("asks", [True, False])
async def test_with_the_switch_rest_shows_all_and_the_gateway_what_was_asked_for(asks: bool) -> None:
    async with DiscordServer(message_content_allowed=True) as server:
        general = server.guild("Film club").channel("general")
        anna = general.guild.member("Anna")  # type: ignore[union-attr] # a channel of a server
        async with running(server, asked=intents(content=asks)) as bot:
            message = await anna.post("words", to=general)
            seen = await next_heard(server, bot)
            assert seen.content == ("words" if asks else "")
            fetched = await bot.get_channel(general.id).fetch_message(message.id)  # type: ignore[union-attr] # is text
            assert fetched.content == "words"


async def test_the_target_of_a_message_menu_is_shown_whole(tmp_path: Path) -> None:
    clip = write(tmp_path, "clip.mp4")
    seen: list[discord.Message] = []

    async def look(interaction: discord.Interaction, message: discord.Message) -> None:
        seen.append(message)
        await interaction.response.send_message("ok", ephemeral=True)

    def prepare(bot: TinyBot) -> None:
        bot.tree.add_command(discord.app_commands.ContextMenu(name="Ask about this", callback=look))

    async with DiscordServer() as server:
        general = server.guild("Film club").channel("general")
        anna = general.guild.member("Anna")  # type: ignore[union-attr] # a channel of a server
        async with running(server, prepare=prepare):
            message = await anna.post("words", clip, to=general)
            asked = await anna.menu("Ask about this", message)
            assert (await asked.reply()).content == "ok"
        assert (seen[0].content, len(seen[0].attachments)) == ("words", 1)
