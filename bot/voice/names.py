"""Whether somebody speaks to the bot: its name in what they said, a reply to it, or nobody else to speak to."""

import re
from collections.abc import Collection, Iterable
from enum import StrEnum
from itertools import islice
from typing import Literal

from bot.voice.plain_words import is_unspaced, plain, words_of
from bot.voice.word_lists import phrases, single_words

MOST_WINDOWS = 256
"""People whose reply windows are remembered; the oldest go first."""
_SHORTEST_BLURRED = 4
_SHORTEST_IN_PIECES = 6
_MOST_SPELLED_DIFFERENTLY = 2
_MOST_PIECES = 3

_SPELLINGS = (
    (re.compile(r"ph"), "f"),
    (re.compile(r"ck|q|c(?=[aoukrl]|$)"), "k"),
    (re.compile(r"tz|ts"), "z"),
    (re.compile(r"c(?=[eiy])"), "s"),
    (re.compile(r"(.)\1"), r"\1"),
)
_VOWELS = re.compile(r"[aeiouy]+")
_ALIKE = {frozenset(pair) for pair in ("bp", "dt", "gk", "sz", "fv", "vw", "kc", "gj", "mn", "sc", "xz", "xs")}
_TOLERANCES = ((8, 1.3), (6, 0.9), (5, 0.5))
"""Per length of a name."""
_VOWEL_COST = 0.5
_ALIKE_COST = 0.5


class Addressed(StrEnum):
    """Whom something was said to."""

    US = "us"
    NOT_US = "not_us"
    ASK = "ask"
    """The words do not tell; the chat model may."""


