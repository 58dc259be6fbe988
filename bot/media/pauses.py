"""Finds silence and pauses in a row of loudness levels, one level per 20 ms. Loudness only: a tone, music and
quiet speech are sound, whatever a speech detector would say.
"""

from dataclasses import dataclass

import numpy as np

from bot.media.loudness import Levels

LEVELS_PER_SECOND = 50

MIN_PIECE = 5 * LEVELS_PER_SECOND
MAX_PIECE = 25 * LEVELS_PER_SECOND
MARGIN = LEVELS_PER_SECOND // 5  # kept around sound, so that soft beginnings and ends of words survive
_SILENCE = LEVELS_PER_SECOND
_SILENCE_AFTER_LITTLE = 2 * LEVELS_PER_SECOND  # spares a slow talker one piece per sentence

# Below the first, nothing is audible; in a noisy recording the line lies above its noise, but never above the
# second, nor less than the contrast below the loudest sound: a steady soft tone is no noise floor.
_INAUDIBLE_DBFS = -60.0
_NOISE_DBFS = -50.0
_ABOVE_FLOOR_DB = 6.0
_CONTRAST_DB = 20.0
_MEMORY = 30 * LEVELS_PER_SECOND

_IDEAL_PIECE = 10 * LEVELS_PER_SECOND
_LEAST_RANGE_DB = 6.0
_LENGTH_WEIGHT = 0.6
_REAL_PAUSE = 0.55  # of the way from loud to soft
_HAT = np.bartlett(LEVELS_PER_SECOND * 7 // 10 + 2)
_TENT: Levels = (_HAT / _HAT.sum()).astype(np.float32)


class Gate:
    """The line between silence and sound, which follows the noise of the recording."""

    def __init__(self) -> None:
        self._recent = np.empty(0, np.float32)
        self._loudest = -np.inf
        self.dbfs = _INAUDIBLE_DBFS

    def hear(self, levels: Levels) -> None:
        """Take the next levels into account."""
        if not len(levels):
            return
        self._recent = np.append(self._recent, levels)[-_MEMORY:]
        floor, loud = np.percentile(self._recent, (10, 95))
        self._loudest = max(self._loudest, float(loud))
        line = min(_NOISE_DBFS, float(floor) + _ABOVE_FLOOR_DB, self._loudest - _CONTRAST_DB)
        self.dbfs = max(_INAUDIBLE_DBFS, line)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Levels `begin` to `end` (exclusive) are silence, margins not included. `open`: it may go on."""

    begin: int
    end: int
    open: bool


def find_gap(levels: Levels, gate_dbfs: float, *, in_silence: bool, ended: bool) -> Gap | None:
    """The first silence worth leaving out, None when there is none.

    `in_silence`: the levels before these were silence. `ended`: no levels follow.
    """
    count = len(levels)
    loud = np.flatnonzero(levels >= gate_dbfs)
    if ended and not len(loud):
        return Gap(begin=0, end=count, open=False) if count or in_silence else None
    starts = np.append(0, loud + 1)
    ends = np.append(loud, count)
    worth = np.flatnonzero(ends - starts >= _SILENCE)
    for place in ([0] if in_silence else []) + worth.tolist():
        start, end = int(starts[place]), int(ends[place])
        last = end == count
        begin = start + MARGIN if start else 0
        until = end if last and ended else max(begin, end - MARGIN)
        least = _SILENCE if begin == 0 or start >= MIN_PIECE or (last and ended) else _SILENCE_AFTER_LITTLE
        if until - begin >= least or (in_silence and start == 0):
            return Gap(begin=begin, end=until, open=last and not ended)
    return None


def best_cut(levels: Levels, *, ended: bool) -> int | None:
    """Where to end the first piece of a stretch of sound; None: nowhere yet, or (when `ended`) it is one piece.

    The levels are smoothed with a tent 0.7 s wide: they are lowest in the middle of the longest and deepest pause,
    or, without any pause, at the softest moment. That depth, as a share of the way from the loud to the soft parts
    of this stretch, is weighed against the length of the piece. Neither it nor the rest is shorter than MIN_PIECE.
    """
    count = len(levels)
    latest = min(MAX_PIECE, count - MIN_PIECE)
    if latest < MIN_PIECE or (not ended and count < MAX_PIECE + MIN_PIECE):
        return None
    soft, loud = np.percentile(levels, (10, 90))
    smooth = np.convolve(levels, _TENT, mode="same")[MIN_PIECE : latest + 1]
    depth = (loud - smooth) / max(loud - soft, _LEAST_RANGE_DB)
    length = np.arange(MIN_PIECE, latest + 1)
    worth = depth - _LENGTH_WEIGHT * np.log(length / _IDEAL_PIECE) ** 2
    best = int(np.argmax(worth))
    return MIN_PIECE + best if count > MAX_PIECE or depth[best] > _REAL_PAUSE else None
