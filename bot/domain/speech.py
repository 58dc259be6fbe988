"""What was said, in words."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a transcript on the clip's clock. `speaker` only where the source tells it."""

    start_seconds: float
    end_seconds: float
    text: str = field(repr=False)
    speaker: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Segments in order of start. `language` is a BCP 47 tag, None when unsure."""

    segments: tuple[Segment, ...] = ()
    language: str | None = None
