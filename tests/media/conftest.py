"""Fixtures of the media tests: limits, and what every test must leave behind: nothing."""

import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bot.media.limits import MediaLimits

_SHARED = Path(__file__).parents[3] / "shared" / "media"


@pytest.fixture
def limits() -> MediaLimits:
    return MediaLimits()


@pytest.fixture
def shared() -> Path:
    """The folder of real clips beside the repository."""
    if not _SHARED.is_dir():
        pytest.skip(f"no real clips at {_SHARED}")
    return _SHARED


def children() -> set[int]:
    """Processes this one has started and not collected."""
    found: set[int] = set()
    if sys.platform != "linux":
        return found
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found |= {int(pid) for pid in (task / "children").read_text().split()}
    return found


def descriptors() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    before, opened = children(), descriptors()
    yield
    assert children() <= before, "a child process was left behind"
    assert descriptors() <= opened + 4, "file descriptors were left open"
