"""How long to wait after somebody stopped speaking before their turn counts as over."""

import re
from collections.abc import Sequence
from statistics import fmean

from bot.voice.plain_words import same_words, words_of
from bot.voice.turn_endings import Ending, ending_of

QUESTION_SECONDS = 0.33
EXCLAMATION_SECONDS = 0.35
PERIOD_SECONDS = 0.39
ELLIPSIS_SECONDS = 2.3
UNKNOWN_SECONDS = 1.25
"""These five as RealtimeVoiceChat has them."""
PLAIN_SENTENCE_SECONDS = 0.5
"""Of a whole sentence by a recogniser that writes no punctuation."""
UNFINISHED_SECONDS = 1.8
MOST_PEOPLE = 256
"""People whose patience is remembered; those longest unheard go first."""
RECENT_PARTIALS = 5
SMOOTHING = 0.9
CUT_OFF_SMOOTHING = 0.5
CUT_OFF_MARGIN_SECONDS = 0.2

_CLOSING = " \t\n\"'”’»›)]}」』）】》*_~"
_ELLIPSIS = re.compile(r"(?:\.\s?\.\s?\.?|…|。。+|⋯)$")
_MARKS = {
    "?": QUESTION_SECONDS, "？": QUESTION_SECONDS, "؟": QUESTION_SECONDS, "‽": QUESTION_SECONDS,
    "!": EXCLAMATION_SECONDS, "！": EXCLAMATION_SECONDS,
    ".": PERIOD_SECONDS, "。": PERIOD_SECONDS, "．": PERIOD_SECONDS, "।": PERIOD_SECONDS, "۔": PERIOD_SECONDS,
}  # fmt: skip
_GOES_ON = tuple(",;:，；：、-–—")
# Signs of a recogniser that writes punctuation: where it has put none at the end, the sentence goes on.
_WRITTEN = re.compile(r"[.?!,;:…。？！，、；：؟।]|[A-ZÀ-ÖØ-ÞА-Я]")
LONGEST_LOOKED_AT = 400


class Endpointer:
    """The patience with each person: from their words, and learned from their pauses."""

    def __init__(self, *, patience_seconds: float, longest_patience_seconds: float) -> None:
        self._shortest = patience_seconds
        self._longest = max(patience_seconds, longest_patience_seconds)
        self._learned: dict[int, float] = {}

    def wait_seconds(self, person_id: int, partials: Sequence[str], *, language: str | None = None) -> float:
        """Silence, counted from the true end of speech, that ends this person's turn. `partials`: the live transcripts
        of the turn so far, the latest last; none: nothing was recognised yet."""
        wait = max(_wait_for_words(partials, language), self._learned.get(person_id, 0.0))
        return min(max(wait, self._shortest), self._longest)

    def went_on(self, person_id: int, pause_seconds: float) -> None:
        """They paused for so long inside one turn."""
        self._learn(person_id, pause_seconds, SMOOTHING)

    def was_cut_off(self, person_id: int, pause_seconds: float) -> None:
        """They went on right after the bot took their turn for over; the pause counts from the end of their speech."""
        self._learn(person_id, pause_seconds + CUT_OFF_MARGIN_SECONDS, CUT_OFF_SMOOTHING)

    def ended(self, person_id: int) -> None:
        """Their turn was over and they let the bot answer: what was learned fades."""
        if person_id in self._learned:
            self._learn(person_id, self._shortest, SMOOTHING)

    def forget(self, person_id: int) -> None:
        """Nothing is remembered of this person any more."""
        self._learned.pop(person_id, None)

    def _learn(self, person_id: int, seconds: float, smoothing: float) -> None:
        known = self._learned.pop(person_id, self._shortest)
        if not seconds >= 0:
            seconds = self._shortest
        learned = smoothing * known + (1 - smoothing) * min(seconds, self._longest)
        self._learned[person_id] = min(max(learned, self._shortest), self._longest)
        while len(self._learned) > MOST_PEOPLE:
            del self._learned[next(iter(self._learned))]


def _wait_for_words(partials: Sequence[str], language: str | None) -> float:
    if not partials:
        return UNKNOWN_SECONDS
    latest = partials[-1]
    alike = [text for text in partials[-RECENT_PARTIALS:-1] if same_words(text, latest)]
    return fmean(_wait_for_text(text, language) for text in (*alike, latest))


def _wait_for_text(text: str, language: str | None) -> float:
    said = text[-LONGEST_LOOKED_AT:].rstrip(_CLOSING)
    if _ELLIPSIS.search(said):
        return ELLIPSIS_SECONDS
    ending = ending_of(words_of(said), language=language)
    mark = _MARKS.get(said[-1:])
    if ending is Ending.UNFINISHED and mark != QUESTION_SECONDS:
        return UNFINISHED_SECONDS
    if mark is not None:
        return mark
    is_plain = said[-1:] not in _GOES_ON and _WRITTEN.search(text) is None
    return PLAIN_SENTENCE_SECONDS if is_plain and ending is Ending.WHOLE else UNKNOWN_SECONDS
