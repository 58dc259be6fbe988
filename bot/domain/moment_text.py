"""A moment of a timeline as a line of text."""

from bot.domain.clock import fine_time
from bot.domain.timeline import Moment
from bot.domain.visible import quoted


def window(moment: Moment) -> str:
    """`00:03.0–00:11.0`, or one time for an instant."""
    start, end = fine_time(moment.start_seconds), fine_time(moment.end_seconds)
    return start if start == end else f"{start}–{end}"


def moment_line(moment: Moment) -> str:
    """A moment as the evidence has it."""
    words = f"{moment.speaker}: {moment.text}" if moment.speaker else moment.text
    said = f" {quoted(words)}" if words else ""
    return f"[{window(moment)}] {moment.kind.value.upper()}{said}"
