"""The sign of life of a running bot: a file that is touched while every shard is connected."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
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
                with suppress(OSError):  # a disk that is full is found by other checks
                    await asyncio.to_thread(path.touch)
            await sleep(_BEAT_SECONDS)
    finally:
        path.unlink(missing_ok=True)  # noqa: ASYNC240 - one call while everything ends


def ack_age(socket: object) -> float | None:
    """Seconds since Discord acknowledged a heartbeat on a gateway connection of the library; None: there is none. The
    library keeps the time to itself, in seconds of `time.perf_counter`."""
    keeper = getattr(socket, "_keep_alive", None)
    acknowledged_at = getattr(keeper, "_last_ack", None)
    if acknowledged_at is None or not getattr(socket, "open", False):
        return None
    return time.perf_counter() - acknowledged_at


def seconds_since_beat(path: Path, *, now: float) -> float | None:
    """None: no bot runs on this data. `now` is the time of the clock, as `time.time`."""
    try:
        return now - path.stat().st_mtime
    except FileNotFoundError:
        return None
