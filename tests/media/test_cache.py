"""Clip files for a second look: bounded, expiring, never another file than asked for."""

import hashlib
import os
from pathlib import Path

import pytest

from bot.domain.media import MediaFile
from bot.media.cache import ClipCache


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(tmp_path: Path, clock: Clock) -> ClipCache:
    return ClipCache(tmp_path / "cache", max_bytes=25, keep_seconds=60.0, clock=clock)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


def clip(folder: Path, content: bytes) -> MediaFile:
    path = folder / content.hex()
    path.write_bytes(content)
    return MediaFile(path=path, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def names(tmp_path: Path) -> set[str]:
    return {path.name for path in (tmp_path / "cache").iterdir()}


async def taken(cache: ClipCache, file: MediaFile, work: Path) -> bytes | None:
    path = await cache.take(file.sha256, work)
    if path is None:
        return None
    content = path.read_bytes()
    path.unlink()
    return content


async def test_a_clip_comes_back_as_a_file_of_its_own(
    tmp_path: Path, cache: ClipCache, clock: Clock, work: Path
) -> None:
    file = clip(work, b"0123456789")
    assert await cache.take(file.sha256, work) is None
    await cache.put(file)
    file.path.unlink()
    path = await cache.take(file.sha256, work)
    assert path is not None
    assert path.parent == work
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_bytes(b"changed")
    path.unlink()
    assert (tmp_path / "cache" / file.sha256).stat().st_mode & 0o777 == 0o600
    after_a_restart = ClipCache(tmp_path / "cache", max_bytes=25, keep_seconds=60.0, clock=clock)
    assert await taken(after_a_restart, file, work) == b"0123456789"


async def test_the_longest_unused_makes_room(tmp_path: Path, cache: ClipCache, clock: Clock, work: Path) -> None:
    one, two, three = (clip(work, bytes([65 + n]) * 10) for n in range(3))
    for file in (one, two):
        await cache.put(file)
        clock.now += 1
    assert await taken(cache, one, work)
    clock.now += 1
    await cache.put(three)
    assert names(tmp_path) == {one.sha256, three.sha256}
    await cache.put(clip(work, b"x" * 26))
    assert names(tmp_path) == {one.sha256, three.sha256}, "one that fits never is not kept at all"


async def test_what_was_not_used_for_long_is_gone(tmp_path: Path, cache: ClipCache, clock: Clock, work: Path) -> None:
    file = clip(work, b"0123456789")
    await cache.put(file)
    clock.now += 59
    assert await taken(cache, file, work)
    clock.now += 61
    assert await taken(cache, file, work) is None
    (tmp_path / "cache" / ".coming-left").write_bytes(b"half")
    await cache.sweep()
    assert names(tmp_path) == set()


async def test_a_damaged_or_foreign_file_is_never_served(
    tmp_path: Path, cache: ClipCache, clock: Clock, work: Path
) -> None:
    file, other = clip(work, b"0123456789"), clip(work, b"other")
    await cache.put(file)
    kept = tmp_path / "cache" / file.sha256
    kept.write_bytes(b"0123456780")
    os.utime(kept, (clock.now, clock.now))
    assert await taken(cache, file, work) is None
    assert names(tmp_path) == set()
    kept.symlink_to(other.path)
    assert await taken(cache, file, work) is None
    assert list(work.glob("cached-*")) == []


@pytest.mark.parametrize("name", ["../secret", "", "a" * 63, "A" * 64, "/etc/passwd", f"{'a' * 64}\n"])
async def test_no_name_leads_out_of_the_folder(cache: ClipCache, work: Path, name: str) -> None:
    (work.parent / "secret").write_bytes(b"words")
    assert await cache.take(name, work) is None
    await cache.put(MediaFile(path=work.parent / "secret", size_bytes=5, sha256=name))
    assert not (work.parent / "cache").exists()


async def test_what_is_forgotten_goes(tmp_path: Path, cache: ClipCache, work: Path) -> None:
    one, two = clip(work, b"one"), clip(work, b"two")
    await cache.put(one)
    await cache.put(two)
    await cache.drop([one.sha256, "unknown"])
    assert names(tmp_path) == {two.sha256}
    await cache.put(one)
    await cache.keep_only([one.sha256])
    assert names(tmp_path) == {one.sha256}
    await cache.clear()
    assert names(tmp_path) == set()


@pytest.mark.parametrize("limits", [{"max_bytes": 0, "keep_seconds": 60.0}, {"max_bytes": 25, "keep_seconds": 0.0}])
async def test_off_keeps_nothing(tmp_path: Path, work: Path, cache: ClipCache, limits: dict[str, float]) -> None:
    file = clip(work, b"one")
    await cache.put(file)
    off = ClipCache(tmp_path / "cache", **limits)  # type: ignore[arg-type]
    await off.sweep()
    assert names(tmp_path) == set()
    await off.put(file)
    assert await off.take(file.sha256, work) is None


async def test_a_folder_that_cannot_be_used_costs_nothing(tmp_path: Path, work: Path) -> None:
    (tmp_path / "cache").write_bytes(b"not a folder")
    cache = ClipCache(tmp_path / "cache", max_bytes=25, keep_seconds=60.0)
    file = clip(work, b"one")
    await cache.put(file)
    assert await cache.take(file.sha256, work) is None
