"""Without Discord's leave to read messages nearly everything works, and the rest says what to do instead."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.journeys.discord.conftest import StartBot
from tests.simulator.discord_server import Channel, DiscordServer, Message, Person, VoiceMessage
from tests.simulator.openai_server import HonestMind, OpenAIEmulator

pytestmark = pytest.mark.usefixtures("known_clips")

ANSWER = "It is green."
REPLY_WITH_MENTION = (
    "⚠️ Discord shows me only messages that mention me. Reply with the mention switched on, or use /ask."
)
USE_THE_MENU = (
    "⚠️ Discord does not show me the message you reply to. Open its menu, choose Apps and then Ask about this."
)


@pytest.fixture(autouse=True)
def short_words(cloud: OpenAIEmulator) -> None:
    cloud.mind = HonestMind(answers=ANSWER)


def first_line(message: Message) -> str:
    return message.content.splitlines()[0]


@pytest.mark.usefixtures("bot")
async def test_every_way_in_that_names_the_bot_works(
    discord: DiscordServer, general: Channel, anna: Person, ben: Person, snap: Path, voice_message: VoiceMessage
) -> None:
    mentioned = await discord.bot.reply(await anna.post("@bot what colour?", snap, to=general))
    replied = await discord.bot.reply(await ben.post("and then?", reply_to=mentioned))
    spoken = await discord.bot.reply(await anna.post("", voice_message, reply_to=replied))
    direct = await discord.bot.reply(await anna.dm("what colour?", snap))
    commanded = await (await anna.slash("ask", question="what colour?", clip=snap, to=general)).reply()
    posted = await ben.post("look at this", snap, to=general)
    opened = await anna.menu("Ask about this", posted)
    asked = await (await anna.submit(opened, {"Your question": "what colour?"})).reply()
    summed_up = await (await anna.menu("Summarize", posted)).reply()
    answers = [mentioned, replied, spoken, direct, commanded, asked, summed_up]
    assert [first_line(message) for message in answers] == [ANSWER] * len(answers)


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("content", ["words", "a file"])
async def test_a_reply_without_the_ping_is_told_how_to_reply(
    content: str, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
) -> None:
    answer = await discord.bot.reply(await anna.post("@bot hello?", to=general))
    paid = len(cloud.requests)
    silent = await anna.post(*(["and then?"] if content == "words" else ["", snap]), reply_to=answer, ping=False)
    hint = await discord.bot.reply(silent)
    assert first_line(hint) == REPLY_WITH_MENTION
    assert hint.reference is silent
    assert len(cloud.requests) == paid
    again = await discord.bot.reply(await anna.post("and then?", reply_to=answer))
    assert first_line(again) == ANSWER


@pytest.mark.usefixtures("bot")
async def test_a_reply_to_a_clip_it_cannot_see_is_led_to_the_menu(
    discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, ben: Person, snap: Path
) -> None:
    posted = await ben.post("", snap, to=general)
    hint = await discord.bot.reply(await anna.post("@bot what colour?", reply_to=posted))
    assert first_line(hint) == USE_THE_MENU
    assert cloud.requests == []
    opened = await anna.menu("Ask about this", posted)
    answer = await (await anna.submit(opened, {"Your question": "what colour?"})).reply()
    assert first_line(answer) == ANSWER


@pytest.mark.usefixtures("bot")
async def test_a_reply_with_a_clip_of_its_own_needs_no_menu(
    discord: DiscordServer, general: Channel, anna: Person, ben: Person, snap: Path
) -> None:
    hidden = await ben.post("a remark", to=general)
    answer = await discord.bot.reply(await anna.post("@bot what colour?", snap, reply_to=hidden))
    assert first_line(answer) == ANSWER


@pytest.mark.usefixtures("bot")
async def test_it_does_not_mix_into_the_talk_of_others(
    discord: DiscordServer, general: Channel, anna: Person, ben: Person, snap: Path
) -> None:
    talk = [await anna.post("look", snap, to=general)]
    talk.append(await ben.post("nice", reply_to=talk[0]))
    await discord.bot.reply(await anna.post("@bot hello?", to=general))
    assert [discord.bot.messages(general)[0].reference in talk, len(discord.bot.messages(general))] == [False, 1]


class TestWithLeave:
    """The switch in the portal and the setting are both on."""

    @pytest.fixture
    async def discord(self) -> AsyncIterator[DiscordServer]:
        async with DiscordServer(message_content_allowed=True) as server:
            yield server

    async def test_what_was_hidden_is_answered(
        self, start: StartBot, discord: DiscordServer, general: Channel, anna: Person, ben: Person, snap: Path
    ) -> None:
        async with start(DISCORD__MESSAGE_CONTENT="true"):
            posted = await ben.post("", snap, to=general)
            answer = await discord.bot.reply(await anna.post("@bot what colour?", reply_to=posted))
            further = await discord.bot.reply(await anna.post("and then?", reply_to=answer, ping=False))
            linked = await discord.bot.reply(await anna.post(f"@bot and {general.link(posted)}?", to=general))
        assert [first_line(message) for message in (answer, further, linked)] == [ANSWER] * 3

    async def test_a_clip_posted_before_is_the_one_that_is_meant(
        self, start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
    ) -> None:
        async with start(DISCORD__MESSAGE_CONTENT="true"):
            await anna.post("", snap, to=general)
            answer = await discord.bot.reply(await anna.post("@bot what colour?", to=general))
        assert first_line(answer) == ANSWER
        assert len(cloud.captions) == 1

    async def test_with_leave_but_without_the_setting_nothing_is_asked_for(
        self, start: StartBot, discord: DiscordServer, general: Channel, anna: Person
    ) -> None:
        async with start():
            answer = await discord.bot.reply(await anna.post("@bot hello?", to=general))
            hint = await discord.bot.reply(await anna.post("and then?", reply_to=answer, ping=False))
        assert first_line(hint) == REPLY_WITH_MENTION
