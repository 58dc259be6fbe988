"""Asked aloud over an encrypted call, answered aloud: what people hear, what stands in the chat, what is kept, what
is said of nobody who did not agree."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from bot.database.engine import open_database
from bot.database.tables import TurnRow
from bot.database.where import Where
from tests.databases import holds
from tests.journeys.discord.calling import LONG, UNHURRIED, agrees, answer, come, notices_in, spoken
from tests.journeys.discord.conftest import StartBot
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.discord_voice import sound
from tests.simulator.openai_server import HonestMind, OpenAIEmulator
from tests.simulator.openai_server.sound import SPEECH_RATE_HZ

QUESTION = "Kibitz, what colour is the sign?"
ANSWER = "It is red."


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One turn as the database has it."""

    question: str
    answer: str
    was_heard: bool


@pytest.fixture
async def discord() -> AsyncIterator[DiscordServer]:
    async with DiscordServer(message_content_allowed=True) as server:
        yield server


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Somebody who asks what colour the sign is: PCM."""
    return spoken(QUESTION, tmp_path_factory.mktemp("voices"))


async def turns(data: Path) -> list[Kept]:
    """All that is kept, the oldest first."""
    async with open_database(Where(directory=data)) as database:
        rows = await database.read(lambda session: session.scalars(select(TurnRow).order_by(TurnRow.asked_at)))
        return [Kept(question=row.question, answer=row.answer, was_heard=row.was_heard) for row in rows]


def shape(pcm: bytes, rate_hz: int) -> tuple[float, float]:
    """The pitch of a sound, and how many seconds there are from its first loud sample to its last."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    loud = np.flatnonzero(np.abs(samples) > 500)
    samples = samples[loud[0] : loud[-1] + 1]
    spectrum = np.abs(np.fft.rfft(samples))
    return float(np.argmax(spectrum)) * rate_hz / len(samples), len(samples) / rate_hz


async def twin(discord: DiscordServer, channel: Channel) -> Message:
    """The text of a spoken answer."""

    def found() -> list[Message]:
        return [post for post in notices_in(discord, channel) if post.content.startswith("🎤")]

    await discord.bot.until(found)
    return found()[-1]


async def test_heard_and_answered_and_nobody_else(
    start: StartBot,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    club: Guild,
    lounge: Channel,
    anna: Person,
    question: bytes,
    tmp_path: Path,
) -> None:
    cloud.mind = HonestMind(answers=ANSWER, hears=lambda _audio, _call: QUESTION)
    zacharias = club.member("Zacharias")
    async with start(DISCORD__MESSAGE_CONTENT="true", **UNHURRIED) as bot:
        other = await zacharias.join_voice(lounge)
        speaker, notice = await come(discord, anna, lounge)
        await agrees(anna, notice)
        await answer(anna, "voice captions on", lounge)
        call = bot.house.voice.call_in(club.id)  # type: ignore[union-attr]
        assert call is not None
        await other.say(question)
        dropped = call.session.status().counters["dropped_consent"]
        assert dropped >= len(other.sent) - 5  # the last may be on their way
        await asyncio.sleep(0.6)
        assert cloud.transcriptions == cloud.chats == []
        said, _ = await asyncio.gather(speaker.say(question), other.say(question[: len(question) // 2]))
        await speaker.hear_something(after=said.audible_until)
        shown = await twin(discord, lounge)
        assert shown.content == f"🎤 Anna: {QUESTION}\n💬 {ANSWER}"
        posts = [post.content for post in notices_in(discord, lounge)]
        assert [post for post in posts if post.startswith("**")] == [f"**Anna** {QUESTION}"]
        spoken = cloud.speeches[-1]
        assert spoken.text == ANSWER
        voice = cloud.mind.speak(spoken.text, spoken.voice, spoken.speed)
        heard = shape(speaker.heard_pcm(said.audible_until), sound.RATE_HZ)
        assert heard == pytest.approx(shape(voice, SPEECH_RATE_HZ), rel=0.1)
        assert [each.duration_seconds for each in cloud.transcriptions if each.duration_seconds > 3] == []
        assert "Zacharias" not in json.dumps([each.body for each in cloud.chats])
        assert discord.voice.violations == []
    assert await turns(tmp_path / "data") == [Kept(question=QUESTION, answer=ANSWER, was_heard=True)]
    async with open_database(Where(directory=tmp_path / "data")) as database:
        for words in ("Zacharias", str(zacharias.id)):
            assert not await holds(Where(directory=tmp_path / "data"), database, words)


async def test_silent_when_interrupted_and_knows_how_far_it_came(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, lounge: Channel, anna: Person, question: bytes,
    tmp_path: Path,
) -> None:  # fmt: skip
    words = [QUESTION]
    cloud.mind = HonestMind(answers=LONG, hears=lambda _audio, _call: words[-1])
    async with start(**UNHURRIED):
        speaker, notice = await come(discord, anna, lounge)
        await agrees(anna, notice)
        said = await speaker.say(question)
        await speaker.hear_something(after=said.audible_until)
        await asyncio.sleep(1.0)
        words.append("Stop.")
        said = await speaker.say(question)
        shown = await twin(discord, lounge)
        assert "✋" in shown.content
        assert speaker.heard_since(said.audible_until) == []
        await asyncio.sleep(0.5)
        assert speaker.heard_since(said.audible_until) == []
    [kept] = await turns(tmp_path / "data")
    heard, marker, rest = kept.answer.partition(" [interrupted by Anna]")
    assert marker
    assert not rest
    assert LONG.startswith(heard)
    assert 0 < len(heard) < len(LONG) / 4
