"""Turns the bytes of a sound stream into mono PCM, whatever pieces they come in; reads the header where it is WAV."""

import struct
from array import array
from dataclasses import dataclass

_PCM, _EXTENSIBLE = 1, 0xFFFE
_LONGEST_HEADER = 64 * 1024


class UnplayableSoundError(Exception):
    """The bytes are neither the PCM that was asked for nor a WAV of 16-bit PCM."""


@dataclass(frozen=True, slots=True)
class _Format:
    rate_hz: int
    channels: int


class PcmReader:
    """Feeds on bytes and gives whole 16-bit mono samples. `rate_hz` holds once samples have come out.

    A stream that begins with a RIFF header is WAV, whatever was asked for; anything else is taken as PCM of
    `default_rate_hz` unless it begins like a compressed format. Raises UnplayableSoundError.
    """

    def __init__(self, default_rate_hz: int) -> None:
        self.rate_hz = default_rate_hz
        self._held = b""
        self._format: _Format | None = None

    def feed(self, data: bytes) -> bytes:
        """The samples that are complete with this piece; empty while there are none."""
        self._held += data
        self._format = self._format or self._begin()
        if self._format is None:
            return b""
        whole = len(self._held) - len(self._held) % (2 * self._format.channels)
        samples, self._held = self._held[:whole], self._held[whole:]
        return _mono(samples, self._format.channels)

    def _begin(self) -> _Format | None:
        """The format, with the header taken off; None until it is clear where the samples begin."""
        if len(self._held) < 4:
            return None
        if not self._held.startswith(b"RIFF"):
            if self._held.startswith((b"ID3", b"OggS", b"fLaC")):
                raise UnplayableSoundError
            return _Format(self.rate_hz, 1)
        return self._read_header()

    def _read_header(self) -> _Format | None:
        at, found = 12, None
        while len(self._held) >= at + 8:
            name, size = self._held[at : at + 4], struct.unpack_from("<I", self._held, at + 4)[0]
            if name == b"data":
                if found is None:
                    raise UnplayableSoundError
                self.rate_hz, self._held = found.rate_hz, self._held[at + 8 :]
                return found
            if name == b"fmt " and len(self._held) >= at + 24:
                kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", self._held, at + 8)
                if kind not in (_PCM, _EXTENSIBLE) or bits != 16 or not channels or not rate_hz:
                    raise UnplayableSoundError
                found = _Format(rate_hz, channels)
            at += 8 + size + size % 2
        if at > _LONGEST_HEADER:
            raise UnplayableSoundError
        return None


def _mono(samples: bytes, channels: int) -> bytes:
    """The first channel alone: speech is the same in all of them."""
    if channels == 1:
        return samples
    values = array("h")
    values.frombytes(samples)
    return values[::channels].tobytes()
