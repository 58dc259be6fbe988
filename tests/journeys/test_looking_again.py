"""Questions about clips not seen before: answered from what is kept, or by one more look where that is silent."""

import random
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.database.engine import Database
from bot.domain.answer import AnswerMode
from bot.domain.ask import Ask
from bot.domain.conversation import ConversationKey, MediaSource, PlaceSettings
from bot.media.cache import ClipCache
from bot.memory.store import Memory
from bot.services.chat import ChatService, Done
from bot.services.clips import ClipService
from bot.services.remembrance import Remembrance
from tests import clips
from tests.databases import POSTGRESQL, SQLITE
from tests.fakes.providers import KeepingListener
from tests.journeys.conftest import OpenKibitz
from tests.services.conftest import Shelf
from tests.simulator.openai_server import CuriousMind, OpenAIEmulator
from tests.simulator.openai_server.sound import decode_sound

CITED = re.compile(r"\[(\d+):(\d\d)\]")
KEY = ConversationKey(server_id=5, channel_id=1)
COLOURS = ("red", "blue", "green", "yellow", "purple", "orange")
SHOWN = ("MANGO 417", "HARBOUR 92", "PELICAN 63", "WINDOW 358", "COPPER 71", "VIOLIN 245", "TUNNEL 836", "LANTERN 19")
SPOKEN = (
    "The garden needs water this evening.",
    "My brother lost his yellow umbrella.",
    "Seven horses ran across the bridge.",
    "Please bring the heavy wooden boxes.",
    "Nobody answered the telephone yesterday.",
    "We counted every star above the mountain.",
)


@dataclass
class Room:
    """Where somebody asks about a clip; `asked` counts."""

    cloud: OpenAIEmulator
    chat: ChatService
    shelf: Shelf
    clip: MediaSource
    asked: list[str] = field(default_factory=list)

    async def ask(self, question: str) -> Done:
        self.asked.append(question)
        ask = Ask(
            job_id=f"{len(self.asked):012x}",
            key=KEY,
            asker_id=7,
            asked_at=datetime.now(UTC),
            question=question,
            clips=(self.clip,),
        )
        return await self.chat.serve(ask, PlaceSettings(), KeepingListener())

    def paid(self) -> tuple[int, int]:
        return len(self.cloud.captions), len(self.cloud.transcriptions)


@pytest.fixture
def mind() -> CuriousMind:
    return CuriousMind()


@pytest.fixture
async def cloud(mind: CuriousMind) -> AsyncIterator[OpenAIEmulator]:
    async with OpenAIEmulator(mind=mind) as emulator:
        yield emulator


@pytest.fixture
async def room(kibitz: OpenKibitz, cloud: OpenAIEmulator, database: Database, tmp_path: Path) -> AsyncIterator[Room]:
    async with kibitz(KIBITZ_TRANSCRIPTS__MODELS='["gpt-4o-transcribe-diarize"]') as app:
        memory, shelf = Memory(database), Shelf()
        cache = ClipCache(tmp_path / "cache", max_bytes=2**28, keep_seconds=3600)
        service = ClipService(app.crew, memory, shelf, folder=tmp_path / "work", cache=cache)
        remembrance = Remembrance(app.crew, memory, recent=timedelta(days=1), summarises=False)
        chat = ChatService(app.crew, memory, service, remembrance, mode=AnswerMode.CAPTION, max_clips=3)
        nothing = MediaSource(channel_id=1, message_id=1, attachment_id=1, url="", size_bytes=1)
        yield Room(cloud=cloud, chat=chat, shelf=shelf, clip=nothing)
        await remembrance.finish(5.0)


async def posted(room: Room, mind: CuriousMind, path: Path, seed: int) -> tuple[list[str], tuple[clips.Slide, ...]]:
    """A clip of four slides that follows from the seed alone; the mind learns its sentences, not what they are for."""
    chance = random.Random(seed)
    colours = chance.sample(COLOURS, 4)
    slides = clips.slides_with_speech(
        path,
        list(zip(chance.sample(SHOWN, 4), chance.sample(SPOKEN, 4), strict=True)),
        colours=colours,
        size=(640, 360),
    )
    for slide in slides:
        voice = path.with_name("voice.ogg")
        clips.speech(slide.spoken, voice)
        mind.learn_speech((await decode_sound(voice.read_bytes(), ".ogg")).samples, slide.spoken)
        mind.voices[slide.spoken] = chance.choice(("Anna", "Boris", "Chen"))
    room.clip = room.shelf.put(11, path)
    return colours, slides


def clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def clocks(seconds: float) -> set[str]:
    """The clock times of a moment whose beginning is known to a fifth of a second."""
    return {clock(seconds - 0.2), clock(seconds + 0.2)}


@pytest.mark.parametrize(
    ("where", "seed"), [(SQLITE, 1), (SQLITE, 2), (SQLITE, 3), (POSTGRESQL, 1)], indirect=["where"]
)
async def test_what_is_kept_answers_and_one_look_fills_what_it_leaves_out(
    room: Room, mind: CuriousMind, tmp_path: Path, seed: int
) -> None:
    colours, slides = await posted(room, mind, tmp_path / "clip.mp4", seed)
    await room.ask("What happens?")
    paid, answered = room.paid(), len(room.cloud.answers)

    third = slides[2]
    middle = (slides[1].start_seconds + slides[1].end_seconds) / 2
    held_out = [
        (f"What colour is it at {clock(middle)}?", {colours[1]}),
        (f"When is it {colours[2]}?", clocks(third.start_seconds)),
        (f"What comes after {colours[0]}?", {colours[1]}),
        (f"What comes before {colours[3]}?", {colours[2]}),
        (f"What comes after he said “{slides[1].spoken}”?", {colours[2]}),
        (f"What was there before he said “{third.spoken}”?", {colours[1]}),
        (f"Who said “{third.spoken}”?", {mind.voices[third.spoken]}),
        (f"When did they say “{slides[3].spoken}”?", clocks(slides[3].spoken_at_seconds)),
        (f"What was said while it was {colours[1]}?", {slides[1].spoken}),
    ]
    wrong: list[tuple[str, str]] = []
    for question, right in held_out:
        text = (await room.ask(question)).text
        if not any(words in text for words in right):
            wrong.append((question, text))
    assert wrong == []
    assert room.paid() == paid, "what is kept is not bought again"
    assert len(room.cloud.answers) == answered + len(held_out), "no look was needed"

    for question, slide in (
        ("What is written at the end?", slides[3]),
        (f"What is written at {clock(middle)}?", slides[1]),
    ):
        captions, sound = room.paid()
        done = await room.ask(question)
        assert slide.text in done.text, (question, done.text)
        minutes, seconds = CITED.findall(done.text)[0]
        assert slide.start_seconds - 1 < int(minutes) * 60 + int(seconds) < slide.end_seconds
        assert room.paid() == (captions + 1, sound), "one look is one request"
        assert slide.text in (await room.ask(f"Once more: {question}")).text
        assert room.paid() == (captions + 1, sound), "what a look found is kept"
    assert room.shelf.taken == [11], "the file came from the cache"


async def test_what_nobody_can_see_is_said_so_after_one_look(room: Room, mind: CuriousMind, tmp_path: Path) -> None:
    clips.colour_tone_clip(tmp_path / "clip.mp4", scenes=[("red", 440), ("blue", 660)], seconds=2.0)
    room.clip = room.shelf.put(11, tmp_path / "clip.mp4")
    await room.ask("What happens?")
    captions, _ = room.paid()
    done = await room.ask("What is written at the end?")
    assert done.text == "The clip does not say."
    assert room.paid()[0] == captions + 1


async def test_a_clip_that_is_gone_costs_the_look_and_not_the_answer(
    room: Room, mind: CuriousMind, tmp_path: Path
) -> None:
    await posted(room, mind, tmp_path / "clip.mp4", 4)
    await room.ask("What happens?")
    for kept in (tmp_path / "cache").iterdir():
        kept.unlink()
    room.shelf.files.clear()
    done = await room.ask("What is written at the end?")
    assert done.text == "The clip does not say."
    assert [notice.public for notice in done.notices if notice.code == "look_failed"] == [
        "I could not look again: It is gone. Post it again."
    ]
