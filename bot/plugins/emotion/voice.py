"""How somebody speaks: loudness, pitch, its range and pace, told only against how the same person usually speaks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

import numpy as np
from numpy.typing import NDArray

from bot.plugins.emotion.features import HOPS_PER_SECOND, Frames, Numbers, frames_of, samples_of

_VOICED_FROM = 0.55
_BELOW_THE_LOUDEST_DB = 30.0
_HIGHEST_VOICE_HZ = 700.0
_LEAST_VOICED_SECONDS = 0.4
_SYLLABLE_RISE_DB = 3.0
_SMOOTHED_FRAMES = 5


class ToneKind(StrEnum):
    """What a voice can be heard to be by its sound alone."""

    EXCITED = "excited"
    LOUD = "loud"
    QUIET = "quiet"
    SUBDUED = "subdued"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tone:
    """How somebody speaks in a stretch. `confidence` is from 0 to 1: how far it is from how they usually speak."""

    kind: ToneKind
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A stretch of speech in numbers. `range_semitones` is between the tenth and the ninetieth percentile of pitch;
    `high_share` the energy above 1 kHz of all, which effort raises."""

    loudness_dbfs: float
    pitch_hz: float
    range_semitones: float
    syllables_per_second: float
    high_share: float

    @classmethod
    def usual(cls, voices: Sequence["Voice"]) -> "Voice":
        """The median of several, measure by measure."""
        return cls(
            loudness_dbfs=median(voice.loudness_dbfs for voice in voices),
            pitch_hz=median(voice.pitch_hz for voice in voices),
            range_semitones=median(voice.range_semitones for voice in voices),
            syllables_per_second=median(voice.syllables_per_second for voice in voices),
            high_share=median(voice.high_share for voice in voices),
        )


def voice_of(pcm: bytes) -> Voice | None:
    """The voice in 16 kHz mono PCM, signed 16 bit little endian; None: too little of it is voice."""
    track = VoiceTrack()
    track.add(frames_of(samples_of(pcm)), 0.0)
    return track.voice(0.0, math.inf)


def tone_of(voice: Voice, usual: Voice) -> Tone | None:
    """The tone of a voice against the usual one of the same person; None: much as usual, or not to be told."""
    louder = voice.loudness_dbfs - usual.loudness_dbfs
    raised = 12 * math.log2(voice.pitch_hz / usual.pitch_hz)
    sharper = voice.high_share - usual.high_share
    livelier = voice.range_semitones - usual.range_semitones
    # What is nearer to an octave is somebody else, or a mistaken pitch.
    excited = min(raised / 3, (louder + 20 * max(sharper, 0.0) + max(livelier, 0.0)) / 6) if raised < 10 else 0.0
    subdued = min(-raised / 2, -louder / 5, -livelier / 1.5)
    told = (
        (ToneKind.EXCITED, excited),
        (ToneKind.SUBDUED, subdued),
        (ToneKind.LOUD, louder / 7),
        (ToneKind.QUIET, -louder / 9),
    )
    kind, strength = next(((kind, strength) for kind, strength in told if strength >= 1), (None, 0.0))
    return Tone(kind=kind, confidence=round(min(0.95, 0.35 + 0.25 * strength), 2)) if kind else None


class VoiceTrack:
    """The voice of a clip over time, as numbers."""

    def __init__(self) -> None:
        self._at: list[Numbers] = []
        self._frames: list[NDArray[np.float32]] = []

    def add(self, frames: Frames, at_seconds: float) -> None:
        """What comes next; `at_seconds` is its place on the clip's clock."""
        self._at.append((at_seconds + np.arange(len(frames)) / HOPS_PER_SECOND).astype(np.float32))
        columns = (frames.rms_dbfs, frames.pitch_hz, frames.harmonicity, frames.high_share)
        self._frames.append(np.stack(columns, axis=1).astype(np.float32))

    def voice(self, start_seconds: float, end_seconds: float) -> Voice | None:
        """Of a stretch; None: too little of it is voice."""
        at, table = self._whole()
        rows = table[(at >= start_seconds) & (at < end_seconds)]
        spoken = rows[self._is_voice(rows, table)]
        if len(spoken) < _LEAST_VOICED_SECONDS * HOPS_PER_SECOND:
            return None
        low, middle, high = np.percentile(spoken[:, 1], (10, 50, 90))
        return Voice(
            loudness_dbfs=float(np.median(spoken[:, 0])),
            pitch_hz=float(middle),
            range_semitones=float(12 * np.log2(high / low)),
            syllables_per_second=_syllables(rows[:, 0]) / (len(rows) / HOPS_PER_SECOND),
            high_share=float(np.median(spoken[:, 3])),
        )

    def stretches(self, length_seconds: float, hop_seconds: float) -> Iterable[tuple[float, float, Voice]]:
        """Windows in which voice prevails: start, end and the voice."""
        at, table = self._whole()
        is_voice = self._is_voice(table, table)
        length, hop = round(length_seconds * HOPS_PER_SECOND), round(hop_seconds * HOPS_PER_SECOND)
        for first in range(0, len(at) - length + 1, hop):
            rows = table[first : first + length][is_voice[first : first + length]]
            start, end = float(at[first]), float(at[first + length - 1])
            if len(rows) < length * 0.6 or end - start > length_seconds:
                continue
            yield (
                start,
                end,
                Voice(
                    loudness_dbfs=float(rows[:, 0].mean()),
                    pitch_hz=float(np.median(rows[:, 1])),
                    range_semitones=0.0,
                    syllables_per_second=0.0,
                    high_share=float(rows[:, 3].mean()),
                ),
            )

    def _whole(self) -> tuple[Numbers, NDArray[np.float32]]:
        if not self._at:
            return np.zeros(0, np.float32), np.zeros((0, 4), np.float32)
        if len(self._at) > 1:
            self._at, self._frames = [np.concatenate(self._at)], [np.concatenate(self._frames)]
        return self._at[0], self._frames[0]

    @staticmethod
    def _is_voice(rows: NDArray[np.float32], whole: NDArray[np.float32]) -> NDArray[np.bool_]:
        floor = whole[:, 0].max(initial=-100.0) - _BELOW_THE_LOUDEST_DB
        return (rows[:, 0] > floor) & (rows[:, 2] > _VOICED_FROM) & (rows[:, 1] < _HIGHEST_VOICE_HZ)


def _syllables(level_dbfs: Numbers) -> int:
    """How often loudness rises to a peak out of a dip (de Jong and Wempe 2009)."""
    if len(level_dbfs) < _SMOOTHED_FRAMES:
        return 0
    smooth = np.convolve(level_dbfs, np.ones(_SMOOTHED_FRAMES) / _SMOOTHED_FRAMES, mode="valid")
    count, dip, peak, is_rising = 0, math.inf, -math.inf, True
    for level in smooth[smooth > smooth.max() - _BELOW_THE_LOUDEST_DB].tolist():
        if is_rising:
            dip = min(dip, level)
            if level - dip >= _SYLLABLE_RISE_DB:
                count, is_rising, peak = count + 1, False, level
        else:
            peak = max(peak, level)
            if peak - level >= _SYLLABLE_RISE_DB:
                is_rising, dip = True, level
    return count
