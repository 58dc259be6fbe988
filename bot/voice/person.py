"""Speech of one person: when it starts, pauses and goes on, with its sound."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto

from bot.domain.voice import HEARD_RATE_HZ, OpusFrame
from bot.voice.activity import Activity
from bot.voice.detector import SpeechDetector
from bot.voice.speech_events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted, SpeechWentOn
from bot.voice.stream import Sound, SoundStream

_SECOND_BYTES = HEARD_RATE_HZ * 2
_PREROLL_SECONDS = 0.3
_KEPT_SECONDS = 1.0  # of sound that may turn out to be speech
_GAP_SECONDS = 0.1  # without packets that is silence
_REST_SECONDS = 1.0  # without packets, after which nothing belongs to what came before
_LONGEST_PAUSE_SECONDS = 30.0  # of a turn that nobody ended


@dataclass(frozen=True, slots=True, kw_only=True)
class EarLimits:
    """`pause_seconds`: silence that is told as a pause. Speech of more than `longest_utterance_seconds` is told in
    pieces. Where `max_people` are heard nobody else is."""

    pause_seconds: float = 0.2
    longest_utterance_seconds: float = 60.0
    max_people: int = 16


class _State(Enum):
    SILENT = auto()
    SPEAKING = auto()
    PAUSED = auto()


class Person:
    """The ear for one person. Sound that was not told yet waits in `_sound`; it ends at `_heard_until`."""

    def __init__(self, person_id: int, *, limits: EarLimits, detector: SpeechDetector, counters: Counter[str]) -> None:
        self._id = person_id
        self._limits = limits
        self._stream = SoundStream(counters)
        self._activity = Activity(detector)
        self._state = _State.SILENT
        self._sound = bytearray()
        self._told_until = 0.0
        self._began_at = 0.0
        self._heard_until = 0.0

    @property
    def is_busy(self) -> bool:
        """Time alone brings something about."""
        return self._state is _State.SPEAKING or self._activity.has_rest or self._stream.is_waiting

    @property
    def due(self) -> float | None:
        """When silence will be a pause, if nothing more is said."""
        return self._activity.voiced_until + self._limits.pause_seconds if self._state is _State.SPEAKING else None

    @property
    def heard_until(self) -> float:
        """When the last sound of any kind was."""
        return self._heard_until

    def push(self, frame: OpusFrame) -> None:
        self._stream.push(frame)

    def tick(self, now: float) -> Iterator[SpeechEvent]:
        """What came to be known since the last time."""
        for sound in self._stream.pull(now):
            yield from self._hear(sound)
        if not self._stream.is_waiting and now - self._heard_until >= _GAP_SECONDS:
            self._activity.hear_nothing(self._heard_until)
            yield from self._speech()
        if self._state is _State.SPEAKING:
            yield from self._go_on(now)

    def end_turn(self) -> None:
        """What they say next is a new turn."""
        self._state = _State.SILENT
        self._activity.end_run()

    def close(self) -> None:
        self._stream.close()

    def _hear(self, sound: Sound) -> Iterator[SpeechEvent]:
        if sound.ends_at - self._heard_until > _REST_SECONDS and self._state is not _State.SPEAKING:
            self._activity.rest()
            self._sound.clear()
        self._heard_until = sound.ends_at
        self._sound += sound.pcm
        self._activity.hear(sound.pcm, sound.ends_at)
        yield from self._speech()

    def _speech(self) -> Iterator[SpeechEvent]:
        """The start, where there is one; sound before it is forgotten."""
        if self._state is _State.SPEAKING:
            return
        if self._activity.is_speech:
            at = self._activity.began_at
            is_new = (
                self._state is _State.SILENT
                or at - self._told_until > _LONGEST_PAUSE_SECONDS
                or at - self._began_at > self._limits.longest_utterance_seconds
            )
            pcm = self._take_since(at - _PREROLL_SECONDS, filled=not is_new)
            self._state = _State.SPEAKING
            kind = SpeechStarted if is_new else SpeechResumed
            if is_new:
                self._began_at = at
            yield kind(person_id=self._id, at=at, pcm=pcm)
        elif len(self._sound) > (most := round(_KEPT_SECONDS * _SECOND_BYTES)):
            del self._sound[:-most]

    def _go_on(self, now: float) -> Iterator[SpeechEvent]:
        if self._sound:
            yield SpeechWentOn(person_id=self._id, at=self._heard_until, pcm=self._take())
        if self._stream.is_waiting:
            return
        if now - self._activity.voiced_until >= self._limits.pause_seconds:
            yield from self._pause(self._activity.voiced_until)
        elif self._heard_until - self._began_at >= self._limits.longest_utterance_seconds:
            yield from self._pause(self._heard_until)
            self._state = _State.SILENT

    def _pause(self, at: float) -> Iterator[SpeechEvent]:
        self._state = _State.PAUSED
        self._activity.end_run()
        yield SpeechPaused(person_id=self._id, at=at)

    def _take(self) -> bytes:
        pcm = bytes(self._sound)
        self._sound.clear()
        self._told_until = self._heard_until
        return pcm

    def _take_since(self, at: float, *, filled: bool) -> bytes:
        """Sound from then on; `filled`: with silence from what was told before up to it."""
        wanted = max(round((self._heard_until - at) * HEARD_RATE_HZ), 0) * 2
        if len(self._sound) > wanted:
            del self._sound[:-wanted]
        begins_at = self._heard_until - len(self._sound) / _SECOND_BYTES
        silence_seconds = max(begins_at - self._told_until, 0.0) if filled else 0.0
        return bytes(round(silence_seconds * HEARD_RATE_HZ) * 2) + self._take()
