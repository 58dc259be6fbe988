"""What comes back of before, as lines of a prompt: facts, summaries, older turns, other clips, the last turns."""

from collections.abc import Iterable, Sequence

from bot.domain.clock import clock_time
from bot.domain.conversation import Turn
from bot.domain.recollection import ClipMoment, Recollection
from bot.domain.visible import quoted
from bot.pipeline.tokens import estimate_tokens


def earlier_lines(recollection: Recollection, room_tokens: int) -> list[str]:
    """At most `room_tokens`: a quarter for pinned facts, an eighth each for summaries, older turns and other clips, and
    all that is left for the newest turns. The order is that of time, so that a prompt begins as the one before did."""
    eighth = room_tokens // 8
    facts, spent = _fit([[f"FACT {quoted(fact.text)}"] for fact in recollection.facts], 2 * eighth)
    summaries, more = _fit([[f"SUMMARY {quoted(one.text)}"] for one in reversed(recollection.summaries)], eighth)
    spent += more
    older, more = _fit([turn_lines("OLDER", turn) for turn in recollection.older], eighth)
    spent += more
    moments, more = _fit(_moment_lines(recollection.moments), eighth)
    spent += more
    recent = [turn_lines("EARLIER", turn) for turn in reversed(recollection.recent)]
    newest, _ = _fit(recent, room_tokens - spent, unbroken=True)
    return [*_flat(facts), *_flat(summaries[::-1]), *_flat(older), *_flat(moments), *_flat(newest[::-1])]


def told_before(recollection: Recollection) -> str:
    """Words whose times may be cited again: our own answers, and the moments of other clips."""
    times = (clock_time(found.moment.start_seconds) for found in recollection.moments)
    return " ".join([*(turn.answer for turn in recollection.turns), *times])


def turn_lines(label: str, turn: Turn) -> list[str]:
    """What was asked, by whom and when, and what was answered."""
    who = f"by {quoted(turn.asker_name)}, " if turn.asker_name else ""
    when = f"({who}{turn.asked_at:%Y-%m-%d %H:%M} UTC)"
    lines = [f"{label} asked {quoted(turn.question)} {when}"] if turn.question else []
    return [*lines, f"{label} answered {quoted(turn.answer)}"] if turn.answer else lines


def _moment_lines(moments: Sequence[ClipMoment]) -> list[list[str]]:
    """The clips are told apart by a letter, which is all the model needs of them."""
    letters = {
        sha256: chr(ord("A") + index) for index, sha256 in enumerate(dict.fromkeys(m.clip.sha256 for m in moments))
    }
    return [[_moment_line(letters[found.clip.sha256], found)] for found in moments]


def _moment_line(letter: str, found: ClipMoment) -> str:
    moment = found.moment
    words = f"{moment.speaker}: {moment.text}" if moment.speaker else moment.text
    return f"ELSEWHERE clip {letter} at {clock_time(moment.start_seconds)} {moment.kind.value.upper()} {quoted(words)}"


def _fit(blocks: Iterable[list[str]], room_tokens: int, *, unbroken: bool = False) -> tuple[list[list[str]], int]:
    """Those blocks that fit, and what they take; `unbroken`: the first that does not fit ends it."""
    kept: list[list[str]] = []
    spent = 0
    for block in blocks:
        cost = sum(estimate_tokens(line) + 1 for line in block)
        if spent + cost <= room_tokens:
            kept.append(block)
            spent += cost
        elif unbroken:
            break
    return kept, spent


def _flat(blocks: Iterable[Sequence[str]]) -> list[str]:
    return [line for block in blocks for line in block]
