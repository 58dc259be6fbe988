"""Each permission withheld in turn: the answer arrives where Discord lets it, else people learn what is missing."""

from collections import Counter
from pathlib import Path

import pytest

from bot.discord_io.client import KibitzClient
from bot.discord_io.silenced import SILENT_SECONDS
from bot.tally import Figure, hearing
from tests.journeys.discord.conftest import StartBot
from tests.journeys.discord.held import held
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Person, VoiceMessage
from tests.simulator.openai_server import HonestMind, OpenAIEmulator

pytestmark = pytest.mark.usefixtures("known_clips")

HARMLESS = ("embed_links", "attach_files", "read_message_history", "add_reactions", "send_voice_messages")
EVERY = ("view_channel", "send_messages", "send_messages_in_threads", *HARMLESS)
ANSWER = "It is green."
REFUSED = b'{"message": "Missing Permissions", "code": 50013}'
INVALID = {Figure.INVALID_REQUESTS}
LONG_ANSWER = "\n\n".join(f"Paragraph {number}: " + "green and blue in turn. " * 30 for number in range(15))


@pytest.fixture(autouse=True)
def short_words(cloud: OpenAIEmulator) -> None:
    cloud.mind = HonestMind(answers=ANSWER)


@pytest.mark.usefixtures("bot")
async def test_a_mention_is_answered_without(discord: DiscordServer, club: Guild, anna: Person, snap: Path) -> None:
    for missing in HARMLESS:
        asked = await anna.post("@bot what colour?", snap, to=club.channel(missing, deny_bot=(missing,)))
        answer = await discord.bot.reply(asked)
        assert (missing, answer.content.splitlines()[0]) == (missing, ANSWER)
        assert (missing, answer.reference is asked) == (missing, missing != "read_message_history")


@pytest.mark.usefixtures("bot")
async def test_a_command_is_answered_without(club: Guild, anna: Person, snap: Path) -> None:
    for missing in EVERY:
        room = club.channel(missing)
        thread = await anna.start_thread(await anna.post("a thread", to=room), "Clips")
        room.deny_bot(missing)
        for place in (room, thread):
            answer = await (await anna.slash("ask", question="What colour?", clip=snap, to=place)).reply()
            assert (missing, answer.content.splitlines()[0]) == (missing, ANSWER)
            assert answer in place.seen_by(anna)


@pytest.mark.usefixtures("bot")
async def test_what_a_command_fetches_arrives_or_is_explained(club: Guild, anna: Person, snap: Path) -> None:
    """Files need Attach Files, which Discord takes away together with Send Messages."""
    for missing in EVERY:
        room = club.channel(missing, deny_bot=(missing,))
        board = await (await anna.slash("storyboard", clip=snap, to=room)).reply()
        if missing in {"attach_files", "send_messages", "view_channel"}:
            assert (missing, board.files) == (missing, ())
            assert "storyboard.png is missing: I lack the permission Attach Files in this channel." in board.content
        else:
            assert (missing, [file.name for file in board.files]) == (missing, ["storyboard.png"])


@pytest.mark.usefixtures("bot")
async def test_what_a_command_says_aloud_arrives_or_is_explained(
    discord: DiscordServer, club: Guild, anna: Person
) -> None:
    expected = {
        **dict.fromkeys(EVERY, "voice-message.ogg"),
        **dict.fromkeys(("view_channel", "send_messages"), "answer.ogg is missing: I lack the permission Attach Files"),
        "send_voice_messages": "answer.ogg",
    }
    for missing, wanted in expected.items():
        room = club.channel(missing, deny_bot=(missing,))
        asked = await anna.slash("ask", question="Who are you?", speak=True, to=room)
        assert (await asked.reply()).content == ANSWER
        said = await discord.bot.reply(asked, settled=lambda message: message.content != ANSWER)
        words = [said.content, *(file.name for file in said.files)]
        assert [missing for word in words if wanted in word] == [missing]


@pytest.mark.usefixtures("bot")
async def test_a_spoken_question_is_answered_aloud_without(
    discord: DiscordServer, club: Guild, anna: Person, voice_message: VoiceMessage
) -> None:
    for missing in HARMLESS:
        room = club.channel(missing, deny_bot=(missing,))
        first = await discord.bot.reply(await anna.post("@bot who are you?", to=room))
        asked = await anna.post("", voice_message, reply_to=first)
        sound = await discord.bot.reply(asked, settled=lambda message: bool(message.files))
        assert (missing, sound.is_voice_message) == (missing, missing != "send_voice_messages")


