"""Speech as bare words, so that transcripts compare by what was said, not by how a recogniser spells it."""

import re
import unicodedata
from functools import cached_property

LONGEST_TEXT = 4_000
"""Characters of a text that are looked at; nobody says more in one breath."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3041-\u3096\u309d-\u30fa\u30fd-\u30ff"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0003134f"
)
_WORD = re.compile(rf"[{_UNSPACED}][\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u3099\u309a\u30fc]*|[^\W_{_UNSPACED}]+")
_INVISIBLE = frozenset({"Cf", "Cc", "Cs"})
_ACCENT = re.compile("[\u0300-\u036f]")
_APOSTROPHE = re.compile(r"(?<=\w)['’ʼ`](?=\w)")
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")


def plain(text: str) -> str:
    """Compatibility forms folded, lower case, without accents, apostrophes and what nobody sees; punctuation stays."""
    folded = unicodedata.normalize("NFKC", text[:LONGEST_TEXT]).casefold()
    seen = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFD", folded)
        if character.isspace() or unicodedata.category(character) not in _INVISIBLE
    )
    return _APOSTROPHE.sub("", unicodedata.normalize("NFC", _ACCENT.sub("", seen)))


def words_of(text: str) -> tuple[str, ...]:
    """The words in order; of scripts without spaces, each character is one."""
    return tuple(_WORD.findall(plain(text)))


def same_words(one: str, other: str) -> bool:
    """Whether two transcripts differ in case, punctuation and spelling of characters at most."""
    return words_of(one) == words_of(other)


def is_unspaced(word: str) -> bool:
    """Whether the word is of a script that puts no spaces between words."""
    return _IS_UNSPACED.match(word) is not None


class Phrases:
    """A list of phrases that tells whether a text consists of nothing else."""

    def __init__(self, *phrases: str) -> None:
        self._texts = phrases

    @cached_property
    def _phrases(self) -> frozenset[tuple[str, ...]]:
        """As words; worked out with the first text, since most processes hear nobody."""
        return frozenset(words for text in self._texts if (words := words_of(text)))

    @cached_property
    def _longest(self) -> int:
        return max(map(len, self._phrases), default=0)

    def lengths_at(self, words: tuple[str, ...], start: int) -> list[int]:
        """How long the phrases are that begin at this word, the longest first."""
        most = min(self._longest, len(words) - start)
        return [length for length in range(most, 0, -1) if words[start : start + length] in self._phrases]

    def __or__(self, other: "Phrases") -> "Phrases":
        return Phrases(*self._texts, *other._texts)

    def __contains__(self, words: tuple[str, ...]) -> bool:
        return words in self._phrases


NO_PHRASES = Phrases()


def consists_of(words: tuple[str, ...], *, needed: Phrases, allowed: Phrases) -> int:
    """How many phrases of `needed` make up the words, with any of `allowed` between them; 0: they do not."""
    counts: list[set[int]] = [set() for _ in range(len(words) + 1)]
    counts[0].add(0)
    for start, reached in enumerate(counts[:-1]):
        if not reached:
            continue
        for phrases, more in ((needed, 1), (allowed, 0)):
            for length in phrases.lengths_at(words, start):
                counts[start + length] |= {count + more for count in reached}
    return min((count for count in counts[-1] if count), default=0)
