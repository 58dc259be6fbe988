"""What a run reports while it works: typed, light, without anybody's words."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from bot.domain.answer import AnswerMode, Usage
from bot.domain.media import AudioChunk, MediaKind
from bot.domain.role import Role
from bot.domain.timeline import NoticeCode


class Stage(StrEnum):
    """The steps of a run; each StageStarted has exactly one StageEnded."""

    FETCH = "fetch"
    PROBE = "probe"
    FRAMES = "frames"
    AUDIO = "audio"
    CAPTIONS = "captions"
    TRANSCRIPT = "transcript"
    FUSION = "fusion"
    ANSWER = "answer"
    SPEECH = "speech"
    LOOK = "look"


class Outcome(StrEnum):
    """How a stage or run ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEvent:
    """`at_seconds` is monotonic since the start of the run."""

    job_id: str
    at_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(JobEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(JobEvent):
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class StageStarted(JobEvent):
    stage: Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEnded(JobEvent):
    stage: Stage
    outcome: Outcome
    error_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaProbed(JobEvent):
    kind: MediaKind
    duration_seconds: float | None
    has_video: bool
    has_audio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StageProgress(JobEvent):
    """`done` of `total` in the unit of the stage: frames for captions, seconds of sound for the transcript; for a look,
    the seconds of the clip where it begins and ends."""

    stage: Stage
    done: float
    total: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeChosen(JobEvent):
    mode: AnswerMode


@dataclass(frozen=True, slots=True, kw_only=True)
class CostEstimated(JobEvent):
    """`cost_usd` is None when a price is unknown."""

    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRecorded(JobEvent):
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRaised(JobEvent):
    code: NoticeCode


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstToken(JobEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstSentence(JobEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstAudio(JobEvent):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderChanged(JobEvent):
    """A provider failed and the next in its list took over."""

    role: Role
    error_code: str


class RunListener(Protocol):
    """Where a run's output goes while it works. Methods are called on the event loop and must not block."""

    def event(self, event: JobEvent) -> None: ...

    def text(self, delta: str) -> None: ...

    def audio(self, chunk: AudioChunk) -> None: ...
