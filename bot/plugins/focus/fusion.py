"""The lines of a timeline that is too long: what is about the focus goes last."""

from collections.abc import Callable, Sequence

from bot.hooks import Moment, MomentKind, Question, Timeline, moment_line

_EXPENDABLE = (MomentKind.CUT, MomentKind.SILENCE)
_LEFT_OUT = "[--] NOTICE There was no room for all moments; those about the focus were kept."


class FocusFusion:
    """A Fusion. `is_about` tells of the moments of a timeline whether they are about the focus. Where all fits or
    nothing is focused on, there are no lines, and the bot makes its own."""

    def __init__(self, is_about: Callable[[Timeline, Question], Callable[[Moment], bool]]) -> None:
        self._is_about = is_about

    def lines(self, timelines: Sequence[Timeline], question: Question, room_tokens: int) -> Sequence[str]:
        kept = [list(timeline.moments) for timeline in timelines]
        about = [set(filter(self._is_about(timeline, question), timeline.moments)) for timeline in timelines]
        if not any(about) or _tokens(_told(timelines, kept)) <= room_tokens:
            return ()
        room = room_tokens - len(timelines) * _tokens([_LEFT_OUT])
        while any(kept) and _tokens(_told(timelines, kept)) > room:
            longest = max(range(len(kept)), key=lambda clip: _tokens(map(moment_line, kept[clip])))
            kept[longest] = _fewer(kept[longest], about[longest])
        return [*_told(timelines, kept), _LEFT_OUT]


def _told(timelines: Sequence[Timeline], kept: Sequence[Sequence[Moment]]) -> list[str]:
    lines: list[str] = []
    for number, (timeline, moments) in enumerate(zip(timelines, kept, strict=True), start=1):
        if len(timelines) > 1:
            lines.append(f"CLIP {number} of {len(timelines)}")
        lines += [f"Length of the clip: {timeline.duration_seconds:.0f} s", *map(moment_line, moments)]
    return lines


def _fewer(moments: list[Moment], about: set[Moment]) -> list[Moment]:
    """Without cuts and silences; then without every fourth that is not about the focus; then of those, too."""
    kept = [moment for moment in moments if moment.kind not in _EXPENDABLE]
    if len(kept) < len(moments):
        return kept
    droppable = [moment for moment in moments if moment not in about] or moments
    dropped = set(droppable[1::4] or droppable)
    return [moment for moment in moments if moment not in dropped]


def _tokens(lines: "Sequence[str] | map[str]") -> int:
    """An upper estimate."""
    text = "\n".join(lines)
    plain = sum(character.isascii() for character in text)
    return int(plain / 3.5) + 1 + len(text) - plain
