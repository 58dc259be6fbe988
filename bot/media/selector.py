"""Chooses the few pictures of a clip that are worth looking at, while it is still being decoded."""

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bot.domain.media import FrameReason

_log = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]
_Coarse = NDArray[np.int16]
_Mask = NDArray[np.bool_]

_COARSE_CELLS = 16
_COARSE_NOISE = 12.0
_COARSE_FULL = 116.0
_CHANGED = 0.05
_REMEMBERED = 4
_IMPATIENCE = 4.0
_PATIENCE_SECONDS = 2.4
_LEAST_FLOOR_SECONDS = 6.0

_TEXT_CELL_PX = 8
_TEXT_CONTRAST = 44
_TEXT_CELLS = 2
_SETTLED_SHARE = 0.01
_BUSY = 0.35
_BUSY_WEIGHT = 0.3
_TEXT_NOVELTY = 0.3
_CUT_NOVELTY = 0.5
_SAME_CUT = 0.004
_CUT_DEBT = 2


def frame_budget(duration_seconds: float, most: int) -> int:
    """How many frames a clip of this length may cost.

    10 at once, 25 from half a minute to a whole one, 40 at two minutes, 120 from ten minutes on; `most` at most.
    """
    lengths, budgets = (0.0, 30.0, 60.0, 120.0, 600.0), (10.0, 25.0, 25.0, 40.0, 120.0)
    return max(1, min(most, round(float(np.interp(duration_seconds, lengths, budgets)))))


