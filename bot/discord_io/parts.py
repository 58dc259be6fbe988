"""Long text in messages: cut where a reader would, with nothing lost and no markdown torn."""

import re
import unicodedata
from collections.abc import Iterator
from enum import IntEnum
from itertools import accumulate
from typing import NamedTuple

LIMIT = 2000
_FENCE = "```"
_OPENS = re.compile(r"```[A-Za-z0-9_+.-]{0,20}")
_ESCAPED_OR_CODE = re.compile(r"\\[^\w\s]|\\_|(`+)[^`]+\1(?!`)")
_LONGEST_SPAN = 200  # longer inline code may be cut; it is closed and opened again
_MOST_INDENT = 100
_MANY_BLANK_LINES = re.compile(r"\n{9,}")
_MOST_MARKS = 40  # a letter under more marks than this may be cut
_JOINER = "\u200d"
_MARK_LENGTH = len("\n-# (100/100)")
_ENDS_SENTENCE = "。！？；…"
_ENDS_SENTENCE_BEFORE_SPACE = ".!?:;"


def length(text: str) -> int:
    """How long Discord finds a text, at most: it counts code points, its clients UTF-16 units, never fewer."""
    return sum(map(_size, text))


def split(text: str, limit: int = LIMIT) -> list[str]:
    """Safe text in parts of at most `limit`, none of them blank: cut between paragraphs, else lines, sentences, words.

    A fence is closed at the cut and opened again. From three parts on each says which it is.
    """
    parts = list(_parts(text, limit))
    if len(parts) < 3:
        return parts
    parts = list(_parts(text, limit - _MARK_LENGTH))
    return [f"{part}\n-# ({number}/{len(parts)})" for number, part in enumerate(parts, start=1)]


def first(text: str, limit: int = LIMIT) -> str:
    """The first part alone; blank for blank text."""
    return next(_parts(text, limit), "")


class _Strength(IntEnum):
    CHARACTER = 0
    WORD = 1
    SENTENCE = 2
    LINE = 3
    PARAGRAPH = 4
    END = 5


class _Cut(NamedTuple):
    """Where a part may end and the next begin (what is between is space), closing and reopening what is cut through."""

    end: int
    begin: int
    strength: _Strength
    close: str = ""
    reopen: str = ""


def _parts(text: str, limit: int) -> Iterator[str]:
    text = _tidy(text)
    sizes = [0, *accumulate(map(_size, text))]
    end = _Cut(len(text), len(text), _Strength.END)
    cuts = [*_cuts(text), end]
    begin, reopen, next_cut = 0, "", 0
    while begin < len(text):
        while cuts[next_cut].end <= begin:
            next_cut += 1
        best, best_rank = end, (False, -1)
        for cut in cuts[next_cut : next_cut + limit]:
            size = len(reopen) + sizes[cut.end] - sizes[begin] + len(cut.close)
            if size > limit:
                break
            if (rank := (2 * size >= limit, int(cut.strength))) >= best_rank:
                best, best_rank = cut, rank
        if best_rank == (False, -1):
            raise ValueError(f"a limit of {limit} leaves no room for the next character")
        if (piece := text[begin : best.end]).strip():
            yield f"{reopen}{piece}{best.close}"
        begin, reopen = best.begin, best.reopen


def _tidy(text: str) -> str:
    """No space at line ends, not too much at line starts, no heaps of blank lines, every fence closed."""
    rows = [row.rstrip() for row in text.split("\n")]
    rows = [row[max(0, len(row) - len(row.lstrip()) - _MOST_INDENT) :] for row in rows]
    fence = ""
    for row in rows:
        fence = _fence_after(row, fence)
    if fence:
        rows.append(_FENCE)
    return _MANY_BLANK_LINES.sub("\n" * 8, "\n".join(rows)).strip("\n")


def _fence_after(row: str, fence: str) -> str:
    """The line that opened the fence in which the text goes on after this row; blank outside of fences."""
    if fence:
        return "" if row == _FENCE else fence
    return row if _OPENS.fullmatch(row) else ""


def _cuts(text: str) -> Iterator[_Cut]:
    """Every place where the text may be cut, in order."""
    rows = text.split("\n")
    starts = [0, *accumulate(len(row) + 1 for row in rows)]
    fence = ""
    for number, row in enumerate(rows):
        before, fence = fence, _fence_after(row, fence)
        is_code = bool(before and fence)
        if not row or (fence and not before):
            continue
        close, reopen = (f"\n{_FENCE}", f"{fence}\n") if is_code else ("", "")
        if is_code or not before:
            yield from _cuts_within(row, starts[number], close, reopen, is_code=is_code)
        following = next((later for later in range(number + 1, len(rows)) if rows[later]), len(rows))
        if following < len(rows) and not (is_code and rows[following] == _FENCE):
            is_apart = (
                following > number + 1 or bool(before and not fence) or _fence_after(rows[following], fence) != fence
            )
            strength = _Strength.PARAGRAPH if is_apart else _Strength.LINE
            yield _Cut(starts[number] + len(row), starts[following], strength, close, reopen)


def _cuts_within(row: str, start: int, close: str, reopen: str, *, is_code: bool) -> Iterator[_Cut]:
    at = len(row) - len(row.lstrip())
    while at < len(row):
        whole = None if is_code else _ESCAPED_OR_CODE.match(row, at)
        if whole is None:
            end = _character_end(row, at)
        else:
            end = whole.end()
            if end - at > _LONGEST_SPAN:
                yield from _cuts_through(row, whole, start)
        if end == len(row):
            return
        after = end + len(row[end:]) - len(row[end:].lstrip())
        yield _Cut(start + end, start + after, _strength(row[end - 1], is_before_space=after > end), close, reopen)
        at = after


def _cuts_through(row: str, span: re.Match[str], start: int) -> Iterator[_Cut]:
    """Cuts in inline code, which is closed there and opened again."""
    ticks = span[1]
    at = _character_end(row, span.start() + len(ticks))
    while at < span.end() - len(ticks):
        yield _Cut(start + at, start + at, _Strength.CHARACTER, ticks, ticks)
        at = _character_end(row, at)


def _strength(last: str, *, is_before_space: bool) -> _Strength:
    if last in _ENDS_SENTENCE or (is_before_space and last in _ENDS_SENTENCE_BEFORE_SPACE):
        return _Strength.SENTENCE
    return _Strength.WORD if is_before_space else _Strength.CHARACTER


def _character_end(row: str, at: int) -> int:
    """The end of what a reader sees as one character: with its marks, joined emoji, both letters of a flag."""
    end = at + 1
    if _is_flag_letter(row[at]) and end < len(row) and _is_flag_letter(row[end]):
        end += 1
    while end < min(len(row), at + _MOST_MARKS) and (row[end - 1] == _JOINER or _continues(row[end])):
        end += 1
    return end


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _continues(character: str) -> bool:
    return (
        character == _JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or "\u1160" <= character <= "\u11ff"  # vowels and final consonants of a Korean syllable
        or unicodedata.category(character).startswith("M")
    )


def _size(character: str) -> int:
    return 2 if character > "\uffff" else 1