async def test_without_attach_files_a_very_long_answer_comes_in_parts(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person
) -> None:
    cloud.mind = HonestMind(answers=LONG_ANSWER)
    general.deny_bot("attach_files")
    async with start(CHAT__MAX_OUTPUT_TOKENS=4000):
        asked = await anna.post("@bot tell me all", to=general)
        await discord.bot.reply(asked, settled=lambda message: "Paragraph 14" in message.content, timeout=60)
    said = "\n".join(message.content for message in discord.bot.replies(asked))
    assert [n for n in range(15) if f"Paragraph {n}:" not in said] == []
    assert not any(message.files for message in discord.bot.replies(asked))


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("place", ["channel", "thread"])
async def test_where_it_may_not_write_a_sign_stands_on_the_question(
    place: str,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    general: Channel,
    anna: Person,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It costs nothing either: no request that is refused, no call of a model."""
    room = general
    if place == "thread":
        room = await anna.start_thread(await anna.post("a thread", to=general), "Clips")
    general.deny_bot("send_messages" if place == "channel" else "send_messages_in_threads")
    asked = await anna.post("@bot what colour?", to=room)
    await discord.bot.until(lambda: asked.reactions, what="a sign")
    assert asked.reactions == {"❌": ("Kibitz",)}
    assert discord.bot.replies(asked) == ()
    assert "discord_missing_permission" in caplog.text
    assert cloud.chats == []
    general.deny_bot()
    assert (await discord.bot.reply(await anna.post("@bot and now?", to=room))).content == ANSWER


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("also", ["add_reactions", "read_message_history"])
async def test_where_it_may_not_even_react_the_log_knows(
    also: str, discord: DiscordServer, general: Channel, anna: Person, caplog: pytest.LogCaptureFixture
) -> None:
    general.deny_bot("send_messages", also)
    asked = await anna.post("@bot what colour?", to=general)
    await discord.bot.until(lambda: "discord_missing_permission" in caplog.text, what="a line in the log")
    assert (asked.reactions, discord.bot.replies(asked)) == ({}, ())
    assert "Traceback" not in caplog.text


@pytest.mark.usefixtures("bot")
async def test_in_a_channel_it_does_not_see_nobody_calls_it(
    discord: DiscordServer, general: Channel, club: Guild, anna: Person
) -> None:
    cellar = club.channel("cellar", deny_bot=("view_channel",))
    silent = await anna.post("@bot what colour?", to=cellar)
    await discord.bot.reply(await anna.post("@bot and here?", to=general))
    assert (silent.reactions, discord.bot.replies(silent)) == ({}, ())


async def test_what_discord_refuses_unexpectedly_leaves_a_sign_too(
    discord: DiscordServer, bot: KibitzClient, general: Channel, anna: Person, refused: Counter[int]
) -> None:
    """As when the permissions that are known are not those that count."""
    refused[403] = 1
    discord.fail(f"POST /channels/{general.id}/messages", status=403, times=9, body=REFUSED)
    asked = await anna.post("@bot what colour?", to=general)
    await discord.bot.until(lambda: asked.reactions, what="a sign")
    assert asked.reactions == {"❌": ("Kibitz",)}


@pytest.mark.parametrize("until", ["ten minutes later", "the permissions change"])
async def test_where_discord_refuses_nothing_more_is_tried_for_a_while(
    until: str,
    bot: KibitzClient,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    club: Guild,
    general: Channel,
    anna: Person,
    refused: Counter[int],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Neither an answer nor a sign nor typing, and nothing is worked on; commands and other channels are as ever."""
    refused[403] = 1
    heard: Counter[str] = Counter()
    discord.fail(f"POST /channels/{general.id}/messages", status=403, times=9, body=REFUSED)
    with hearing(lambda figure, value, label: heard.update({label: int(value)}) if figure in INVALID else None):
        asked = await anna.post("@bot what colour?", to=general)
        await discord.bot.until(lambda: asked.reactions, what="a sign")
        assert heard == {"403": 1}
        await discord.bot.until(lambda: not bot.house.desk.in_flight(), what="the question to end")
        before = len(discord.requests)
        unanswered = [await anna.post(f"@bot and {number}?", to=general) for number in range(3)]
        assert (await (await anna.slash("ask", question="Who are you?", to=general)).reply()).content == ANSWER
        elsewhere = await anna.post("@bot and here?", to=club.channel("elsewhere"))
        assert (await discord.bot.reply(elsewhere)).content == ANSWER
        there = [one for one in discord.requests[before:] if f"/channels/{general.id}/" in one.route]
        assert [one.method for one in there if one.method != "GET"] == []
        assert not any(discord.bot.replies(one) or one.reactions for one in unanswered)
        assert (len(cloud.answers), heard) == (2, {"403": 1})
        assert [caplog.text.count(line) for line in ("Discord refuses", "not delivered")] == [1, 1]
        discord.heal()
        if until == "ten minutes later":
            discord.clock.advance(SILENT_SECONDS)
        else:
            general.deny_bot("attach_files")
        assert (await discord.bot.reply(await anna.post("@bot and now?", to=general))).content == ANSWER


@pytest.mark.usefixtures("bot")
async def test_a_link_into_a_hidden_channel_names_the_permission(
    discord: DiscordServer, general: Channel, club: Guild, anna: Person, snap: Path
) -> None:
    archive = club.channel("archive", deny_bot=("view_channel",))
    posted = await anna.post("@bot", snap, to=archive)
    for missing, name in (("view_channel", "View Channels"), ("read_message_history", "Read Message History")):
        archive.deny_bot(missing)
        question = f"@bot what colour? {archive.link(posted)}"
        answer = await discord.bot.reply(await anna.post(question, to=general))
        assert "I cannot read the linked message." in answer.content
        assert name in answer.content
        assert "Someone who manages that channel can allow it" in answer.content
    archive.deny_bot()
    answer = await discord.bot.reply(await anna.post(f"@bot what colour? {archive.link(posted)}", to=general))
    assert answer.content.splitlines()[0] == ANSWER


@pytest.mark.usefixtures("bot")
async def test_what_is_taken_away_meanwhile_does_not_stop_the_answer(
    discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
) -> None:
    with held(cloud, "answer") as mind:
        asked = await anna.post("@bot what colour?", snap, to=general)
        await discord.bot.until(lambda: mind.begun["answer"], what="the work to be under way")
        general.deny_bot("send_messages", "attach_files", "read_message_history")
    answer = await discord.bot.reply(asked)
    assert answer.content.splitlines()[0] == ANSWER


@pytest.mark.usefixtures("bot")
async def test_who_takes_no_direct_messages_is_told_nothing_there_and_loses_nothing(
    discord: DiscordServer, general: Channel, club: Guild
) -> None:
    shy = club.member("Shy", accepts_direct_messages=False)
    answer = await discord.bot.reply(await shy.post("@bot hello?", to=general))
    assert answer.content == ANSWER