def candidate_step(duration_seconds: float) -> float:
    """Seconds between looks at the clip: a third up to ten seconds, one up to ten minutes, then 600 in all."""
    return 1 / 3 if duration_seconds <= 10.0 else max(1.0, duration_seconds / 600.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A picture that could be chosen. `pixels` is height x width x RGB, the same size for a whole clip.

    `cut_seconds` is the scene cut it is the first look after, None when there was none since the last look.
    `encode` makes the JPEG; called only for pictures that are likely to be chosen.
    """

    at_seconds: float
    pixels: Pixels = field(repr=False)
    encode: Callable[[], bytes] = field(repr=False)
    cut_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A chosen picture, with why and how much of it was new (0 to 1)."""

    at_seconds: float
    since_seconds: float
    reason: FrameReason
    novelty: float
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """A candidate with what it is compared by."""

    candidate: Candidate
    coarse: _Coarse

    @property
    def at_seconds(self) -> float:
        return self.candidate.at_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A choice that waits for the end of its window, with its coarse picture."""

    choice: Choice
    coarse: _Coarse


class FrameSelector:
    """Takes candidates in order and gives back choices in order; not safe for use by two threads at once.

    The clip is split into windows of three times the mean distance between frames. Each adds three frames to what
    may be spent; what is left goes to the next, and cuts may borrow two. At the end of a window, too many are
    thinned by novelty, never opening a gap longer than a window while that can be helped. In memory: three
    pictures, and the JPEGs of a window.
    """

    def __init__(self, *, duration_seconds: float, most: int, step_seconds: float | None = None) -> None:
        self._duration = max(duration_seconds, 0.001)
        self._budget = frame_budget(self._duration, most)
        self._step = candidate_step(self._duration) if step_seconds is None else step_seconds
        self._spacing = self._duration / self._budget
        self._gap = 3 * self._spacing
        self._patience = max(self._spacing, min(_PATIENCE_SECONDS, self._duration / 10))
        self._window_end = self._gap
        self._spent = 0
        self._held: list[_Held] = []
        self._kept: deque[_Coarse] = deque(maxlen=_REMEMBERED)
        self._reference: _Look | None = None
        self._previous: _Look | None = None
        self._released_at = 0.0
        self._released_coarse: _Coarse | None = None
        self._last_text_at = -1e9
        self._busy: NDArray[np.float32] | None = None
        self.considered = 0

    @property
    def chosen(self) -> int:
        """How many have been given back so far."""
        return self._spent

    @property
    def budget(self) -> int:
        """How many will be given back at most."""
        return self._budget

    def offer(self, candidate: Candidate) -> list[Choice]:
        """Look at the next candidate; returns the choices that are final by then."""
        self.considered += 1
        look = _Look(candidate=candidate, coarse=_coarse(candidate.pixels))
        if self._previous is None:
            self._hold(look, FrameReason.FIRST, 1.0)
            self._previous = look
            return self._release(1)
        final: list[Choice] = []
        while candidate.at_seconds >= self._window_end:
            final += self._release(min(self._budget - 1, round(self._window_end / self._spacing)))
            self._window_end += self._gap
        self._judge(look, self._previous)
        self._previous = look
        return final

    def finish(self) -> list[Choice]:
        """The remaining choices; the last candidate is always among them while the budget allows it."""
        last = self._previous
        if last is None:
            return []
        newest = self._held[-1].choice.at_seconds if self._held else self._released_at
        if newest < last.at_seconds:
            self._hold(last, FrameReason.LAST, self._change(last))
        elif self._held:
            self._held[-1] = replace(self._held[-1], choice=replace(self._held[-1].choice, reason=FrameReason.LAST))
        return self._release(self._budget)

    def _judge(self, look: _Look, previous: _Look) -> None:
        """Hold the candidate, or the one before it, if it is worth it."""
        text_at = self._text_settled(look, previous)
        at = look.at_seconds
        change = self._change(look)
        elapsed = at - self._newest_at
        if look.candidate.cut_seconds is not None and change > _SAME_CUT:
            self._hold(look, FrameReason.CUT, max(_CUT_NOVELTY, change))
        elif change >= _CHANGED * (1 + _IMPATIENCE * max(0.0, 1 - elapsed / self._patience)):
            self._hold(look, FrameReason.CHANGE, min(change, self._novelty(look)))
        elif text_at is not None:
            self._last_text_at = at
            self._hold(text_at, FrameReason.TEXT, _TEXT_NOVELTY)
        elif at + self._step > self._newest_at + max(self._gap, _LEAST_FLOOR_SECONDS):
            self._hold(look, FrameReason.FLOOR, self._novelty(look))

    @property
    def _newest_at(self) -> float:
        return self._held[-1].choice.at_seconds if self._held else self._released_at

    def _hold(self, look: _Look, reason: FrameReason, novelty: float) -> None:
        candidate = look.candidate
        at = candidate.at_seconds
        cut = candidate.cut_seconds
        choice = Choice(
            at_seconds=at,
            since_seconds=at if cut is None else min(cut, at),
            reason=reason,
            novelty=round(min(1.0, novelty), 4),
            jpeg=candidate.encode(),
        )
        self._held.append(_Held(choice=choice, coarse=look.coarse))
        self._kept.append(look.coarse)
        self._reference = look

    def _release(self, allowance: int) -> list[Choice]:
        """Give back what is held, thinned to what may be spent by then."""
        cuts = sum(held.choice.reason is FrameReason.CUT for held in self._held)
        debt = max(0, min(_CUT_DEBT, cuts - max(0, allowance - self._spent), self._budget - 1 - allowance))
        room = max(0, allowance + debt - self._spent)
        dropped = len(self._held) > room and self._held[-1].choice
        while len(self._held) > room:
            del self._held[self._least(room)]
        final = [held.choice for held in self._held]
        if self._held:
            self._released_at = final[-1].at_seconds
            self._released_coarse = self._held[-1].coarse
        if dropped and (not final or final[-1] is not dropped) and self._released_coarse is not None:
            self._kept.append(self._released_coarse)
            self._reference = None
        self._spent += len(final)
        self._held.clear()
        for choice in final:
            _log.debug("frame at %.3f s: %s, novelty %.3f", choice.at_seconds, choice.reason, choice.novelty)
        return final

    def _least(self, room: int) -> int:
        """The held choice that can best be spared: least new, and leaving no gap if one such is there."""
        times = [self._released_at, *(held.choice.at_seconds for held in self._held)]
        ends = [*times[2:], times[-1]]
        last = len(self._held) - 1

        def cost(place: int) -> tuple[bool, bool, bool, float]:
            choice = self._held[place].choice
            is_last = choice.reason is FrameReason.LAST and room > 0 and place == last
            opens_gap = ends[place] - times[place] > self._gap
            return is_last, opens_gap, choice.reason is FrameReason.CUT, choice.novelty

        return min(range(len(self._held)), key=cost)

    def _change(self, look: _Look) -> float:
        """How different it is from the newest chosen picture."""
        return _distance(look.coarse, self._kept[-1])

    def _novelty(self, look: _Look) -> float:
        """How different it is from each of the last few chosen pictures."""
        return min(_distance(look.coarse, kept) for kept in self._kept)

    def _text_settled(self, look: _Look, previous: _Look) -> _Look | None:
        """The candidate before this one, if small writing changed with it and has stood still since.

        Cells of 8 x 8 pixels are compared at full size. A cell that keeps moving (a webcam in the corner, a clock)
        is left out; so is everything while fresh parts of the picture move, because then motion is what changed.
        """
        moved = _cells(look.candidate.pixels, previous.candidate.pixels)
        contrast = max(_TEXT_CONTRAST, 3 * int(np.median(moved)))
        moving: _Mask = moved > contrast
        busy = np.zeros(moving.shape, np.float32) if self._busy is None else self._busy
        quiet: _Mask = busy < _BUSY
        self._busy = busy * (1 - _BUSY_WEIGHT) + moving * np.float32(_BUSY_WEIGHT)
        reference = self._reference
        if reference is None or reference.at_seconds >= previous.at_seconds:
            return None
        if look.at_seconds - self._last_text_at < min(2.0, self._spacing):
            return None
        if np.count_nonzero(moving & quiet) > _SETTLED_SHARE * moving.size:
            return None
        differs: _Mask = _cells(previous.candidate.pixels, reference.candidate.pixels) > contrast
        return previous if np.count_nonzero(differs & ~moving & quiet) >= _TEXT_CELLS else None


def _coarse(pixels: Pixels) -> _Coarse:
    small = Image.fromarray(pixels).resize((_COARSE_CELLS, _COARSE_CELLS), Image.Resampling.BOX)
    return np.asarray(small, np.int16)


def _distance(one: _Coarse, other: _Coarse) -> float:
    """0 to 1: the mean over 16 x 16 cells of their strongest colour difference beyond noise."""
    strongest = np.abs(one - other).max(axis=2)
    return float(np.clip((strongest - _COARSE_NOISE) / _COARSE_FULL, 0.0, 1.0).mean())


def _cells(one: Pixels, other: Pixels) -> NDArray[np.uint8]:
    """The strongest difference in each cell of 8 x 8 pixels, any colour."""
    height, width = one.shape[:2]
    apart = (np.maximum(one, other) - np.minimum(one, other)).reshape(height, width * 3)
    whole = height // _TEXT_CELL_PX
    rows = apart[: whole * _TEXT_CELL_PX].reshape(whole, _TEXT_CELL_PX, width * 3).max(axis=1)
    if height % _TEXT_CELL_PX:
        rows = np.vstack((rows, apart[whole * _TEXT_CELL_PX :].max(axis=0, keepdims=True)))
    return np.maximum.reduceat(rows, list(range(0, width * 3, 3 * _TEXT_CELL_PX)), axis=1)
