"""The first words of a streamed answer, out as early as they can be said."""

import re
from typing import Any, cast

import sentencex  # pyright: ignore[reportMissingTypeStubs] - compiled, ships none

SHORTEST_OPENING = 10
_LONGEST_LOOKED_AT = 400
_LONGEST_IN_BRACKETS = 40
_MAY_END = re.compile(
    r"(?P<comma>[,;:](?=\s))|(?P<wide>[，；：])|(?P<stop>[。！？]+[”」』）]*)|(?P<line>\n)|(?P<dot>[.!?…]+[\"”’')\]*_]*(?=\s))"
)
_BRACKETS = {"[": "]", "(": ")", "（": "）", "【": "】", "「": "」", "“": "”"}
_segment = cast(Any, sentencex).segment


class Opening:
    """Holds the beginning of an answer back until its first piece can be said; everything after goes to the splitter
    of sentences."""

    def __init__(self, language: str = "en") -> None:
        self._language = language
        self._buffer = ""

    def feed(self, delta: str) -> tuple[str, str] | None:
        """The next words: None while the first piece is not whole, else that piece and what was said after it. Not to
        be fed again then."""
        self._buffer += delta
        end = opening_end(self._buffer, language=self._language)
        return None if end is None else (self._buffer[:end], self._buffer[end:])

    def finish(self) -> str:
        """The answer ended before: all of it."""
        return self._buffer


def opening_end(text: str, *, language: str = "en") -> int | None:
    """How much of the beginning of an answer can be said before the rest is known; None: not yet."""
    looked_at = text[:_LONGEST_LOOKED_AT]
    for match in _MAY_END.finditer(looked_at):
        before = looked_at[: match.end()]
        if not any(c.isalnum() for c in before) or not _is_open_air(before):
            continue
        if match["comma"] or match["wide"]:
            if len(_bare(before)) >= SHORTEST_OPENING and not _is_inside_number(looked_at, match.end()):
                return match.end()
        elif match["stop"] or match["line"] or _ends_sentence(looked_at, match.end(), language):
            return match.end()
    return _last_space(looked_at) if len(text) >= _LONGEST_LOOKED_AT else None


def _last_space(text: str) -> int:
    return max(text.rfind(" "), text.rfind("\n")) + 1 or len(text)


def _bare(text: str) -> str:
    return text.strip(" \t\n*_#>-`")


def _is_open_air(text: str) -> bool:
    """Whether no code is open at the end and no bracket or quotation that may still be closed."""
    if text.count("`") % 2:
        return False
    return not any(
        text.count(opening) > text.count(closing) and len(text) - text.rfind(opening) < _LONGEST_IN_BRACKETS
        for opening, closing in _BRACKETS.items()
    )


def _is_inside_number(text: str, end: int) -> bool:
    return text[end - 2 : end - 1].isdigit() and (end == len(text) or text[end].isdigit())


def _ends_sentence(text: str, end: int, language: str) -> bool:
    """Whether the splitter of sentences cuts here; it must have seen what follows."""
    follows = text[end:].strip()
    if not follows:
        return False
    at = 0
    for part in cast("list[str]", _segment(language, text)):
        at += len(part)
        if end <= at < end + 2 + len(text) - len(text.rstrip()):
            return at < len(text)
        if at > end:
            return False
    return False
