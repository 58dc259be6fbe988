"""Lines on their way to a model and back: numbered, so that each translation belongs to its line."""

import re
from collections.abc import Iterator, Sequence

MOST_LINES = 40
MOST_LETTERS = 3_000

_NUMBERED = re.compile(r"\s*(\d{1,3})\s*[.):：、]\s*(\S.*)")
_TIMES_LONGER = 6
_LONGER = 80


def batches(lines: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    """As many in each as are sure to come back whole. A line too long for any is alone in its own."""
    batch: list[tuple[int, str]] = []
    letters = 0
    for line in lines:
        if batch and (len(batch) == MOST_LINES or letters + len(line[1]) > MOST_LETTERS):
            yield batch
            batch, letters = [], 0
        batch.append(line)
        letters += len(line[1])
    if batch:
        yield batch


def numbered(texts: Sequence[str]) -> str:
    """From 1 on."""
    return "\n".join(f"{number}. {text}" for number, text in enumerate(texts, start=1))


def read_numbered(answer: str, texts: Sequence[str]) -> dict[int, str]:
    """The lines that came back, by their place. Left out are numbers that came twice, and what is far too long to be
    the translation of its line."""
    found: dict[int, list[str]] = {}
    for line in answer.splitlines():
        if (parts := _NUMBERED.fullmatch(line)) is not None:
            found.setdefault(int(parts[1]) - 1, []).append(" ".join(parts[2].split()))
    return {
        place: said[0]
        for place, said in found.items()
        if 0 <= place < len(texts) and len(said) == 1 and fits(said[0], texts[place])
    }


def fits(translation: str, text: str) -> bool:
    """Whether it can be a translation of this text, by its length."""
    return 0 < len(translation) <= _TIMES_LONGER * len(text) + _LONGER
