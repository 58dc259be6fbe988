"""Packets of one stream in their order again. Nobody plays them, so what is in order waits for nothing: only a packet
that is missing is waited for, and the longer the more packets come late."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass

from bot.domain.voice import OpusFrame

_SHORTEST_WAIT_SECONDS = 0.06
_LONGEST_WAIT_SECONDS = 0.12
_MARGIN_SECONDS = 0.01
_FORGETS = 0.995  # of the wait, per packet: back to the shortest within some seconds
_FURTHEST = 250  # packets ahead or behind that may still be of the same run: five seconds
_REMEMBERED = 64
_RESTART_SECONDS = 1.0  # of nothing, after which any number may follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """The next packet, and how many right before it are lost."""

    frame: OpusFrame
    lost: int


class JitterBuffer:
    """Holds at most five seconds of one stream. `counters` gets lost, late and duplicate packets."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._waiting: dict[int, OpusFrame] = {}
        self._next = 0
        self._is_new = True
        self._has_begun = False
        self._seen: deque[int] = deque(maxlen=_REMEMBERED)
        self._last_arrival = 0.0
        self._wait_seconds = _SHORTEST_WAIT_SECONDS
        self._gap_since: float | None = None
        self._skipped: dict[int, float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def wait_seconds(self) -> float:
        """How long a missing packet is waited for."""
        return self._wait_seconds

    def push(self, frame: OpusFrame) -> None:
        """Any packet, in any order."""
        number = frame.sequence
        if self._is_new:
            self._is_new = False
            self._next = number
        ahead = distance(self._next, number)
        is_rested = frame.arrived_at - self._last_arrival > _RESTART_SECONDS
        if ahead and (abs(ahead) > _FURTHEST or (is_rested and not self._waiting)):
            self._restart(number)
            ahead = 0
        self._last_arrival = frame.arrived_at
        if number in self._seen:
            self._counters["duplicate"] += 1
            return
        self._seen.append(number)
        if ahead < 0 and not self._has_begun:
            self._next = number  # the very first packets came in another order
        elif ahead < 0:
            self._counters["late"] += 1
            if (since := self._skipped.pop(number, None)) is not None:
                self._lateness(frame.arrived_at - since)
            return
        self._waiting[number] = frame

    def pop(self, now: float) -> Iterator[Arrived]:
        """What can be had now, in order."""
        while self._waiting:
            lost = self._missing(now)
            if lost is None:
                return
            frame = self._waiting.pop((self._next + lost) & 0xFFFF)
            if lost:
                self._give_up(lost)
            elif self._gap_since is not None:
                self._lateness(frame.arrived_at - self._gap_since)
            self._gap_since = None
            self._has_begun = True
            self._next = (frame.sequence + 1) & 0xFFFF
            self._wait_seconds = max(self._wait_seconds * _FORGETS, _SHORTEST_WAIT_SECONDS)
            yield Arrived(frame=frame, lost=lost)

    def _missing(self, now: float) -> int | None:
        """Packets missing before the first that is here; None while it is worth waiting for them."""
        if self._next in self._waiting:
            return 0
        if self._gap_since is None:
            self._gap_since = min(frame.arrived_at for frame in self._waiting.values())
        if now - self._gap_since < self._wait_seconds:
            return None
        return min(distance(self._next, number) for number in self._waiting)

    def _give_up(self, lost: int) -> None:
        self._counters["lost"] += lost
        if self._gap_since is not None:
            self._skipped = {(self._next + n) & 0xFFFF: self._gap_since for n in range(lost)}

    def _lateness(self, seconds: float) -> None:
        """A packet came so long after one that follows it."""
        wanted = min(seconds + _MARGIN_SECONDS, _LONGEST_WAIT_SECONDS)
        self._wait_seconds = max(self._wait_seconds, wanted)

    def _restart(self, number: int) -> None:
        """Another run of numbers; what waited for the old run is given up."""
        self._counters["lost"] += len(self._waiting)
        self._waiting.clear()
        self._seen.clear()
        self._skipped.clear()
        self._gap_since = None
        self._has_begun = False
        self._next = number


def distance(origin: int, number: int) -> int:
    """How far a 16 bit number is ahead of another, negative when behind, whichever way is shorter."""
    return ((number - origin + 0x8000) & 0xFFFF) - 0x8000
