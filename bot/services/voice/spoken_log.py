"""What was said in a voice session, in memory only: for notes, for captions, and for what an answer refers to."""

from bisect import insort
from itertools import count

from bot.domain.voice_session import SpokenLine
from bot.pipeline.aloud import Spoken

MOST_LINES = 2_000
_LOOKS_BACK_SECONDS = 180.0
_LOOKS_BACK_LINES = 16


class SpokenLog:
    """Lines in the order in which they began. `began_at` is when the session began, on the clock of its events."""

    def __init__(self, began_at: float) -> None:
        self._began_at = began_at
        self._lines: list[SpokenLine] = []
        self._ids = count(1)

    def next_id(self) -> int:
        """The number of a stretch of speech; no other of the session has it."""
        return next(self._ids)

    def line(
        self,
        utterance_id: int,
        person_id: int | None,
        name: str,
        text: str,
        *,
        began_at: float,
        ended_at: float,
        is_final: bool = True,
    ) -> SpokenLine:
        """A line on the clock of the session."""
        start = max(0.0, began_at - self._began_at)
        return SpokenLine(
            utterance_id=utterance_id,
            person_id=person_id,
            name=name,
            text=text,
            start_seconds=round(start, 3),
            end_seconds=round(max(start, ended_at - self._began_at), 3),
            is_final=is_final,
        )

    def add(self, line: SpokenLine) -> None:
        """Keep it; the oldest goes when there are too many."""
        insort(self._lines, line, key=lambda one: (one.start_seconds, one.utterance_id))
        if len(self._lines) > MOST_LINES:
            del self._lines[0]

    def forget(self, person_id: int) -> None:
        """Everything this person said goes."""
        self._lines = [line for line in self._lines if line.person_id != person_id]

    @property
    def lines(self) -> tuple[SpokenLine, ...]:
        return tuple(self._lines)

    def before(self, now: float, *, but_for: frozenset[int]) -> tuple[SpokenLine, ...]:
        """What was said just now, without these utterances, oldest first."""
        since = now - self._began_at - _LOOKS_BACK_SECONDS
        recent = [
            line
            for line in self._lines[-_LOOKS_BACK_LINES - len(but_for) :]
            if line.end_seconds >= since and line.utterance_id not in but_for
        ]
        return tuple(recent[-_LOOKS_BACK_LINES:])


def spoken(lines: tuple[SpokenLine, ...], bot_name: str) -> tuple[Spoken, ...]:
    """Lines as evidence has them."""
    return tuple(Spoken(name=bot_name if line.person_id is None else line.name, text=line.text) for line in lines)
