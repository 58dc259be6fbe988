"""The two halves of what is known of a clip, as they are kept: what was seen and what was heard."""

from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.media import Silence
from bot.domain.speech import Segment
from bot.domain.timeline import Caption, Moment, Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Captions and cuts of a whole clip. `uncaptioned` are the times of frames nobody described."""

    captions: tuple[Caption, ...] = field(default=(), repr=False)
    uncaptioned: tuple[float, ...] = ()
    cuts: tuple[float, ...] = ()
    end_seconds: float = 0.0
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """Speech and silences of a whole clip. `language` is a BCP 47 tag, None when unsure; `has_sound`: there was
    something to transcribe; `moments`: tones of voice and sounds that are not speech."""

    segments: tuple[Segment, ...] = field(default=(), repr=False)
    silences: tuple[Silence, ...] = ()
    language: str | None = None
    has_sound: bool = False
    end_seconds: float = 0.0
    notices: tuple[Notice, ...] = ()
    moments: tuple[Moment, ...] = field(default=(), repr=False)


class LookKind(StrEnum):
    """How a stretch of a clip was examined again."""

    LOOK = "look"
    LISTEN = "listen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A stretch of a clip that was examined again for a question, and what was found there, in order."""

    kind: LookKind
    start_seconds: float
    end_seconds: float
    question: str = field(default="", repr=False)
    moments: tuple[Moment, ...] = field(default=(), repr=False)
