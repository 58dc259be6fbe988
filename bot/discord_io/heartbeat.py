"""The sign of life of a running bot: a file that is touched while every shard is connected."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from bot.config import Settings

DEAD_AFTER_SECONDS = 60

_BEAT_SECONDS = 15


def heartbeat_file(settings: Settings) -> Path:
    """Where the sign of life is."""
    return settings.data.directory / "heartbeat"


async def beat(
    path: Path, is_connected: Callable[[], bool], *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> None:
    """Touch the file for as long as this runs; gone when it ends."""
    try:
        while True:
            if is_connected():
                await asyncio.to_thread(path.touch)
            await sleep(_BEAT_SECONDS)
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - one call while everything ends


def seconds_since_beat(path: Path, *, now: float) -> float | None:
    """None: no bot runs on this data. `now` is the time of the clock, as `time.time`."""
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return None
