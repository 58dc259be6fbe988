"""What was said while the bot was away: answered once at the next start, unless it is too old."""

import os
import time
from pathlib import Path

import pytest

from tests.journeys.discord.conftest import StartBot
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Person
from tests.simulator.openai_server import HonestMind, OpenAIEmulator

ANSWER = "It is green."


@pytest.fixture(autouse=True)
def short_words(cloud: OpenAIEmulator) -> None:
    cloud.mind = HonestMind(answers=ANSWER)


async def test_questions_asked_meanwhile_are_answered_once(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, club: Guild, general: Channel, anna: Person
) -> None:
    quiet = club.channel("quiet")
    closed = club.channel("closed")
    async with start():
        before = await anna.post("@bot before?", to=general)
        assert (await discord.bot.reply(before)).content == ANSWER
        known = await anna.dm("before?")
        assert (await discord.bot.reply(known)).content == ANSWER
    closed.deny_bot("read_message_history")
    missed = [
        await anna.post("@bot meanwhile?", to=general),
        await anna.post("@bot here, too?", to=quiet),
        await anna.dm("meanwhile?"),
    ]
    await anna.post("nothing for anybody", to=general)
    unread = await anna.post("@bot nor here?", to=closed)
    async with start():
        for question in missed:
            assert (await discord.bot.reply(question)).content == ANSWER
        after = await anna.post("@bot after?", to=general)
        assert (await discord.bot.reply(after)).content == ANSWER
    async with start():
        last = await anna.post("@bot last?", to=general)
        assert (await discord.bot.reply(last)).content == ANSWER
    assert discord.bot.replies(unread) == (), "where nothing may be read, nothing is asked for"
    assert len(cloud.answers) == len(missed) + 4, "each was answered once"


async def test_what_was_asked_long_ago_is_not_taken_up(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, tmp_path: Path
) -> None:
    async with start():
        pass
    old = await anna.post("@bot long ago?", to=general)
    last_there = tmp_path / "data" / "last-online"
    os.utime(last_there, (time.time() + 3600, time.time() + 3600))  # as if it had been there since
    async with start():
        new = await anna.post("@bot now?", to=general)
        assert (await discord.bot.reply(new)).content == ANSWER
    assert discord.bot.replies(old) == ()
    assert len(cloud.answers) == 1


async def test_what_was_refused_just_before_is_not_refused_again(
    start: StartBot, discord: DiscordServer, general: Channel, anna: Person
) -> None:
    async with start():
        wordless = await anna.post("nothing to see", to=general)
        asked = await anna.post(f"@bot What is it? {general.link(wordless)}", to=general)
        refusal = await discord.bot.reply(asked)
        assert "I see no clip" in refusal.content
    await anna.post("so be it", to=general)
    async with start():
        after = await anna.post("@bot after?", to=general)
        assert (await discord.bot.reply(after)).content == ANSWER
        assert discord.bot.replies(asked) == (refusal,)
