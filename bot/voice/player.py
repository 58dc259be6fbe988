"""The queue of frames people are about to hear, and the clock that knows what they heard.

Every frame belongs to a generation, one spoken answer. What an older generation still wants to say is refused, so that
no sentence of an interrupted answer is ever heard in the next.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.voice import FRAME_SECONDS, SILENCE_FRAME

_LONGEST_QUEUE_SECONDS = 120.0
_KEPT_GENERATIONS = 8
_TAIL_FRAMES = 5  # of silence, so that the last sound is not cut
_WARM_SECONDS = 10.0  # for which a pause keeps the line open
_DRY_SECONDS = 2.0  # for which a gap does


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What became of a generation: frames per sentence that were handed out, and that there are in all so far.
    `first_at`: when the first that is no silence was handed out; None: not yet. `is_complete`: all of it was said, and
    no more will come."""

    generation: int
    frames: Mapping[int, int]
    queued: Mapping[int, int]
    first_at: float | None
    is_complete: bool

    @property
    def seconds(self) -> float:
        """How much of it was handed out."""
        return sum(self.frames.values()) * FRAME_SECONDS


@dataclass(slots=True, kw_only=True)
class _Generation:
    number: int
    frames: Counter[int] = field(default_factory=Counter[int])
    queued: Counter[int] = field(default_factory=Counter[int])
    first_at: float | None = None
    has_ended: bool = False


class Player:
    """A FrameSource. Every method may be called in any thread and returns at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._queue: deque[tuple[int, bytes]] = deque()
        self._current: _Generation | None = None
        self._newest = -1
        self._kept: deque[_Generation] = deque(maxlen=_KEPT_GENERATIONS)
        self._is_paused = False
        self._quiet_frames = 0

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    @property
    def remaining_seconds(self) -> float:
        """What is still to be handed out."""
        return len(self._queue) * FRAME_SECONDS

    @property
    def ran_dry(self) -> bool:
        """The generation has not ended, and there is nothing to say."""
        with self._lock:
            return self._current is not None and not self._current.has_ended and not self._queue

    def begin(self, generation: int) -> None:
        """Nothing of an earlier generation comes out any more. Raises ValueError for a number that is not new."""
        with self._lock:
            if generation <= self._newest:
                raise ValueError("generations grow")
            self._newest = generation
            self._queue.clear()
            self._current = _Generation(number=generation)
            self._kept.append(self._current)
            self._is_paused = False
            self._quiet_frames = 0

    def add(self, generation: int, sentence: int, frames: Sequence[bytes]) -> bool:
        """Say this next. False: not taken, because the generation is over or two minutes are waiting already."""
        with self._lock:
            current = self._its_own(generation)
            room = _LONGEST_QUEUE_SECONDS / FRAME_SECONDS - len(self._queue)
            if current is None or current.has_ended or len(frames) > room:
                return False
            self._queue.extend((sentence, frame) for frame in frames)
            current.queued[sentence] += len(frames)
            self._quiet_frames = 0
            return True

    def end(self, generation: int) -> None:
        """No more will be added to it."""
        with self._lock:
            if current := self._its_own(generation):
                current.has_ended = True

    def pause(self) -> None:
        """Stand still before the next frame."""
        with self._lock:
            if not self._is_paused:
                self._is_paused = True
                self._quiet_frames = 0

    def resume(self) -> None:
        """Go on with the frame at which it paused."""
        with self._lock:
            if self._is_paused:
                self._is_paused = False
                self._quiet_frames = 0

    def drop(self, generation: int) -> None:
        """Say nothing more of it, from the next frame on."""
        with self._lock:
            if self._its_own(generation):
                self._queue.clear()
                self._current = None
                self._is_paused = False
                self._quiet_frames = 0

    def played(self, generation: int) -> Played | None:
        """What was handed out of it; None when that was many generations ago."""
        with self._lock:
            found = next((kept for kept in self._kept if kept.number == generation), None)
            if found is None:
                return None
            return Played(
                generation=generation,
                frames=dict(found.frames),
                queued=dict(found.queued),
                first_at=found.first_at,
                is_complete=found.has_ended and found.frames.total() == found.queued.total(),
            )

    def read(self) -> bytes:
        with self._lock:
            if self._queue and not self._is_paused and self._current is not None:
                return self._next(self._current)
            return self._quiet()

    def _next(self, current: _Generation) -> bytes:
        sentence, frame = self._queue.popleft()
        current.frames[sentence] += 1
        if current.first_at is None and frame != SILENCE_FRAME:
            current.first_at = self._clock()
        self._quiet_frames = 0
        return frame

    def _quiet(self) -> bytes:
        """Silence while more is to come, or b"" when it takes too long or nothing is to come."""
        if self._current is None:
            longest = 0.0
        elif self._is_paused:
            longest = _WARM_SECONDS
        elif self._current.has_ended:
            longest = _TAIL_FRAMES * FRAME_SECONDS
        else:
            longest = _DRY_SECONDS
        if self._quiet_frames * FRAME_SECONDS >= longest:
            return b""
        self._quiet_frames += 1
        return SILENCE_FRAME

    def _its_own(self, generation: int) -> _Generation | None:
        current = self._current
        return current if current is not None and current.number == generation else None
