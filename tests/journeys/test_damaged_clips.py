"""Damaged clips through the whole pipeline: an answer or a clear refusal, and nothing left behind.

KIBITZ_MUTATIONS sets how many are tried; the default suits every run of the suite.
"""

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

import pytest

from bot.domain.errors import MediaError
from bot.domain.events import StageEnded, StageStarted
from bot.services.video import VideoService
from tests import clips
from tests.fakes.providers import KeepingListener, crew_of

COUNT = int(os.environ.get("KIBITZ_MUTATIONS", "16"))
SEED = 20261121
LONGEST_SECONDS = 60


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One small clip of each container."""
    folder = tmp_path_factory.mktemp("originals")
    made = [folder / name for name in ("a.mp4", "b.webm", "c.mkv", "d.mov")]
    for path in made:
        clips.colour_tone_clip(path, scenes=2, seconds=1.0, size=(160, 120))
    clips.tone(folder / "e.mp3", seconds=2)
    clips.tone(folder / "f.ogg", seconds=2)
    clips.animation(folder / "g.gif")
    clips.picture(folder / "h.jpg", size=(160, 120))
    return [*made, *(folder / name for name in ("e.mp3", "f.ogg", "g.gif", "h.jpg"))]


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Cut off somewhere, or some bytes changed, or both."""
    kind = chance.randrange(3)
    changed = bytearray(data if kind == 1 else data[: chance.randrange(1, len(data))])
    if kind > 0:
        for _ in range(chance.choice((1, 10, 200))):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def children() -> set[str]:
    """Processes that this one started and that still are."""
    own = str(os.getpid())
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[1] == own:
            found.add(stat.parent.name)
    return found


async def outcome(path: Path, listener: KeepingListener, *, speak: bool) -> str:
    """How a question about the file ended, in time."""
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            answer = await VideoService(crew_of()).ask(path, "What?", listener, speak=speak)
    except MediaError as error:
        return "refused" if error.public.endswith(".") else "refused without a sentence"
    return "answered" if answer.text else "answered without a word"


@pytest.mark.timeout(COUNT * 5 + 60)
async def test_damaged_clips_are_answered_or_refused(originals: list[Path], tmp_path: Path) -> None:
    chance = random.Random(SEED)
    before = children()
    outcomes: Counter[str] = Counter()
    for number in range(COUNT):
        original = originals[number % len(originals)]
        path = tmp_path / f"damaged{original.suffix}"
        path.write_bytes(mutated(original.read_bytes(), chance))
        listener = KeepingListener()
        said = await outcome(path, listener, speak=number % 5 == 0)
        outcomes[said] += 1
        events = listener.events
        assert sum(isinstance(e, StageStarted) for e in events) == sum(isinstance(e, StageEnded) for e in events)
        path.unlink()
        assert list(tmp_path.iterdir()) == [], f"mutation {number} left a file"
    assert children() <= before
    assert set(outcomes) == {"answered", "refused"}
