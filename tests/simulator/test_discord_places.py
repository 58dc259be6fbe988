"""The simulated Discord's voice channels with a chat, forums, private threads; edits and deletions as the bot hears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import discord
import pytest

from tests.simulator.discord_material import ogg, refused, running, write
from tests.simulator.discord_server import DiscordServer, Guild, ImpossibleError, VoiceMessage
from tests.simulator.discord_server.places import FORUM, VOICE

HEARD = ("raw_message_edit", "raw_message_delete", "raw_bulk_message_delete", "guild_channel_delete")
HEARD_OF_THREADS = ("thread_create", "raw_thread_delete")


class Ears:
    """What the bot was told, by the library's name of the event."""

    def __init__(self, bot: Any) -> None:
        self.bot = bot
        self.told: list[tuple[str, Any]] = []

    def listen(self) -> None:
        for name in (*HEARD, *HEARD_OF_THREADS):
            self.bot.add_listener(self._ear(name), f"on_{name}")

    def _ear(self, name: str) -> Any:
        async def hear(event: Any) -> None:
            self.told.append((name, event))

        return hear

    def of(self, name: str) -> list[Any]:
        return [event for told, event in self.told if told == name]


@asynccontextmanager
async def club_and_ears(**options: Any) -> AsyncIterator[tuple[DiscordServer, Guild, Ears]]:
    async with DiscordServer(**options) as server:
        club = server.guild("Film club")
        club.member("Olga")
        async with running(server) as bot:
            ears = Ears(bot)
            ears.listen()
            yield server, club, ears


async def test_an_edit_changes_words_or_takes_files_off(tmp_path: Path) -> None:
    clip, song = write(tmp_path, "clip.mp4"), write(tmp_path, "song.mp3")
    async with club_and_ears() as (server, club, ears):
        anna, general = club.member("Anna"), club.channel("general")
        posted = await anna.post("@bot one", clip, song, to=general)
        await anna.edit(posted, "@bot two")
        await anna.edit(posted, without=posted.files[:1])
        await server.bot.until(lambda: len(ears.of("raw_message_edit")) == 2)
        first, second = [event.message for event in ears.of("raw_message_edit")]
        assert [first.content, second.content] == [f"{server.bot.mention} two"] * 2
        assert [len(first.attachments), len(second.attachments)] == [2, 1]
        assert second.edited_at is not None
        for wrong, reason in (("x" * 2001, "at most 2000"), ("", "to nothing")):
            with pytest.raises(ImpossibleError, match=reason):
                await anna.edit(posted, wrong, without=posted.files)
        spoken = await anna.post("", VoiceMessage(write(tmp_path, "voice.ogg", ogg())), to=general)
        with pytest.raises(ImpossibleError, match="voice message"):
            await anna.edit(spoken, "words")


async def test_a_link_that_unfolds_is_an_update_that_nobody_wrote() -> None:
    async with club_and_ears() as (server, club, ears):
        anna, general = club.member("Anna"), club.channel("general")
        plain = await anna.post("https://example.org", to=general)
        called = await anna.post("@bot https://example.org", to=general)
        server.unfurl(plain)
        server.unfurl(called)
        await server.bot.until(lambda: len(ears.of("raw_message_edit")) == 2)
        hidden, seen = [event.message for event in ears.of("raw_message_edit")]
        assert (hidden.content, hidden.embeds, hidden.edited_at) == ("", [], None)
        assert (seen.content, len(seen.embeds), seen.edited_at) == (
            f"{server.bot.mention} https://example.org",
            1,
            None,
        )


async def test_many_messages_go_at_once() -> None:
    async with club_and_ears() as (server, club, ears):
        general, anna = club.channel("general"), club.member("Anna")
        olga = club.world.users[next(iter(club.members.keys() - {server.app.id, anna.id}))]
        posted = [await anna.post(text, to=general) for text in ("one", "two", "three")]
        with pytest.raises(ImpossibleError, match="may not"):
            await anna.purge(*posted)
        await olga.purge(*posted[:2])  # type: ignore[attr-defined] # a person
        await server.bot.until(lambda: ears.of("raw_bulk_message_delete"))
        assert ears.of("raw_bulk_message_delete")[0].message_ids == {posted[0].id, posted[1].id}
        assert ears.of("raw_message_delete") == []
        assert general.seen_by(anna) == (posted[2],)


async def test_a_channel_takes_its_threads_along() -> None:
    async with club_and_ears() as (server, club, ears):
        general, anna = club.channel("general"), club.member("Anna")
        thread = await anna.start_thread(await anna.post("start", to=general), "A thread")
        other = await anna.start_thread(await anna.post("start", to=general), "Another")
        await server.bot.until(lambda: len(ears.of("thread_create")) == 2)
        other.delete()
        await server.bot.until(lambda: ears.of("raw_thread_delete"))
        assert ears.of("raw_thread_delete")[0].thread_id == other.id
        general.delete()
        await server.bot.until(lambda: ears.of("guild_channel_delete"))
        await server.bot.until(lambda: len(ears.of("raw_thread_delete")) == 2, what="the library to tell of the thread")
        assert await refused(ears.bot.fetch_channel(thread.id)) == (404, 10003)


async def test_a_private_thread_is_for_its_members() -> None:
    async with club_and_ears() as (server, club, ears):
        general, anna, ben, chen = club.channel("general"), *map(club.member, ("Anna", "Ben", "Chen"))
        thread = await anna.start_private_thread(general, "Secret", ben)
        await anna.post("psst", to=thread)
        assert len(thread.seen_by(ben)) == 1
        assert thread.seen_by(chen) == ()
        with pytest.raises(ImpossibleError, match="may not"):
            await chen.post("hello?", to=thread)
        assert await refused(ears.bot.fetch_channel(thread.id)) == (403, 50001)
        await anna.post("@bot come in", to=thread)
        await server.bot.until(lambda: ears.bot.heard)
        assert [message.content for message in ears.bot.heard] == [f"{server.bot.mention} come in"]
        assert ears.bot.heard[0].channel.is_private()
        assert "THREAD_CREATE" in ears.bot.events


async def test_a_voice_channel_has_a_chat_for_those_who_may_join() -> None:
    async with club_and_ears() as (server, club, ears):
        anna, lounge = club.member("Anna"), club.channel("lounge", type=VOICE)
        await anna.post("@bot hello", to=lounge)
        await server.bot.until(lambda: ears.bot.heard)
        [message] = ears.bot.heard
        assert isinstance(message.channel, discord.VoiceChannel)
        assert [item.id async for item in message.channel.history()] == [message.id]
        lounge.deny_everyone("connect")
        assert lounge.seen_by(anna) == ()
        assert await refused(message.channel.fetch_message(message.id)) == (403, 50001)


async def test_a_post_in_a_forum_is_a_thread_with_its_first_message() -> None:
    async with club_and_ears() as (server, club, ears):
        anna, forum = club.member("Anna"), club.channel("forum", type=FORUM)
        post = await anna.start_post(forum, "A film", "@bot who knows it?")
        await server.bot.until(lambda: ears.bot.heard)
        [message] = ears.bot.heard
        assert message.id == message.channel.id == post.id
        assert isinstance(message.channel.parent, discord.ForumChannel)
        with pytest.raises(ImpossibleError, match="forum"):
            await anna.start_post(club.channel("general"), "No", "no")
