"""The shape of a voice clip, as Discord draws it under a voice message."""

import numpy as np

from bot.media.loudness import mean_squares

MAX_POINTS = 256
_POINTS_PER_SECOND = 10
_FAINT_RMS = 10 ** (-50 / 20)  # a clip softer than this stays flat instead of being blown up


class Waveform:
    """Collects 16 bit mono PCM of one rate, in any portions."""

    def __init__(self, rate_hz: int) -> None:
        self._block_samples = rate_hz // _POINTS_PER_SECOND
        self._rest = bytearray()
        self._powers: list[float] = []

    def hear(self, pcm: bytes) -> None:
        """Take the next portion."""
        self._rest += pcm
        whole = len(self._rest) // (2 * self._block_samples) * 2 * self._block_samples
        self._powers += mean_squares(self._rest[:whole], self._block_samples).tolist()
        del self._rest[:whole]

    def points(self) -> bytes:
        """Root mean squares, the loudest as 255: one per 100 ms, spread over at most 256; at least one."""
        powers = self._powers or mean_squares(self._rest, self._block_samples).tolist() or [0.0]
        bins = np.array_split(np.asarray(powers), min(MAX_POINTS, len(powers)))
        rms = np.sqrt([part.mean() for part in bins])
        return np.rint(255 * rms / max(rms.max(), _FAINT_RMS)).astype(np.uint8).tobytes()
