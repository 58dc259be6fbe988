"""Question, prompt, answer, and what they cost."""

from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.media import Frame, VoiceClip
from bot.domain.role import Role
from bot.domain.timeline import Notice, Timeline


class AnswerMode(StrEnum):
    """How the clip reaches the chat model."""

    AUTO = "auto"
    DIRECT = "direct"
    CAPTION = "caption"
    MAP = "map"


class QuestionSource(StrEnum):
    """Where the question came from."""

    TYPED = "typed"
    SPOKEN = "spoken"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the person wants to know. `language` is a BCP 47 tag, None when unknown."""

    source: QuestionSource
    text: str = field(repr=False)
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What was asked and answered before."""

    question: str = field(repr=False)
    answer: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What goes to a chat model: our rules, the evidence (untrusted, already fenced) and the question.

    `frames` is empty unless the mode is direct. `timeline` is the evidence as values, for models that extract; None
    when the question is about no clip.
    """

    rules: str
    evidence: str = field(repr=False)
    question: Question
    timeline: Timeline | None = field(repr=False)
    frames: tuple[Frame, ...] = ()
    max_output_tokens: int = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one call used. `cost_usd` is None when the price is unknown; zero for work done here."""

    role: Role
    provider: str
    model: str
    requests: int = 1
    input_tokens: int = 0
    output_tokens: int = 0
    image_tokens: int = 0
    audio_seconds: float = 0.0
    characters: int = 0
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The whole reply to one question, with its evidence: the timeline is that of all clips, empty without one."""

    job_id: str
    text: str = field(repr=False)
    question: Question
    mode: AnswerMode
    timeline: Timeline = field(repr=False)
    notices: tuple[Notice, ...]
    usages: tuple[Usage, ...]
    timings_seconds: dict[str, float]
    voice: VoiceClip | None = None
