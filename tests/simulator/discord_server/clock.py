"""The clock of the simulated Discord, which a test can set forward, and the snowflakes cut from it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

EPOCH_SECONDS = 1_420_070_400


class Clock:
    """Seconds since 1970. It runs like the real one; `advance` sets it forward and tells whoever listens."""

    def __init__(self, start: float | None = None) -> None:
        self._offset = 0.0 if start is None else start - time.time()
        self._listeners: list[Callable[[], None]] = []

    def __call__(self) -> float:
        return time.time() + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += seconds
        for listener in tuple(self._listeners):
            listener()

    def listen(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)


class Snowflakes:
    """Ids that grow with the clock and never repeat."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        self._last = max(snowflake(self._clock()), self._last + 1)
        return self._last


def snowflake(at: float) -> int:
    """The smallest id of the millisecond `at`."""
    return int((at - EPOCH_SECONDS) * 1000) << 22


def timestamp(at: float) -> str:
    """ISO 8601 as Discord writes it."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="microseconds")
