"""A clip that comes through a pipe is saved in a workspace of its own, which goes when the job is over."""

import asyncio
import os
import stat
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.app import App
from bot.domain.errors import MediaError
from bot.media.workspace import Workspace

STDIN = Path("-")
_BLOCK_BYTES = 2**20


@asynccontextmanager
async def saved(media: Path, app: App) -> AsyncGenerator[Path]:
    """The path itself, or what came on stdin for `-`. Raises MediaError when that is beyond the limit."""
    if media != STDIN:
        yield media
        return
    limit = app.crew.limits.max_bytes
    with Workspace(app.workspaces) as workspace:
        path = workspace.path / "stdin"
        size = 0
        with path.open("wb") as file:
            async for block in _blocks():
                size += len(block)
                if size > limit:
                    raise MediaError(
                        "media_too_large",
                        f"What came on stdin is larger than {limit / 2**20:g} MiB; send a shorter clip.",
                    )
                file.write(block)
        yield path


async def _blocks() -> AsyncGenerator[bytes]:
    """What comes on stdin; waiting for a pipe or a terminal can be cancelled, a file does not make wait."""
    if stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode):
        while block := sys.stdin.buffer.read(_BLOCK_BYTES):
            yield block
        return
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    try:
        while block := await reader.read(_BLOCK_BYTES):
            yield block
    finally:
        transport.close()
