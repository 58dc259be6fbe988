"""Tells the bot's own voice, back through somebody's loudspeaker, from what they say."""

from collections.abc import Iterator, Sequence

from bot.voice.plain_words import is_unspaced, words_of

ECHO_OVERLAP = 0.6
SHORTEST_ECHO_WORDS = 3
SHORTEST_ECHO_CHARACTERS = 5
"""Of scripts without spaces."""
SHORTEST_RUN_WORDS = 2
SHORTEST_RUN_CHARACTERS = 3
"""That follow each other in both: who contradicts takes up words, but not phrases."""
ECHOES_UNTIL_FLAGGED = 2
ECHOEY_FACTOR = 2.0
MOST_PEOPLE = 256
_LONGEST_WORDS = 80


class EchoGuard:
    """Per channel: whose loudspeaker gives the bot's voice back."""

    def __init__(self) -> None:
        self._echoes: dict[int, int] = {}

    def is_echo(self, text: str, sentences: Sequence[str], *, person_id: int) -> bool:
        """Whether an interim transcript is the bot's own voice. `sentences`: the one now playing and the one before,
        in the order they are said. Fewer than three words are taken as the person's own, except where the loudspeaker
        is known."""
        said = words_of(text)[-_LONGEST_WORDS:]
        if not said:
            return False
        is_flagged = self.is_echoey(person_id)
        shortest = SHORTEST_ECHO_CHARACTERS if is_unspaced(said[0]) else SHORTEST_ECHO_WORDS
        if len(said) < (shortest - 1 if is_flagged else shortest):
            return False
        own = tuple(word for sentence in sentences[-2:] for word in words_of(sentence))[: _LONGEST_WORDS * 4]
        shortest_run = SHORTEST_RUN_CHARACTERS if is_unspaced(said[0]) else SHORTEST_RUN_WORDS
        return any(
            _common(said, near) >= ECHO_OVERLAP * len(said) and _longest_run(said, near) >= shortest_run
            for near in _stretches(own, len(said))
        )

    def echoed(self, person_id: int) -> None:
        """A whole stretch of this person's speech was echo."""
        self._echoes[person_id] = self._echoes.pop(person_id, 0) + 1
        while len(self._echoes) > MOST_PEOPLE:
            del self._echoes[next(iter(self._echoes))]

    def spoke(self, person_id: int) -> None:
        """They said something of their own while the bot spoke: an echo less against them."""
        left = self._echoes.pop(person_id, 0) - 1
        if left > 0:
            self._echoes[person_id] = min(left, ECHOES_UNTIL_FLAGGED)

    def forget(self, person_id: int) -> None:
        """The person left."""
        self._echoes.pop(person_id, None)

    def is_echoey(self, person_id: int) -> bool:
        """Whether this person's loudspeaker is known to give the bot's voice back."""
        return self._echoes.get(person_id, 0) >= ECHOES_UNTIL_FLAGGED

    def interrupt_seconds(self, person_id: int, usual_seconds: float) -> float:
        """Speech over the bot after which it pauses for this person."""
        return usual_seconds * (ECHOEY_FACTOR if self.is_echoey(person_id) else 1.0)


def _stretches(words: tuple[str, ...], length: int) -> Iterator[tuple[str, ...]]:
    """Overlapping pieces a little longer than this: an echo is of one place, small words are everywhere."""
    size, step = length + length // 2 + 2, length // 2 + 1
    yield from (words[at : at + size] for at in range(0, max(1, len(words) - size + step), step))


def _common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(other) + 1)
    for word in one:
        diagonal = 0
        for column, against in enumerate(other, start=1):
            above = row[column]
            row[column] = diagonal + 1 if word == against else max(above, row[column - 1])
            diagonal = above
    return row[-1]


def _longest_run(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    longest = 0
    row = [0] * (len(other) + 1)
    for word in one:
        row = [0, *(row[at] + 1 if word == against else 0 for at, against in enumerate(other))]
        longest = max(longest, *row)
    return longest
