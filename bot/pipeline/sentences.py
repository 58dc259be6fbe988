"""Sentences out of a stream of words, and what of them can be said aloud."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any, cast

import sentencex  # pyright: ignore[reportMissingTypeStubs] - compiled, ships none; typed by _segment below

from bot.domain.links import without_links

_segment = cast("Callable[[str, str], list[str]]", cast(Any, sentencex).segment)

_LONGEST_SENTENCE = 400
_MAY_END = re.compile(r"[.!?。！？…\n]")
_BREAK = re.compile(r"[,;:，；：、]\s*|\s+")


class SentenceSplitter:
    """Cuts a growing text into sentences; each leaves as soon as the next one begins.

    A run of more than 400 characters without an end is cut at a comma or a space, so that speech never waits long
    and no vendor's input limit binds.
    """

    def __init__(self, language: str = "en") -> None:
        self._language = language
        self._buffer = ""

    def feed(self, delta: str) -> list[str]:
        """Take the next piece; return the sentences it completed."""
        self._buffer += delta
        if not _MAY_END.search(self._buffer) and len(self._buffer) <= _LONGEST_SENTENCE:
            return []
        *whole, self._buffer = self._split(self._buffer) or [""]
        while len(self._buffer) > _LONGEST_SENTENCE:
            head, self._buffer = _cut(self._buffer)
            whole.append(head)
        return [sentence.strip() for sentence in whole if sentence.strip()]

    def finish(self) -> list[str]:
        """The end of the text: return what is left."""
        rest, self._buffer = self._split(self._buffer), ""
        return [sentence.strip() for sentence in rest if sentence.strip()]

    def _split(self, text: str) -> list[str]:
        parts = [sentence for line in text.splitlines(keepends=True) for sentence in _segment(self._language, line)]
        if text.endswith("\n"):
            parts.append("")
        return parts


def _cut(text: str) -> tuple[str, str]:
    breaks = [match.end() for match in _BREAK.finditer(text, 0, _LONGEST_SENTENCE)]
    at = breaks[-1] if breaks else _LONGEST_SENTENCE
    return text[:at], text[at:]


class SpokenText:
    """What of each sentence is said aloud: no markdown, code, links, citations, emoji or control characters.

    Sentences of one answer go through one object in order, so that code blocks over several of them stay unsaid.
    """

    def __init__(self) -> None:
        self._in_code = False

    def of(self, sentence: str) -> str:
        """The words to say; empty when there are none."""
        parts = sentence.split("```")
        spoken = " ".join(part for number, part in enumerate(parts) if (number % 2 == 1) == self._in_code)
        self._in_code ^= len(parts) % 2 == 0
        spoken = without_links(_MASKED.sub(r"\1", spoken))
        for pattern, replacement in _UNSAID:
            spoken = pattern.sub(replacement, spoken)
        kept = (character if unicodedata.category(character) not in _UNSPOKEN else " " for character in spoken)
        words = _LOOSE_POINT.sub(r"\1", " ".join("".join(kept).split()))
        return words if any(character.isalnum() for character in words) else ""


_MASKED = re.compile(r"\[([^\]]+)\]\([^)\s]*[./:][^)]*\)")
_UNSAID = (
    (re.compile(r"\s?[\[(（【][^\])）】]{0,6}\d{1,3}:\d{2}[^\])）】]{0,24}[\])）】]"), ""),
    (re.compile(r"[*_~`#>|]+|<[@#:][^>]*>|^\s*[-+•]\s+", re.MULTILINE), " "),
)
_LOOSE_POINT = re.compile(r"\s+([.,;:!?])")
# Control, format, surrogate, private use, other symbols (emoji), modifier symbols.
_UNSPOKEN = frozenset({"Cc", "Cf", "Cs", "Co", "So", "Sk"})
