"""Sound as it comes over the wire: WAV or bare PCM in pieces of any size, into mono samples; and how loud it is."""

import struct

import numpy as np

_PCM, _EXTENSIBLE = 1, 0xFFFE
_LONGEST_HEADER = 64 * 1024
_COMPRESSED = (b"ID3", b"OggS", b"fLaC", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1")
_FULL_SCALE = 32_768.0
_KNEE = 0.8  # of full scale; what is louder is bent towards it


class UnplayableError(Exception):
    """Neither 16-bit PCM nor a WAV of it."""


class SoundReader:
    """Feeds on bytes, gives whole 16-bit samples of the first channel. `rate_hz` holds once samples have come.

    Lengths in a WAV header are not believed, because a server that streams does not know them yet. Raises
    UnplayableError.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self._channels = 0  # 0: the samples have not begun
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """The samples that are whole now; empty while there are none."""
        self._held += data
        if not self._channels and not self._has_begun():
            return b""
        whole = len(self._held) - len(self._held) % (2 * self._channels)
        samples, self._held = self._held[:whole], self._held[whole:]
        return np.frombuffer(samples, "<i2")[:: self._channels].tobytes()

    def _has_begun(self) -> bool:
        if len(self._held) < 4:
            return False
        if self._held.startswith(b"RIFF"):
            return self._has_header()
        if self._held.startswith(_COMPRESSED):
            raise UnplayableError
        self._channels = 1
        return True

    def _has_header(self) -> bool:
        """Whether the header is complete; it is taken off then."""
        at, channels = 12, 0
        while len(self._held) >= at + 8:
            name, size = struct.unpack_from("<4sI", self._held, at)
            if name == b"data" and channels:
                self._channels, self._held = channels, self._held[at + 8 :]
                return True
            if name == b"fmt " and len(self._held) >= at + 24:
                kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", self._held, at + 8)
                if kind not in (_PCM, _EXTENSIBLE) or bits != 16 or not channels or not rate_hz:
                    raise UnplayableError
                self.rate_hz = rate_hz
            at += 8 + size + size % 2
        if at > _LONGEST_HEADER:
            raise UnplayableError
        return False


def amplified(pcm: bytes, gain_db: float) -> bytes:
    """Louder or quieter. Peaks are bent below full scale instead of being cut, sample by sample, so that pieces of one
    sentence fit together."""
    samples = np.frombuffer(pcm, "<i2") * (10 ** (gain_db / 20) / _FULL_SCALE)
    size = np.abs(samples)
    bent = _KNEE + (1 - _KNEE) * np.tanh((size - _KNEE) / (1 - _KNEE))
    loud = np.where(size > _KNEE, np.copysign(bent, samples), samples)
    return np.clip(np.round(loud * _FULL_SCALE), -_FULL_SCALE, _FULL_SCALE - 1).astype("<i2").tobytes()
