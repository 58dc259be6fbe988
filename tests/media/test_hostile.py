"""Files damaged at random end in frames or sound or a MediaError; nothing hangs, crashes or stays behind.

KIBITZ_MUTATIONS sets how many are tried, 2,000 a release; KIBITZ_STRACE=1 also watches every file they open.
"""

import asyncio
import os
import random
import tempfile
from collections import Counter
from contextlib import nullcontext
from functools import cache
from pathlib import Path

import pytest

from bot.media.child import ChildFault
from bot.media.limits import MediaLimits
from bot.media.workspace import Workspace
from tests import clips
from tests.media.looking import Look, look
from tests.media.tracing import traced

SUFFIXES = ("mp4", "mov", "mkv", "webm", "gif", "ogg", "mp3", "wav", "m4a", "flac", "jpg", "png", "webp")
MUTATIONS = int(os.environ.get("KIBITZ_MUTATIONS", "26"))
WATCHED = os.environ.get("KIBITZ_STRACE") == "1"
AT_ONCE = 3
SEED = 2026
MOST_BYTES = 512 * 10**6
OURS = {ChildFault.TIMEOUT, ChildFault.SIGNAL, ChildFault.OUTPUT, ChildFault.SANDBOX, ChildFault.MISSING}


@cache
def sample(suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"sample.{suffix}")
        if suffix in {"jpg", "png", "webp"}:
            clips.picture(path, size=(160, 120))
        elif suffix in {"mp4", "mov", "mkv", "webm"}:
            clips.moving_clip(path, seconds=0.8, fps=10, size=(160, 120))
        elif suffix == "gif":
            clips.animation(path, frames=5, size=(160, 120))
        else:
            clips.tone(path, seconds=1)
        return path.read_bytes()


def damage(data: bytes, dice: random.Random) -> bytes:
    """Cut it short, or change bytes: many anywhere, a few in the headers, a block of zeros, or a repeated part."""
    kind = dice.choice(("cut", "flips", "head", "zeros", "double"))
    place = dice.randrange(len(data))
    broken = bytearray(data)
    if kind == "cut":
        del broken[max(1, place) :]
    elif kind == "flips":
        for _ in range(dice.choice((1, 10, 200))):
            broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
    elif kind == "head":
        for _ in range(dice.choice((1, 5, 30))):
            broken[dice.randrange(min(600, len(broken)))] = dice.randrange(256)
    elif kind == "zeros":
        length = min(len(broken) - place, dice.choice((4, 100, 5000)))
        broken[place : place + length] = bytes(length)
    else:
        broken[place:place] = data[place : place + 2000]
    return bytes(broken)


@pytest.mark.timeout(MUTATIONS * 3 + 240)
async def test_random_damage(tmp_path: Path, limits: MediaLimits) -> None:
    """KIBITZ_MUTATIONS files of all kinds, damaged at random but each time the same."""
    watching = traced(tmp_path / "traces") if WATCHED else nullcontext()
    with watching as trace:
        looks = await damaged(tmp_path / "work", limits, MUTATIONS)
    faults = Counter(report.fault for look in looks for report in look.children)
    words = Counter(look.facts.kind.value if look.facts and not look.refusal else look.word for look in looks)
    peak = max(report.peak_bytes for look in looks for report in look.children)
    print(f"\n{len(looks)} files, {sum(faults.values())} children, most memory {peak / 2**20:.0f} MiB")
    print(dict(words), dict(faults), trace, sep="\n")
    assert not OURS & set(faults)
    assert peak <= MOST_BYTES
    assert all(word in {"video", "audio", "picture"} or word.startswith("media_") for word in words)
    assert len(words) > 1
    if trace is not None:
        assert not trace.outside + trace.sockets
        assert trace.opened > trace.children


async def damaged(root: Path, limits: MediaLimits, count: int) -> list[Look]:
    dice = random.Random(SEED)
    turns = asyncio.Semaphore(AT_ONCE)

    async def case(data: bytes) -> Look:
        async with turns:
            with Workspace(root) as workspace:
                path = workspace.path / "clip"
                path.write_bytes(data)
                before = set(workspace.path.iterdir())
                found = await look(path, limits)
                assert set(workspace.path.iterdir()) == before
                found.frames.clear()
                found.pcm.clear()
                return found

    cases = [damage(sample(SUFFIXES[place % len(SUFFIXES)]), dice) for place in range(count)]
    looks = await asyncio.gather(*(case(data) for data in cases))
    assert list(root.iterdir()) == []
    return looks


@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_the_undamaged_ones_are_usable(tmp_path: Path, limits: MediaLimits, suffix: str) -> None:
    path = tmp_path / "clip"
    path.write_bytes(sample(suffix))
    assert (await look(path, limits)).word in {"frames", "sound"}
