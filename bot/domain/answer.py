"""Question, prompt, answer, and what they cost."""

from collections.abc import Mapping
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
class Tool:
    """Something a chat model may ask for while it answers. `parameters` is a JSON schema that closes every object and
    requires every property, as strict servers want it; with `is_strict` False it need not."""

    name: str
    description: str
    parameters: Mapping[str, object]
    is_strict: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """What a model asks for. `arguments` is JSON as the model wrote it, or what it took for JSON."""

    call_id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolResult:
    """What came of a call. `said` are the words of the answer that came just before it."""

    call: ToolCall
    text: str = field(repr=False)
    said: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedCall:
    """A call that a model asks for and only the person who asked may agree to. `arguments` is one JSON object."""

    tool: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What goes to a chat model: our rules, the evidence (untrusted, already fenced) and the question.

    `frames` is empty unless the mode is direct. `timeline` is the evidence as values, for models that extract; None
    when the question is about no clip. Times that stand in `quotable` may be cited besides those of the timeline.
    `results` is what was called for in this answer so far, in order; `may_call` False: no more of it. `step` names the
    request within its job: a job that is gone on with after a crash gives the same request the same name.
    """

    rules: str
    evidence: str = field(repr=False)
    question: Question
    timeline: Timeline | None = field(repr=False)
    frames: tuple[Frame, ...] = ()
    quotable: str = field(default="", repr=False)
    max_output_tokens: int = 700
    tools: tuple[Tool, ...] = ()
    results: tuple[ToolResult, ...] = ()
    may_call: bool = True
    step: str = ""


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
