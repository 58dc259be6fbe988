"""How late the event loop is: a tick that should come every tenth of a second, and by how much it does not."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

TICK_SECONDS = 0.1
_WINDOW_SECONDS = 60.0


class LoopProbe:
    """Ticks while `watch` runs. `clock` gives monotonic seconds."""

    def __init__(
        self,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        heard: Callable[[float], None] = lambda _lag: None,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._heard = heard
        self._ticked_at = clock()
        self._lags: deque[tuple[float, float]] = deque()

    async def watch(self) -> None:
        """For as long as the loop is to be watched. `heard` is told how late each tick was, in seconds."""
        while True:
            due = self._clock() + TICK_SECONDS
            await self._sleep(TICK_SECONDS)
            self._ticked_at = self._clock()
            lag = max(0.0, self._ticked_at - due)
            while self._lags and self._lags[-1][1] <= lag:  # what is older and smaller can be the worst no more
                self._lags.pop()
            self._lags.append((self._ticked_at, lag))
            self._heard(lag)

    @property
    def age_seconds(self) -> float:
        """Since the last tick."""
        return self._clock() - self._ticked_at

    @property
    def worst_seconds(self) -> float:
        """How late the latest tick of the last minute was that was late the most."""
        since = self._clock() - _WINDOW_SECONDS
        while self._lags and self._lags[0][0] < since:
            self._lags.popleft()
        return self._lags[0][1] if self._lags else 0.0
