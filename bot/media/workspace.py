"""A private folder for one job, gone when the job is over, whatever happened."""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.domain.errors import MediaError

_PREFIX = "job-"
_LOCK = ".lock"


class Workspace:
    """Opened with `with`; `path` is then a folder only we can read.

    A lock held in it for as long as the process lives tells `sweep_workspaces` apart what is in use from what a
    killed process left. Opening it raises MediaError where there is no room.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._path: Path | None = None
        self._lock: int | None = None

    @property
    def path(self) -> Path:
        """The folder. Raises RuntimeError outside the `with` block."""
        if self._path is None:
            raise RuntimeError("the workspace is not open")
        return self._path

    def __enter__(self) -> Self:
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._root))
            self._lock = os.open(self._path / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._leave()
            raise no_room() from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave()

    def _leave(self) -> None:
        path, lock = self._path, self._lock
        self._path = self._lock = None
        if path is not None:
            shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def no_room() -> MediaError:
    """A file cannot be saved."""
    return MediaError("media_not_saved", "There is no room to save this file here. Tell whoever runs this bot.")


def sweep_workspaces(root: Path) -> int:
    """Remove the folders of processes that are gone; returns how many. For the start of the program."""
    swept = 0
    for folder in sorted(root.glob(f"{_PREFIX}*")):
        if not _in_use(folder):
            shutil.rmtree(folder, ignore_errors=True)
            swept += 1
    return swept


def _in_use(folder: Path) -> bool:
    try:
        handle = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    else:
        return False
    finally:
        os.close(handle)
