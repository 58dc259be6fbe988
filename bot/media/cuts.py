"""Finds hard cuts in a stream of scene scores."""

from collections import deque

_SURE = 0.3
_POSSIBLE = 0.04
_STILL_BEFORE = 6.0
_STILL_AFTER = 4.0
_BEFORE_SECONDS = 0.5
_LEAST_BEFORE_SECONDS = 0.25
_AFTER_SECONDS = 0.25
_APART_SECONDS = 0.2


class CutDetector:
    """Judges each picture by ffmpeg's scene score (0 to 1) over tiny RGB pictures at the full frame rate.

    A cut is a score beyond what motion reaches or, where everything around it stands still, a smaller one that
    towers over its neighbours. Thresholds: real cuts of five films scored 0.31 to 1.0, motion and flashes up to
    0.30, and slides that change 0.04 and more with neighbours near zero.
    """

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()
        self._next = 0
        self._last_cut: float | None = None
        self.judged_seconds = -1.0

    def feed(self, at_seconds: float, score: float) -> list[float]:
        """Take the next picture's score; returns cuts that are certain by then.

        Everything up to `judged_seconds` is decided.
        """
        self._seen.append((at_seconds, score))
        return self._judge(at_seconds - _AFTER_SECONDS)

    def finish(self) -> list[float]:
        """The cuts among the last pictures."""
        return self._judge(float("inf"))

    def _judge(self, until: float) -> list[float]:
        found: list[float] = []
        while self._next < len(self._seen) and self._seen[self._next][0] <= until:
            at, score = self._seen[self._next]
            apart = self._last_cut is None or at - self._last_cut >= _APART_SECONDS
            if score >= _POSSIBLE and apart and (score >= _SURE or self._towers(at, score)):
                found.append(at)
                self._last_cut = at
            self.judged_seconds = at
            self._next += 1
            while self._next > 1 and self._seen[1][0] < self.judged_seconds - _BEFORE_SECONDS:
                self._seen.popleft()
                self._next -= 1
        return found

    def _towers(self, at: float, score: float) -> bool:
        place = self._next
        if place == 0 or at - self._seen[0][0] < _LEAST_BEFORE_SECONDS:
            return False
        before = [s for t, s in list(self._seen)[:place] if t >= at - _BEFORE_SECONDS] or [self._seen[place - 1][1]]
        after = [s for t, s in list(self._seen)[place + 1 :] if t <= at + _AFTER_SECONDS]
        return max(before) * _STILL_BEFORE <= score and max(after, default=0.0) * _STILL_AFTER <= score
