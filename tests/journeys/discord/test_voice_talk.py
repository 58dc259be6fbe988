"""A conversation in a voice channel, whole: asked aloud, answered aloud and in text, captioned, noted, silenced."""

import asyncio

import pytest

from tests.journeys.discord.calling import LISTENING, LONG, UNHURRIED, agrees, answer, come, notices_in, spoken
from tests.journeys.discord.conftest import MakeClip, StartBot
from tests.simulator.discord_server import Channel, DiscordServer, Person
from tests.simulator.openai_server import ChatCall, HonestMind, OpenAIEmulator

QUESTION = "What colour is the sign?"


@pytest.fixture
async def discord():
    async with DiscordServer(message_content_allowed=True) as server:
        yield server


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Somebody who asks what colour the sign is: PCM."""
    return spoken(QUESTION, tmp_path_factory.mktemp("voices"))


def replies(call: ChatCall) -> str:
    return LONG if "story" in call.text else "It is red."


async def test_from_the_question_to_the_notes(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, lounge: Channel, anna: Person, question: bytes
) -> None:
    cloud.mind = HonestMind(answers="It is red.", hears=lambda _audio, _call: QUESTION)
    async with start(DISCORD__MESSAGE_CONTENT="true", **UNHURRIED) as bot:
        speaker, notice = await come(discord, anna, lounge)
        await agrees(anna, notice)
        await answer(anna, "voice captions on", lounge)
        said = await speaker.say(question)
        await speaker.hear_something(after=said.audible_until)
        await discord.bot.until(lambda: any(post.content.startswith("🎤") for post in notices_in(discord, lounge)))
        posts = [post for post in notices_in(discord, lounge) if not post.content.startswith(LISTENING)]
        captions = [post.content for post in posts if post.content.startswith("**Anna**")]
        [twin] = [post for post in posts if post.content.startswith("🎤")]
        assert captions == [f"**Anna** {QUESTION}"]
        assert twin.content == f"🎤 Anna: {QUESTION}\n💬 It is red."
        assert [button.label for button in twin.buttons] == ["Ask more", "Delete"]
        status = await answer(anna, "voice status", lounge)
        assert "1 answer so far" in status
        assert "first sound in the channel" in status
        asked = await anna.slash("voice notes", to=lounge)
        notes = await discord.bot.reply(asked, settled=lambda post: bool(post.files))
        assert notes.ephemeral_for is anna
        assert [file.name for file in notes.files] == ["notes.md", "notes.srt"]
        for file in notes.files:
            assert f"Anna: {QUESTION}" in file.bytes.decode()
            assert "Kibitz: It is red." in file.bytes.decode()
        assert bot.house.voice.call_in(lounge.guild.id)  # type: ignore[union-attr]
    assert discord.voice.violations == []


async def test_stop_silences_it_at_once(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, lounge: Channel, anna: Person, question: bytes
) -> None:
    cloud.mind = HonestMind(answers=LONG, hears=lambda _audio, _call: "Tell me a story.")
    async with start(**UNHURRIED) as bot:
        speaker, notice = await come(discord, anna, lounge)
        await agrees(anna, notice)
        said = await speaker.say(question)
        await speaker.hear_something(after=said.audible_until)
        assert await answer(anna, "stop", lounge) == "Stopped."
        await asyncio.sleep(0.3)
        heard = len(speaker.heard)
        await asyncio.sleep(0.5)
        assert len(speaker.heard) == heard
        await discord.bot.until(lambda: any("✋" in post.content for post in notices_in(discord, lounge)))
        del bot


async def test_a_clip_in_the_chat_can_be_asked_about(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, lounge: Channel, anna: Person, question: bytes,
    clip: MakeClip,
) -> None:  # fmt: skip
    cloud.mind = HonestMind(hears=lambda _audio, _call: "What colour is the picture?")
    async with start(DISCORD__MESSAGE_CONTENT="true", **UNHURRIED) as bot:
        speaker, notice = await come(discord, anna, lounge)
        await agrees(anna, notice)
        await anna.post("Look!", clip("red"), to=lounge)
        await asyncio.sleep(0.2)
        said = await speaker.say(question)
        await speaker.hear_something(after=said.audible_until, timeout=20)
        await discord.bot.until(lambda: any("red" in post.content for post in notices_in(discord, lounge)))
        [twin] = [post for post in notices_in(discord, lounge) if post.content.startswith("🎤")]
        assert [button.label for button in twin.buttons] == ["Ask more", "Transcript", "Frames", "Delete"]
        del bot
