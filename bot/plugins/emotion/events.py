"""Laughter, applause, music and shouting in a clip, by what their sound has in common; unsure ones are not told."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bot.plugins.emotion.features import (
    HOPS_PER_SECOND,
    RATE_HZ,
    Frames,
    Numbers,
    bursts,
    change,
    frames_of,
    grain,
    repetition,
    samples_of,
    steadiness,
)
from bot.plugins.emotion.voice import Voice, VoiceTrack

_SAMPLE_BYTES = 2
_PIECE_SECONDS = 20.0
_SAME_TIME_SECONDS = 0.05

_LAUGH_WINDOW, _LAUGH_HOP = round(1.2 * HOPS_PER_SECOND), round(0.2 * HOPS_PER_SECOND)
_LAUGH_LAGS = range(6, 12)
_LAUGH_FROM = 0.5
_SHOUT_FROM_DBFS, _SHOUT_ABOVE_DB = -24.0, 6.0
_AUDIBLE_FROM_DBFS = -50.0
_MUSIC_WINDOW = 4 * HOPS_PER_SECOND


class SoundKind(StrEnum):
    """What is heard besides speech."""

    LAUGHTER = "laughter"
    APPLAUSE = "applause"
    MUSIC = "music"
    SHOUTING = "shouting"


_LEAST_SECONDS = {SoundKind.LAUGHTER: 0.6, SoundKind.APPLAUSE: 2.0, SoundKind.MUSIC: 3.0, SoundKind.SHOUTING: 0.5}
_JOINED_SECONDS = {SoundKind.LAUGHTER: 1.5, SoundKind.APPLAUSE: 1.0, SoundKind.MUSIC: 3.0, SoundKind.SHOUTING: 1.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundEvent:
    """A sound on the clip's clock. `confidence` is from 0 to 1: how clearly it shows the marks of its kind."""

    kind: SoundKind
    start_seconds: float
    end_seconds: float
    confidence: float


class SoundEvents:
    """Listens to one clip, piece by piece, in order; keeps numbers, no sound but the last seconds."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._pending_from_seconds = 0.0
        self._found: list[SoundEvent] = []
        self._track = VoiceTrack()

    def feed(self, pcm: bytes, offset_seconds: float) -> None:
        """16 kHz mono PCM, signed 16 bit little endian, at its place on the clip's clock."""
        if abs(offset_seconds - self._pending_end_seconds) > _SAME_TIME_SECONDS:
            self._listen()
            self._pending_from_seconds = offset_seconds
        self._pending += pcm
        if len(self._pending) >= _PIECE_SECONDS * RATE_HZ * _SAMPLE_BYTES:
            self._listen()

    def events(self) -> tuple[SoundEvent, ...]:
        """What was found up to here, in order of start."""
        self._listen()
        found = [event for kind in SoundKind for event in _joined(kind, self._found)]
        music = [event for event in found if event.kind is SoundKind.MUSIC]
        shouts = _joined(SoundKind.SHOUTING, self._shouts())
        kept = [event for event in found if event.kind is not SoundKind.LAUGHTER or not _lies_in(event, music)]
        kept += [event for event in shouts if not _lies_in(event, found)]
        return tuple(sorted(kept, key=lambda event: (event.start_seconds, event.kind)))

    def voice(self, start_seconds: float, end_seconds: float) -> Voice | None:
        """How somebody speaks in a stretch of the clip; None: too little of it is voice."""
        self._listen()
        return self._track.voice(start_seconds, end_seconds)

    @property
    def _pending_end_seconds(self) -> float:
        return self._pending_from_seconds + len(self._pending) / _SAMPLE_BYTES / RATE_HZ

    def _listen(self) -> None:
        samples, at_seconds = samples_of(bytes(self._pending)), self._pending_from_seconds
        self._pending_from_seconds = self._pending_end_seconds
        self._pending.clear()
        frames = frames_of(samples)
        if not len(frames):
            return
        self._track.add(frames, at_seconds)
        self._found += _music(frames, at_seconds)
        self._found += _applause(frames, samples, at_seconds)
        self._found += _laughter(frames, at_seconds)

    def _shouts(self) -> Iterable[SoundEvent]:
        """Voice that is high, sharp and loud, in itself or against how it is in the rest of the clip."""
        usual = self._track.voice(0.0, math.inf)
        for start, end, voice in self._track.stretches(0.5, 0.24):
            is_loud = voice.loudness_dbfs > _SHOUT_FROM_DBFS
            above = usual is not None and voice.loudness_dbfs > usual.loudness_dbfs + _SHOUT_ABOVE_DB
            raised = 1.0 if usual is None else voice.pitch_hz / usual.pitch_hz
            alone = min((voice.pitch_hz - 350) / 100, (voice.high_share - 0.5) / 0.3) if is_loud else -1.0
            among = min((raised - 1.3) / 0.4, (voice.high_share - 0.35) / 0.3) if above else -1.0
            if max(alone, among) > 0:
                confidence = _confidence(max(alone, among))
                yield SoundEvent(kind=SoundKind.SHOUTING, start_seconds=start, end_seconds=end, confidence=confidence)


