"""Sound as numbers: loudness, pitch, harmonicity, shape of the spectrum, steadiness, repetition, grain; numpy only."""

import math
from dataclasses import dataclass, fields
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
HOPS_PER_SECOND = 50

_HOP = RATE_HZ // HOPS_PER_SECOND
_FRAME = 1024
_SPECTRUM = 1280  # the shortest whose autocorrelation does not wrap around before the longest period
_BANDS = 24
_TONES_FROM_HZ, _TONES_TO_HZ = 120.0, 3_600.0
_AROUND_A_TONE_BINS = 13
_TONE_ABOVE_DB = 6.0
_PEAK_REACH_BINS = 2
_MOST_PEAKS = 5
_LOWEST_PITCH_HZ, _HIGHEST_PITCH_HZ = 65.0, 900.0
_GRAIN_SAMPLES = 80
_GRAIN_AROUND = 20
_BURST_AROUND = 20
_BURST_RANGE_DB = 50.0
_FLOOR = 1e-10

Numbers = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frames:
    """A stretch of sound in steps of a fiftieth of a second. `harmonicity` is from 0 to 1, `flatness` from 0 (a tone)
    to 1 (white noise), `high_share` the energy above 1 kHz of all; `bands` are mel bands in dB; `tones` tells which
    narrow bins stand out of their neighbours."""

    rms_dbfs: Numbers
    pitch_hz: Numbers
    harmonicity: Numbers
    flatness: Numbers
    centroid_hz: Numbers
    high_share: Numbers
    bands: Numbers
    tones: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.rms_dbfs)

    def part(self, first: int, last: int) -> "Frames":
        """The frames from `first` up to `last`, without it."""
        return Frames(**{field.name: getattr(self, field.name)[first:last] for field in fields(self)})


def samples_of(pcm: bytes) -> Numbers:
    """Signed 16 bit little endian mono as numbers from -1 to 1; half a sample at the end is left out."""
    return np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(np.float32) / np.float32(32_768)


def frames_of(samples: Numbers) -> Frames:
    """The stretch frame by frame; none of a stretch shorter than a frame."""
    count = max(0, (len(samples) - _FRAME) // _HOP + 1)
    padded = samples if count else np.zeros(_FRAME, np.float32)
    framed = np.lib.stride_tricks.sliding_window_view(padded, _FRAME)[::_HOP][:count]
    spectrum = np.fft.rfft(framed * _window(), _SPECTRUM, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32) + np.float32(_FLOOR)
    pitch_hz, harmonicity = _pitch(power)
    frequencies = _frequencies()
    audible = slice(int(np.searchsorted(frequencies, 100.0)), int(np.searchsorted(frequencies, 7_500.0)))
    high = int(np.searchsorted(frequencies, 1_000.0))
    level = np.log(power)
    heard = power[:, audible]
    return Frames(
        rms_dbfs=10 * np.log10(np.mean(framed**2, axis=1) + np.float32(_FLOOR)),
        pitch_hz=pitch_hz,
        harmonicity=harmonicity,
        flatness=np.exp(level[:, audible].mean(axis=1)) / heard.mean(axis=1),
        centroid_hz=heard @ frequencies[audible] / heard.sum(axis=1),
        high_share=power[:, high:].sum(axis=1) / power.sum(axis=1),
        bands=10 * np.log10(power @ _mel_bands() + np.float32(_FLOOR)),
        tones=_tones(level),
    )


def steadiness(tones: NDArray[np.bool_]) -> float:
    """How much narrow tones are held: near 0 for noise, below 1 for most speech, from about 1.3 for music (continuous
    frequency activation, Seyerlehner et al. 2007)."""
    if not len(tones):
        return 0.0
    held = tones.mean(axis=0)
    padded = np.pad(held, _PEAK_REACH_BINS)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * _PEAK_REACH_BINS + 1)
    valley = np.maximum(around[:, :_PEAK_REACH_BINS].min(axis=1), around[:, _PEAK_REACH_BINS + 1 :].min(axis=1))
    is_peak = (held >= around[:, _PEAK_REACH_BINS - 1]) & (held > around[:, _PEAK_REACH_BINS + 1])
    return float(np.sort(np.where(is_peak, held - valley, 0.0))[-_MOST_PEAKS:].sum())


def change(tones: NDArray[np.bool_]) -> float:
    """How much the held tones of one second differ from those of the next, from 0 (a machine) to 1."""
    seconds = [tones[first : first + HOPS_PER_SECOND].mean(axis=0) for first in range(0, len(tones), HOPS_PER_SECOND)]
    alike = [_cosine(one, other) for one, other in pairwise(seconds)]
    return 1.0 - float(np.mean(alike)) if alike else 0.0


def bursts(bands: Numbers) -> Numbers:
    """The bands without their slow course, so that what rises and falls several times a second is left."""
    raised = np.maximum(bands, bands.max(initial=-100.0) - _BURST_RANGE_DB)
    return raised - _moving_mean(raised, _BURST_AROUND)


