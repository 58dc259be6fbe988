"""What the ears make of one person's packets, in the order it happened."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEvent:
    """`at` is monotonic seconds: when the moment itself was, not when it was noticed."""

    person_id: int
    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechStarted(SpeechEvent):
    """They began to speak. `pcm` is what came just before and so far (16 kHz mono), so that no first sound is lost."""

    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechWentOn(SpeechEvent):
    """More sound of the same stretch, short silences filled in, so that its length is true time."""

    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechPaused(SpeechEvent):
    """They have been silent for the configured pause; `at` is the true end of speech (the last voiced sample)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechResumed(SpeechEvent):
    """They speak again before their turn was over; the stretch goes on. `pcm`: the pause, what came just before and so
    far."""

    pcm: bytes = field(repr=False)
