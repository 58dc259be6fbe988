"""What a voice says as 20 ms Opus frames: no dead air before it, no click at its ends."""

from collections.abc import Iterator
from typing import Protocol, cast

import numpy as np
import soxr  # pyright: ignore[reportMissingTypeStubs] - it has none; the Protocol below says what is used
from numpy.typing import NDArray

from bot.domain.media import AudioChunk
from bot.domain.voice import FRAME_SECONDS
from bot.voice.opus import ENCODER_RATES_HZ, OpusEncoder

_RATE_HZ = 48_000  # for sound of a rate that Opus does not take
_LEAD_SECONDS = 0.02  # of the silence before the first sound that stay
_TAIL_SECONDS = 0.15  # of the silence after the last
_FADE_SECONDS = 0.004
_LONGEST_HELD_SECONDS = 1.0  # of silence that may be the end
_BLOCK_SECONDS = 0.005
_LOUD = 65  # the least peak that counts as sound, -54 dBFS

Samples = NDArray[np.int16]


class _Resampler(Protocol):
    def resample_chunk(self, x: Samples, last: bool = False) -> Samples: ...


class FrameEncoder:
    """Takes one sentence after the other. Not for two threads at once; long chunks are better encoded off the loop."""

    def __init__(self) -> None:
        self._encoders: dict[int, OpusEncoder] = {}
        self._sentence: _Sentence | None = None

    def add(self, chunk: AudioChunk) -> list[bytes]:
        """Frames of the sentence's next sound. All chunks of a sentence have the rate of its first."""
        if self._sentence is None:
            self._sentence = _Sentence(chunk.rate_hz)
        return self._encode(self._sentence, self._sentence.add(np.frombuffer(chunk.pcm, dtype="<i2")))

    def end(self) -> list[bytes]:
        """The rest of the sentence, its last frame filled up with silence. The next sentence may begin."""
        sentence, self._sentence = self._sentence, None
        return [] if sentence is None else self._encode(sentence, sentence.end())

    def cancel(self) -> None:
        """Forget the sentence begun."""
        self._sentence = None

    def close(self) -> None:
        """Done, wherever it stands."""
        self._sentence = None
        while self._encoders:
            self._encoders.popitem()[1].close()

    def _encode(self, sentence: "_Sentence", frames: Iterator[Samples]) -> list[bytes]:
        rate_hz = sentence.rate_hz
        if rate_hz not in self._encoders:
            self._encoders[rate_hz] = OpusEncoder(rate_hz)
        encoder = self._encoders[rate_hz]
        return [encoder.encode(frame.tobytes()) for frame in frames]


class _Sentence:
    """PCM of one sentence on its way into frames. What may be its end waits until more comes or it is the end."""

    def __init__(self, given_rate_hz: int) -> None:
        self.rate_hz = given_rate_hz if given_rate_hz in ENCODER_RATES_HZ else _RATE_HZ
        self._resampler = (
            None
            if given_rate_hz == self.rate_hz
            else cast("_Resampler", soxr.ResampleStream(given_rate_hz, self.rate_hz, 1, dtype="int16", quality="MQ"))
        )
        self._waiting = _silence(0)
        self._has_begun = False

    def add(self, samples: Samples) -> Iterator[Samples]:
        self._take(samples if self._resampler is None else self._resampler.resample_chunk(samples))
        if self._has_begun:
            held_from = self._end_of_sound() - self._count(_FADE_SECONDS)
            yield from self._frames(max(held_from, len(self._waiting) - self._count(_LONGEST_HELD_SECONDS)))

    def end(self) -> Iterator[Samples]:
        if self._resampler is not None:
            self._take(self._resampler.resample_chunk(_silence(0), last=True))
        if not self._has_begun:
            return
        kept = self._waiting[: self._end_of_sound() + self._count(_TAIL_SECONDS)].copy()
        faded = min(self._count(_FADE_SECONDS), len(kept))
        kept[len(kept) - faded :] = _faded(kept[len(kept) - faded :], np.linspace(1, 0, faded))
        # At least a little silence, or what the encoder still holds back is never heard.
        kept = np.append(kept, _silence(self._count(_LEAD_SECONDS)))
        self._waiting = np.append(kept, _silence(-len(kept) % self._count(FRAME_SECONDS)))
        yield from self._frames(len(self._waiting))

    def _take(self, samples: Samples) -> None:
        self._waiting = np.append(self._waiting, samples)
        if self._has_begun:
            return
        loud = self._loud_blocks()
        lead = self._count(_LEAD_SECONDS)
        if not len(loud):
            self._waiting = self._waiting[-lead:]
            return
        self._waiting = self._waiting[max(int(loud[0]) * self._count(_BLOCK_SECONDS) - lead, 0) :].copy()
        faded = min(self._count(_FADE_SECONDS), len(self._waiting))
        self._waiting[:faded] = _faded(self._waiting[:faded], np.linspace(0, 1, faded))
        self._has_begun = True

    def _frames(self, until: int) -> Iterator[Samples]:
        """Whole frames of what waits, none beyond `until`."""
        size = self._count(FRAME_SECONDS)
        whole = max(until, 0) // size * size
        ready, self._waiting = self._waiting[:whole], self._waiting[whole:]
        yield from (ready[at : at + size] for at in range(0, whole, size))

    def _end_of_sound(self) -> int:
        loud = self._loud_blocks()
        return min((int(loud[-1]) + 1) * self._count(_BLOCK_SECONDS), len(self._waiting)) if len(loud) else 0

    def _loud_blocks(self) -> NDArray[np.intp]:
        size = self._count(_BLOCK_SECONDS)
        padded = np.append(self._waiting, _silence(-len(self._waiting) % size)).astype(np.int32)
        return np.flatnonzero(np.abs(padded).reshape(-1, size).max(axis=1) >= _LOUD)

    def _count(self, seconds: float) -> int:
        return round(seconds * self.rate_hz)


def _silence(samples: int) -> Samples:
    return np.zeros(samples, dtype=np.int16)


def _faded(samples: Samples, ramp: NDArray[np.float64]) -> Samples:
    return (samples * ramp).astype(np.int16)
