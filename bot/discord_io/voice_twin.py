"""The text twin of a spoken answer: who asked what, as it was heard, and the answer, with a mark where it broke off."""

import re
from collections.abc import Callable, Sequence

from bot.domain.voice_session import SpokenTurn
from bot.locales import Catalogue

NameOf = Callable[[int], str]

_REMEMBERED_MARK = re.compile(r"\s*\[interrupted by [^\]]*\]\s*$")


def twin_text(turn: SpokenTurn, words: Catalogue, name_of: NameOf) -> str:
    """Question and answer, not made safe yet; "" for a turn in which nothing was answered."""
    answer = _answer(turn, words, name_of).strip()
    if not answer:
        return ""
    who = _listed([name_of(person_id) for person_id in turn.asker_ids])
    asked = " ".join(turn.question.split())
    return f"🎤 {who}: {asked}\n💬 {answer}" if asked else f"💬 {answer}"


def _answer(turn: SpokenTurn, words: Catalogue, name_of: NameOf) -> str:
    """As it was written; the mark stands where the sound ended, or at the end where that cannot be told."""
    heard, written = _REMEMBERED_MARK.sub("", turn.answer).strip(), turn.written.strip()
    if not written:
        return heard
    if turn.interrupted_by is not None:
        mark = words("✋ (interrupted by {name})", name=name_of(turn.interrupted_by))
    elif turn.is_broken or (heard and _letters(heard) != _letters(written)):
        mark = words("✋ (stopped)")
    else:
        return written
    at = _end_of(heard, written)
    if at is None:  # spoken in other words than it was written in
        at = len(written)
    return f"{written[:at].rstrip()} {mark} {written[at:].strip()}".strip()


def _letters(text: str) -> list[str]:
    return list(filter(str.isalnum, text))


def _end_of(heard: str, written: str) -> int | None:
    """Where in what was written the heard words end, letter by letter; None where the letters differ."""
    at = 0
    for letter in _letters(heard):
        while at < len(written) and not written[at].isalnum():
            at += 1
        if at == len(written) or written[at] != letter:
            return None
        at += 1
    while at < len(written) and at > 0 and not written[at].isalnum() and not written[at].isspace():
        at += 1
    return at


def _listed(names: Sequence[str]) -> str:
    return ", ".join(dict.fromkeys(names))
