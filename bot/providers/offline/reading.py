"""Reads text in a picture with Tesseract, and keeps only what it is sure of."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageOps, ImageStat

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.sentence import sentence
from bot.providers.offline.picture import may_hold_text
from bot.providers.offline.process import TESSERACT, run_tool

_ENVIRONMENT = {"OMP_THREAD_LIMIT": "1"}
_WALL_SECONDS = 30.0
_LONGEST_EDGE_PX = 2200
_SCALE = 2.0  # Tesseract's models want letters of some 20 px and more
_DARK_MEDIAN = 110
_NEARLY_WHITE = 225
_MASK_SHARE = (0.001, 0.25)  # of the picture, for letters laid over it
# Confidence of words, 0 to 100. On textures Tesseract reports up to 93 for single marks and short syllables.
_WORD, _SURE, _VERY_SURE = 60.0, 80.0, 90.0
_LETTERS = 3
_LINE_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class _Word:
    text: str = field(repr=False)
    confidence: float

    @property
    def letters(self) -> int:
        return sum(character.isalnum() for character in self.text)


async def installed_languages() -> tuple[str, ...]:
    """Tesseract's names of the languages it has. Raises ProviderError when it is missing or broken."""
    output = await run_tool(TESSERACT, ["--list-langs"], environment=_ENVIRONMENT, wall_seconds=_WALL_SECONDS)
    return tuple(line.strip() for line in output.decode(errors="replace").splitlines()[1:] if line.strip())


def language_missing(language: str) -> ProviderError:
    """The error that names the package of a language."""
    return ProviderError(
        "language_missing",
        sentence(
            "Tesseract lacks the language {language}: install the package {package}.",
            language=language,
            package=language_package(language),
        ),
        category=ProviderCategory.MISSING_TOOL,
    )


def language_package(language: str) -> str:
    """Debian's name for the package of a Tesseract language."""
    return f"tesseract-ocr-{language.lower().replace('_', '-')}"


async def read_text(grey: Image.Image, languages: Sequence[str]) -> str:
    """Lines of text in a greyscale picture, top to bottom; empty when there are none it is sure of. Raises
    ProviderError when Tesseract is missing or fails."""
    if not may_hold_text(grey):
        return ""
    dark = ImageStat.Stat(grey).median[0] < _DARK_MEDIAN
    text = await _recognise(ImageOps.invert(grey) if dark else grey, languages)
    if text:
        return text
    overlay = _white_letters(grey)
    return "" if overlay is None else await _recognise(overlay, languages)


def _white_letters(grey: Image.Image) -> Image.Image | None:
    """The nearly white parts as black on white: subtitles over a picture. None when they are no letters."""
    mask = Image.fromarray(np.where(np.asarray(grey) > _NEARLY_WHITE, 0, 255).astype(np.uint8))
    share = 1 - ImageStat.Stat(mask).mean[0] / 255
    return mask if _MASK_SHARE[0] <= share <= _MASK_SHARE[1] and may_hold_text(mask) else None


async def _recognise(grey: Image.Image, languages: Sequence[str]) -> str:
    scale = min(_SCALE, max(_LONGEST_EDGE_PX / max(grey.size), 1.0))
    size = (round(grey.width * scale), round(grey.height * scale))
    buffer = io.BytesIO()
    grey.resize(size, Image.Resampling.LANCZOS).save(buffer, "PPM")
    output = await run_tool(
        TESSERACT,
        ["-", "-", "--psm", "3", "--oem", "1", "-l", "+".join(languages), "tsv"],
        stdin=buffer.getvalue(),
        environment=_ENVIRONMENT,
        wall_seconds=_WALL_SECONDS,
    )
    return "\n".join(line for words in _lines(output) if (line := _sure_line(words)))


def _lines(tsv: bytes) -> list[list[_Word]]:
    """Words of each line, from Tesseract's table: level, page, block, paragraph, line, word, box, confidence, text."""
    lines: dict[tuple[str, ...], list[_Word]] = {}
    for row in csv.DictReader(io.StringIO(tsv.decode(errors="replace")), delimiter="\t", quoting=csv.QUOTE_NONE):
        text = (row.get("text") or "").strip()
        if row.get("level") == "5" and text:
            key = tuple(row.get(name) or "" for name in ("page_num", "block_num", "par_num", "line_num"))
            lines.setdefault(key, []).append(_Word(text, float(row.get("conf") or 0)))
    return list(lines.values())


def _sure_line(words: Sequence[_Word]) -> str:
    """The words of a line that are sure, empty when the line as a whole is not."""
    kept = [word for word in words if word.confidence >= _WORD and word.letters]
    letters = sum(word.letters for word in kept)
    best = max((word.confidence for word in kept if word.letters > 1), default=0.0)
    enough = _VERY_SURE if letters < _LETTERS or len(kept) == 1 else _SURE
    whole = sum(len(word.text) for word in words)
    if best < enough or sum(len(word.text) for word in kept) < _LINE_SHARE * whole:
        return ""
    return " ".join(word.text for word in kept)
