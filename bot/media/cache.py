"""Clip files kept for a second look: few, not for long, under names that nobody outside can choose."""

import asyncio
import hashlib
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from bot.domain.media import MediaFile

_log = logging.getLogger(__name__)

_DIGEST = re.compile(r"[0-9a-f]{64}")
_COMING = ".coming-"


@dataclass(frozen=True, slots=True)
class _Kept:
    path: Path
    size_bytes: int
    used_at: float


class ClipCache:
    """Files named by the SHA-256 of their content, in a folder only we can read.

    A file leaves when it was not used for `keep_seconds`, or when all take more than `max_bytes`, the one longest
    unused first; with either at zero nothing is kept. `clock` gives seconds since the epoch, as the times of files are.
    A folder that cannot be written to costs a download, never an answer.
    """

    def __init__(
        self, folder: Path, *, max_bytes: int, keep_seconds: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._keep_seconds = keep_seconds
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    async def put(self, file: MediaFile) -> None:
        """Keep a file for later; what is there already is not copied again."""
        if self._keep_seconds > 0 and file.size_bytes <= self._max_bytes and _DIGEST.fullmatch(file.sha256):
            await self._do(lambda: self._put(file))

    async def take(self, sha256: str, folder: Path) -> Path | None:
        """The clip as a file of the caller's own in `folder`; None when it is not here. What is not what its name says
        is deleted."""
        if self._keep_seconds <= 0 or not _DIGEST.fullmatch(sha256):
            return None
        found: list[Path] = []
        await self._do(lambda: found.extend(self._take(sha256, folder)))
        return found[0] if found else None

    async def drop(self, digests: Collection[str]) -> None:
        """Delete the files of these clips; unknown ones are ignored."""
        wanted = frozenset(digests)
        await self._do(lambda: self._delete(lambda kept: kept.path.name in wanted))

    async def keep_only(self, digests: Collection[str]) -> None:
        """Delete the files of all clips but these."""
        wanted = frozenset(digests)
        await self._do(lambda: self._delete(lambda kept: kept.path.name not in wanted))

    async def clear(self) -> None:
        """Delete all files."""
        await self.keep_only(())

    async def sweep(self) -> None:
        """Delete what is too old or too much, and what a killed process left half written."""
        await self._do(self._sweep)

    async def _do(self, work: Callable[[], None]) -> None:
        async with self._one_at_a_time:
            try:
                await asyncio.to_thread(work)
            except OSError as error:
                _log.warning("the cache of clips: %s", type(error).__name__)

    def _put(self, file: MediaFile) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self._folder / file.sha256
        if not _is_file(target):
            handle, name = tempfile.mkstemp(prefix=_COMING, dir=self._folder)
            coming = Path(name)
            try:
                with os.fdopen(handle, "wb") as written, file.path.open("rb") as source:
                    shutil.copyfileobj(source, written)
                coming.replace(target)
            except OSError:
                coming.unlink(missing_ok=True)
                raise
        self._touch(target)
        self._sweep()

    def _take(self, sha256: str, folder: Path) -> list[Path]:
        source = self._folder / sha256
        if not _is_file(source) or self._is_old(_kept(source)):
            return []
        copy = folder / f"cached-{sha256[:16]}"
        handle = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as opened, copy.open("xb") as written:
            os.fchmod(written.fileno(), 0o600)
            shutil.copyfileobj(opened, written)
        with copy.open("rb") as opened:
            is_whole = hashlib.file_digest(opened, "sha256").hexdigest() == sha256
        if not is_whole:
            copy.unlink()
            source.unlink()
            return []
        self._touch(source)
        return [copy]

    def _touch(self, path: Path) -> None:
        now = self._clock()
        os.utime(path, (now, now))

    def _sweep(self) -> None:
        self._delete(self._is_old)
        rest = sorted(self._all(), key=lambda kept: kept.used_at)
        total = sum(kept.size_bytes for kept in rest)
        for kept in rest:
            if total <= self._max_bytes:
                break
            kept.path.unlink(missing_ok=True)
            total -= kept.size_bytes
        for left in self._folder.glob(f"{_COMING}*"):
            left.unlink(missing_ok=True)

    def _is_old(self, kept: _Kept) -> bool:
        """Also when the clock was set back since."""
        return not 0 <= self._clock() - kept.used_at < self._keep_seconds

    def _delete(self, goes: Callable[[_Kept], bool]) -> None:
        for kept in self._all():
            if goes(kept):
                kept.path.unlink(missing_ok=True)

    def _all(self) -> list[_Kept]:
        if not self._folder.is_dir():
            return []
        return [_kept(path) for path in self._folder.iterdir() if _DIGEST.fullmatch(path.name) and _is_file(path)]


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def _kept(path: Path) -> _Kept:
    facts = path.lstat()
    return _Kept(path, facts.st_size, facts.st_mtime)