class CalledNames:
    """The names the bot answers to, found in what recognisers make of them."""

    def __init__(self, names: Iterable[str]) -> None:
        self._exact: set[tuple[str, ...]] = set()
        self._blurred: set[str] = set()
        for name in names:
            words = words_of(name)
            if words:
                self._exact.add(words)
                joined = "".join(words)
                if len(joined) >= _SHORTEST_BLURRED and not is_unspaced(joined):
                    self._blurred.add(joined)
        self._longest = max(map(len, self._exact), default=0)

    def length_at(self, words: tuple[str, ...], start: int, *, is_called: bool = True) -> int:
        """How many words from this one on are a name; 0: none. Names in several wrong pieces count only where
        somebody is called."""
        for length in range(min(self._longest, len(words) - start), 0, -1):
            if words[start : start + length] in self._exact:
                return length
        for length in range(1, min(_MOST_PIECES if is_called else 1, len(words) - start) + 1):
            pieces = words[start : start + length]
            if any(map(is_unspaced, pieces)):
                return 0
            said = "".join(pieces)
            if any(_sounds_like(said, name, pieces=length) for name in self._blurred):
                return length
        return 0

    def is_in(self, text: str) -> bool:
        """Whether one of the names was said."""
        return self.find(words_of(text)) is not None

    def without(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The words but for the names among them."""
        kept: list[str] = []
        at = 0
        while at < len(words):
            length = self.length_at(words, at)
            if not length:
                kept.append(words[at])
            at += max(1, length)
        return tuple(kept)

    def find(self, words: tuple[str, ...], *, but_for: Collection[str] = ()) -> tuple[int, int] | None:
        """Where the first name is, from word to word. Words in `but_for` are taken at their face value."""
        opening = _after_greeting(words)
        for start in range(len(words)):
            length = self.length_at(words, start, is_called=start <= opening or start >= len(words) - _MOST_PIECES)
            if length and not (length == 1 and words[start] in but_for and (words[start],) not in self._exact):
                return start, start + length
        return None


_PAUSE = re.compile(r"\s*[,，、،;；؛:：!！?？؟.。…~—-]")
_COMMA = re.compile(r"\s*[,，、،]")
_GREETINGS = phrases("greetings")
_TURNS_TO = phrases("turns_to")
_AFTER_NAMES = phrases("after_names")
_ORDINARY_NAMES = single_words("ordinary_names")
_HANGUL_CALLS = re.compile("(?<=[\uac00-\ud7af])(?:야|아|씨|님)$")
_MOST_FORMS = 200


def calls_another(text: str, others: Iterable[str]) -> bool:
    """Whether the text begins by calling one of these people ("Ben, can you…"), or ends so ("thanks, Ben")."""
    said = plain(text)
    words = words_of(said)
    start = _after_greeting(words)
    forms = {form for other in islice(others, _MOST_FORMS) for form in _forms(other)}
    return any(_begins_with_call(said, words, start, form) or _ends_with_call(said, words, form) for form in forms)


def _after_greeting(words: tuple[str, ...]) -> int:
    """The first word after what people say before a name."""
    at = 0
    while at < len(words) and (lengths := _GREETINGS.lengths_at(words, at)):
        at += lengths[0]
    return at


def _forms(name: str) -> set[tuple[str, ...]]:
    """A name as people say it: whole, or the first word of it."""
    words = words_of(name)
    if not words:
        return set()
    forms = {words}
    if not is_unspaced(words[0]) and len(words[0]) > 1:
        forms.add(words[:1])
    return forms


def _begins_with_call(said: str, words: tuple[str, ...], start: int, name: tuple[str, ...]) -> bool:
    end = start + len(name)
    called = (*words[start : end - 1], *(_HANGUL_CALLS.sub("", word) for word in words[end - 1 : end]))
    if name not in (words[start:end], called):
        return False
    if end < len(words) and (honorific := _AFTER_NAMES.lengths_at(words, end)):
        end += honorific[0]
    is_ordinary = len(name) == 1 and name[0] in _ORDINARY_NAMES
    if end == len(words):
        return not is_ordinary or start > 0
    if _PAUSE.match(said, _end_of(said, words, end)):
        return True
    return not is_ordinary and bool(_TURNS_TO.lengths_at(words, end))


def _ends_with_call(said: str, words: tuple[str, ...], name: tuple[str, ...]) -> bool:
    start = len(words) - len(name)
    return start > 0 and words[start:] == name and _COMMA.match(said, _end_of(said, words, start)) is not None


def _end_of(said: str, words: tuple[str, ...], count: int) -> int:
    """Where the first `count` words end in the text they are from."""
    at = 0
    for word in words[:count]:
        at = said.index(word, at) + len(word)
    return at


class Addressing:
    """Who speaks to the bot in one channel. A reply window belongs to the person the bot spoke to."""

    def __init__(
        self, *, names: CalledNames, answers: Literal["auto", "named", "always"], reply_seconds: float
    ) -> None:
        self._names = names
        self._answers = answers
        self._reply_seconds = reply_seconds
        self._open_until: dict[int, float] = {}

    def spoke_to(self, person_ids: Iterable[int], *, at: float) -> None:
        """The bot finished speaking to these people, or was interrupted by them."""
        for person_id in person_ids:
            self._open_until.pop(person_id, None)
            self._open_until[person_id] = at + self._reply_seconds
        while len(self._open_until) > MOST_WINDOWS:
            del self._open_until[next(iter(self._open_until))]

    def forget(self, person_id: int) -> None:
        """The person left or is not heard any more."""
        self._open_until.pop(person_id, None)

    def may_reply(self, person_id: int, *, began_at: float) -> bool:
        """Whether what they began to say then may be a reply to the bot."""
        return began_at <= self._open_until.get(person_id, -1.0)

    def judge(self, text: str, *, person_id: int, began_at: float, others: Collection[str]) -> Addressed:
        """Whom the committed words are said to. `began_at`: when they began to speak; `others`: names of the other
        people in the channel, the bot not among them; empty: the person is alone with the bot."""
        if self._answers == "always":
            return Addressed.US
        if self._answers == "auto" and not others:
            return Addressed.US
        other_words = {word for other in others for word in words_of(other)}
        is_named = self._names.find(words_of(text), but_for=other_words) is not None
        if calls_another(text, others):
            return Addressed.ASK if is_named and self._answers == "auto" else _named(is_named)
        if is_named or self.may_reply(person_id, began_at=began_at):
            return Addressed.US
        return Addressed.ASK if self._answers == "auto" else Addressed.NOT_US


def _named(is_named: bool) -> Addressed:
    return Addressed.US if is_named else Addressed.NOT_US


def _tolerance(name: str, *, pieces: int) -> float:
    """How far from a name it may sound. Below 1 no consonant is another one: "Marvin" is not "Martin". Several words
    have to sound nearly like it."""
    if not name.isascii():
        return 1.0 if len(name) > _SHORTEST_BLURRED + 1 and pieces == 1 else 0.0
    at_most = next((cost for length, cost in _TOLERANCES if len(name) >= length), 0.0)
    return at_most if pieces == 1 else min(at_most, _VOWEL_COST)


def _sounds_like(said: str, name: str, *, pieces: int) -> bool:
    if pieces > 1 and len(name) < _SHORTEST_IN_PIECES:
        return False
    most = _tolerance(name, pieces=pieces)
    begins_alike = said[:1] == name[:1] or _alike(said[:1], name[:1])
    if abs(len(said) - len(name)) > most + _MOST_SPELLED_DIFFERENTLY or not begins_alike:
        return False
    return _distance(_sounds(said), _sounds(name)) <= most


def _sounds(word: str) -> list[str]:
    for pattern, replacement in _SPELLINGS:
        word = pattern.sub(replacement, word)
    return re.findall(r"[aeiouy]+|.", word)


def _alike(one: str, other: str) -> bool:
    return frozenset({one, other}) in _ALIKE


def _distance(one: list[str], other: list[str]) -> float:
    """Edit distance over sounds: a vowel for a vowel, or a consonant for its neighbour, costs half."""
    row = [float(column) for column in range(len(other) + 1)]
    for number, sound in enumerate(one, start=1):
        above, row = row, [float(number)]
        for column, against in enumerate(other, start=1):
            change = above[column - 1] + _cost(sound, against)
            row.append(min(change, above[column] + 1, row[column - 1] + 1))
    return row[-1]


def _cost(one: str, other: str) -> float:
    if one == other:
        return 0.0
    if _VOWELS.fullmatch(one) and _VOWELS.fullmatch(other):
        return _VOWEL_COST
    return _ALIKE_COST if _alike(one, other) else 1.0
