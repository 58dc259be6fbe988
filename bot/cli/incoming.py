"""A clip that comes through a pipe is saved in a workspace of its own, which goes when the job is over."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from bot.app import App
from bot.domain.errors import MediaError
from bot.media.workspace import Workspace

STDIN = Path("-")
_BLOCK_BYTES = 2**20


@contextmanager
def saved(media: Path, app: App) -> Generator[Path]:
    """The path itself, or what came on stdin for `-`. Raises MediaError when that is beyond the limit."""
    if media != STDIN:
        yield media
        return
    limit = app.crew.limits.max_bytes
    with Workspace(app.workspaces) as workspace:
        path = workspace.path / "stdin"
        size = 0
        with path.open("wb") as file:
            while block := sys.stdin.buffer.read(_BLOCK_BYTES):
                size += len(block)
                if size > limit:
                    raise MediaError(
                        "media_too_large",
                        f"What came on stdin is larger than {limit / 2**20:g} MiB; send a shorter clip.",
                    )
                file.write(block)
        yield path
