"""LocalAgreement: what stays of transcripts that are made again and again of a growing piece of speech.

Macháček, Dabre, Bojar: Turning Whisper into Real-Time Transcription System, 2023, https://arxiv.org/abs/2307.14743
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

LONGEST_WINDOW_SECONDS = 15.0
LONGEST_PROMPT_CHARACTERS = 200
_MOST_REPEATED_WORDS = 5
_TOLERANCE_SECONDS = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedWord:
    """A word of a hypothesis with its spaces, in seconds from the start of the speech."""

    text: str = field(repr=False)
    start_seconds: float
    end_seconds: float


class Agreement:
    """One stretch of speech. Words on which two successive hypotheses agree are committed and never change."""

    def __init__(self) -> None:
        self._committed: list[TimedWord] = []
        self._tail: list[TimedWord] = []

    @property
    def committed(self) -> str:
        """What will not change any more."""
        return _text(self._committed)

    @property
    def text(self) -> str:
        """All words so far; those after the committed ones may still change."""
        return _text([*self._committed, *self._tail])

    @property
    def words(self) -> tuple[TimedWord, ...]:
        """As `text`."""
        return (*self._committed, *self._tail)

    @property
    def committed_seconds(self) -> float:
        """Where the committed words end."""
        return self._committed[-1].end_seconds if self._committed else 0.0

    def add(self, hypothesis: Sequence[TimedWord]) -> None:
        """The transcript of a window of the speech, which may begin inside the committed words."""
        fresh = self._fresh(hypothesis)
        agreed = 0
        for old, new in zip(self._tail, fresh, strict=False):
            if _key(old) != _key(new):
                break
            agreed += 1
        self._committed += fresh[:agreed]
        self._tail = fresh[agreed:]

    def settle(self, hypothesis: Sequence[TimedWord]) -> None:
        """The last transcript of the speech so far: all of it is committed."""
        self._committed += self._fresh(hypothesis)
        self._tail = []

    def window_start(self, now_seconds: float) -> float:
        """From where on speech is to be transcribed again, at most 15 s before now: the end of the last committed
        word once the whole speech is longer than that."""
        if now_seconds <= LONGEST_WINDOW_SECONDS:
            return 0.0
        return max(now_seconds - LONGEST_WINDOW_SECONDS, self.committed_seconds)

    def prompt(self, before_seconds: float) -> str:
        """The end of the committed words before the window, at whole words."""
        words: list[str] = []
        length = 0
        for word in reversed([word for word in self._committed if word.end_seconds <= before_seconds]):
            length += len(word.text)
            if length > LONGEST_PROMPT_CHARACTERS:
                break
            words.append(word.text)
        return "".join(reversed(words)).strip()

    def _fresh(self, hypothesis: Sequence[TimedWord]) -> list[TimedWord]:
        """The words after the committed ones; of a window that begins inside these, without what they repeat."""
        end = self.committed_seconds
        fresh = [word for word in hypothesis if (word.start_seconds + word.end_seconds) / 2 > end - _TOLERANCE_SECONDS]
        for count in range(min(_MOST_REPEATED_WORDS, len(self._committed), len(fresh)), 0, -1):
            if list(map(_key, self._committed[-count:])) == list(map(_key, fresh[:count])):
                return fresh[count:]
        return fresh


def _key(word: TimedWord) -> str:
    return "".join(character for character in word.text.casefold() if character.isalnum())


def _text(words: Sequence[TimedWord]) -> str:
    return "".join(word.text for word in words).strip()