def _music(frames: Frames, at_seconds: float) -> Iterable[SoundEvent]:
    """Tones that are held and change, over seconds, without the rise and fall of syllables."""
    least = round(_LEAST_SECONDS[SoundKind.MUSIC] * HOPS_PER_SECOND)
    for first, last in _windows(len(frames), _MUSIC_WINDOW, HOPS_PER_SECOND, least=least):
        part = frames.part(first, last)
        held, changed = steadiness(part.tones), change(part.tones)
        seconds = [part.rms_dbfs[at : at + HOPS_PER_SECOND].std() for at in range(0, len(part), HOPS_PER_SECOND)]
        swing_db = float(np.median(seconds))
        is_noise = float(np.median(part.flatness)) > 0.15
        if held > 1.2 and 1.0 < swing_db < 6.0 and changed > 0.07 and not is_noise:
            harmonicity = float(np.median(part.harmonicity))
            strength = min((held - 1.2) / 1.2, (6.0 - swing_db) / 3.0, (harmonicity - 0.25) / 0.2)
            if strength > 0:
                yield _event(SoundKind.MUSIC, at_seconds, first, last, _confidence(strength))


def _applause(frames: Frames, samples: Numbers, at_seconds: float) -> Iterable[SoundEvent]:
    """Broad noise of even loudness with the grain of many short blows."""
    least = round(_LEAST_SECONDS[SoundKind.APPLAUSE] * HOPS_PER_SECOND)
    if len(frames) < least:
        return
    for first, last in _windows(len(frames), HOPS_PER_SECOND, HOPS_PER_SECOND // 2, least=least):
        part = frames.part(first, last)
        swing_db, centroid_hz = float(part.rms_dbfs.std()), float(part.centroid_hz.mean())
        is_audible = float(part.rms_dbfs.mean()) > _AUDIBLE_FROM_DBFS
        if not is_audible or not 0.5 < swing_db < 3.2 or not 1_100 < centroid_hz < 3_200:
            continue
        begin = first * len(samples) // len(frames)
        grain_db = grain(samples[begin : begin + RATE_HZ])
        flatness, harmonicity = float(part.flatness.mean()), float(part.harmonicity.mean())
        strength = min(
            (flatness - 0.1) / 0.15, (0.48 - harmonicity) / 0.2, (grain_db - 2.5) / 1.5, (6.5 - grain_db) / 1.5
        )
        if strength > 0:
            yield _event(SoundKind.APPLAUSE, at_seconds, first, last, _confidence(strength))


def _laughter(frames: Frames, at_seconds: float) -> Iterable[SoundEvent]:
    """The same voiced burst again and again, four to eight times a second."""
    windows = _windows(len(frames), _LAUGH_WINDOW, _LAUGH_HOP, least=_LAUGH_WINDOW * 2 // 3)
    if not windows:
        return
    burst = bursts(frames.bands)
    scores, _ = repetition(np.stack([burst[first:last] for first, last in windows]), _LAUGH_LAGS)
    for (first, last), score in zip(windows, scores.tolist(), strict=True):
        if score < _LAUGH_FROM:
            continue
        part = frames.part(first, last)
        is_burst = part.rms_dbfs > np.percentile(part.rms_dbfs, 60)
        voiced = is_burst & (part.harmonicity > 0.5)
        pitch_hz = float(np.median(part.pitch_hz[voiced])) if voiced.any() else 0.0
        harmonicity = float(part.harmonicity[is_burst].mean())
        if 190 < pitch_hz < 650 and 0.4 < harmonicity < 0.87 and steadiness(part.tones) < 1.2:
            yield _event(SoundKind.LAUGHTER, at_seconds, first, last, _confidence((score - _LAUGH_FROM) / 0.3))


def _windows(count: int, length: int, hop: int, *, least: int) -> list[tuple[int, int]]:
    """First and last frame of windows of equal length over so many frames; of a stretch that is shorter but has at
    least so many frames, one."""
    if count < length:
        return [(0, count)] if count >= least else []
    return [(first, first + length) for first in range(0, count - length + 1, hop)]


def _confidence(strength: float) -> float:
    """From how far beyond its bounds the nearest measure lies: 0.5 at the bound, 0.9 where it is clearly beyond."""
    return round(0.5 + 0.4 * min(1.0, max(0.0, strength)), 2)


def _event(kind: SoundKind, at_seconds: float, first: int, last: int, confidence: float) -> SoundEvent:
    return SoundEvent(
        kind=kind,
        start_seconds=at_seconds + first / HOPS_PER_SECOND,
        end_seconds=at_seconds + last / HOPS_PER_SECOND,
        confidence=confidence,
    )


def _joined(kind: SoundKind, found: Iterable[SoundEvent]) -> list[SoundEvent]:
    """Windows of one kind that touch or nearly so as one event, as sure as the surer half of them; of those long
    enough to be told."""
    groups: list[list[SoundEvent]] = []
    for one in sorted((event for event in found if event.kind is kind), key=lambda event: event.start_seconds):
        if groups and one.start_seconds - groups[-1][-1].end_seconds <= _JOINED_SECONDS[kind]:
            groups[-1].append(one)
        else:
            groups.append([one])
    joined: list[SoundEvent] = []
    for group in groups:
        surest = sorted((one.confidence for one in group), reverse=True)[: max(1, len(group) // 2)]
        start, end = group[0].start_seconds, max(one.end_seconds for one in group)
        if end - start >= _LEAST_SECONDS[kind] - _SAME_TIME_SECONDS:
            confidence = round(sum(surest) / len(surest), 2)
            joined.append(
                SoundEvent(kind=kind, start_seconds=round(start, 2), end_seconds=round(end, 2), confidence=confidence)
            )
    return joined


def _lies_in(event: SoundEvent, others: Iterable[SoundEvent]) -> bool:
    return any(one.start_seconds < event.end_seconds and event.start_seconds < one.end_seconds for one in others)