def repetition(burst: Numbers, lags: range) -> tuple[Numbers, NDArray[np.intp]]:
    """For each window of bursts (windows × frames × bands): how well it repeats itself, and after how many frames.

    1: the same sound again and again, with its contrary in between. 0 or less: nothing comes back.
    """
    length = burst.shape[1]
    spectrum = np.fft.rfft(burst, 2 * length, axis=1)
    reached = 2 * lags.stop + 2
    power = np.asarray((spectrum.real**2 + spectrum.imag**2).sum(axis=2), np.float32)
    whole = np.asarray(np.fft.irfft(power, axis=1), np.float32)[:, :reached]
    overlap = np.asarray(1 - np.arange(reached) / length, np.float32)
    correlation = whole / np.maximum(whole[:, :1], np.float32(_FLOOR)) / overlap
    scores: list[Numbers] = []
    for lag in lags:
        once = correlation[:, lag]
        twice = correlation[:, 2 * lag - 1 : 2 * lag + 2].max(axis=1)
        between = correlation[:, round(lag / 2)] + correlation[:, round(1.5 * lag)]
        is_peak = (once >= correlation[:, lag - 1]) & (once >= correlation[:, lag + 1])
        scores.append(np.where(is_peak & (np.minimum(once, twice) > 0), (once + twice - between) / 4, 0.0))
    table = np.array(scores)
    best = table.argmax(axis=0)
    return table.max(axis=0).astype(np.float32), np.array(lags)[best]


def grain(samples: Numbers) -> float:
    """By how many dB pieces of 5 ms differ from what is around them: below 1 for hissing, 2 for running water, 3 to 5
    for clapping hands, above that for speech."""
    sharp = np.diff(samples)
    count = len(sharp) // _GRAIN_SAMPLES
    if count < 2 * _GRAIN_AROUND:
        return 0.0
    pieces = sharp[: count * _GRAIN_SAMPLES].reshape(count, _GRAIN_SAMPLES)
    level = (10 * np.log10(np.mean(pieces**2, axis=1) + np.float32(_FLOOR)))[:, None]
    return float((level - _moving_mean(level, _GRAIN_AROUND)).std())


def _pitch(power: Numbers) -> tuple[Numbers, Numbers]:
    """Pitch and harmonicity by the autocorrelation of the windowed frame over that of its window (Boersma 1993)."""
    first, last = int(RATE_HZ / _HIGHEST_PITCH_HZ), int(RATE_HZ / _LOWEST_PITCH_HZ)
    correlation = np.fft.irfft(power, axis=1)[:, first - 1 : last + 2]
    energy = np.maximum(power.mean(axis=1, keepdims=True), _FLOOR)
    normalised = correlation / energy / _window_correlation()[first - 1 : last + 2]
    middle = normalised[:, 1:-1]
    peaks = np.where((middle >= normalised[:, :-2]) & (middle > normalised[:, 2:]), middle, 0.0)
    best = peaks.max(axis=1, initial=0.0)
    # Twice the period fits as well as the period: the shortest that is nearly as good.
    lag = first + np.argmax(peaks >= 0.9 * best[:, None], axis=1)
    return (RATE_HZ / lag).astype(np.float32), np.clip(best, 0.0, 1.0).astype(np.float32)


def _tones(level: Numbers) -> NDArray[np.bool_]:
    """Which bins stand out of their neighbourhood."""
    width_hz = RATE_HZ / _SPECTRUM
    low, high = int(_TONES_FROM_HZ / width_hz), int(_TONES_TO_HZ / width_hz)
    half = _AROUND_A_TONE_BINS // 2
    summed = np.cumsum(np.pad(level[:, low - half : high + half], ((0, 0), (1, 0))), axis=1)
    around = (summed[:, _AROUND_A_TONE_BINS:] - summed[:, :-_AROUND_A_TONE_BINS]) / _AROUND_A_TONE_BINS
    return level[:, low : low + around.shape[1]] > around + _TONE_ABOVE_DB * math.log(10) / 10


def _moving_mean(columns: Numbers, width: int) -> Numbers:
    """Along the first axis; the ends are prolonged."""
    padded = np.pad(columns, ((width // 2, width - 1 - width // 2), (0, 0)), mode="edge")
    summed = np.cumsum(np.pad(padded.astype(np.float64), ((1, 0), (0, 0))), axis=0)
    return ((summed[width:] - summed[:-width]) / width).astype(np.float32)


def _cosine(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return float(one @ other) / size if size else 1.0


@cache
def _window() -> Numbers:
    return np.hanning(_FRAME).astype(np.float32)


@cache
def _window_correlation() -> Numbers:
    correlation = np.fft.irfft(np.abs(np.fft.rfft(_window(), _SPECTRUM)) ** 2)
    return (correlation / correlation[0]).astype(np.float32)


@cache
def _frequencies() -> Numbers:
    return np.fft.rfftfreq(_SPECTRUM, 1 / RATE_HZ).astype(np.float32)


@cache
def _mel_bands() -> Numbers:
    """Triangles on the mel scale (O'Shaughnessy 1987): bins × bands."""
    from_mel, to_mel = (2595 * np.log10(1 + hz / 700) for hz in (100.0, 7_500.0))
    edges = np.asarray(700 * (10 ** (np.linspace(from_mel, to_mel, _BANDS + 2) / 2595) - 1), np.float64)
    bands = [np.interp(_frequencies(), edges[band : band + 3], (0.0, 1.0, 0.0)) for band in range(_BANDS)]
    return np.array(bands, np.float32).T
