"""What people really heard of an answer that was broken off, by the frames that were played."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.voice.plain_words import is_unspaced, plain

LEADING_FRAMES = 5
TRAILING_FRAMES = 5
"""Silence that synthesisers put around a sentence."""
_SYLLABLE = 1.0
_WORD = 0.3
_COMMA = 1.2
_STOP = 2.0
_LETTER = 0.0
_CHARACTER = 1.0
_DIGIT = 1.6

_PIECE = re.compile(r"\S+\s*|\s+")
_VOWELS = re.compile(r"[aeiouyäöüæøåœаеёиоуыэюяіїєαεηιουω]+")
_SILENT_E = re.compile(r"(?<=[^aeiouy])(?:e|es|ed)$")
_PAUSES = {",": _COMMA, ";": _COMMA, ":": _COMMA, "，": _COMMA, "；": _COMMA, "：": _COMMA, "、": _COMMA, "—": _COMMA}
_STOPS = frozenset(".!?…。！？")


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidSentence:
    """A sentence of the answer as it was given to the voice, and how many 20 ms frames it became."""

    text: str = field(repr=False)
    frames: int


def heard(sentences: Sequence[SaidSentence], frames_played: int) -> str:
    """The words that were played: whole sentences, and of the one that was cut those that were said to the end."""
    parts: list[str] = []
    left = frames_played
    for sentence in sentences:
        if left <= 0:
            break
        part = sentence.text if left >= sentence.frames else _heard_of(sentence, left)
        if part.strip():
            parts.append(part.strip())
        left -= sentence.frames
    return _joined(parts)


def interrupted(text: str, name: str) -> str:
    """The words that were heard, with the marker that a model is shown."""
    shown = " ".join("".join(c for c in name if c not in "[]" and unicodedata.category(c)[0] != "C").split())
    return f"{text} [interrupted by {shown[:64] or '?'}]".lstrip()


def _joined(parts: list[str]) -> str:
    text = ""
    for part in parts:
        text += part if not text or _is_unspaced_end(text) else f" {part}"
    return text


def _is_unspaced_end(text: str) -> bool:
    return unicodedata.east_asian_width(text[-1]) in "WF" and not "\uac00" <= text[-1] <= "\ud7af"


def _heard_of(sentence: SaidSentence, frames: int) -> str:
    pieces = _pieces(sentence.text)
    if not pieces:
        return ""
    spoken = sentence.frames - LEADING_FRAMES - TRAILING_FRAMES
    lead = LEADING_FRAMES if spoken > 0 else 0
    total = sum(length + pause for _, length, pause in pieces) - pieces[-1][2]
    budget = (frames - lead) / max(1, spoken if spoken > 0 else sentence.frames) * total
    kept: list[str] = []
    at = 0.0
    for text, length, pause in pieces:
        at += length
        if at - length / 2 > budget:
            break
        kept.append(text)
        at += pause
    return "".join(kept)


def _pieces(text: str) -> list[tuple[str, float, float]]:
    """Words, or characters where no spaces are: the text, its length when spoken and the pause after it."""
    pieces: list[tuple[str, float, float]] = []
    for piece in _PIECE.findall(text):
        for part in _parts(piece):
            length = _length(part)
            if length or not pieces:
                pieces.append((part, length, _pause(part)))
            else:
                before, before_length, before_pause = pieces[-1]
                pieces[-1] = (before + part, before_length, max(before_pause, _pause(part)))
    return pieces


def _parts(piece: str) -> list[str]:
    """A run of characters without a space, cut between characters that are words of their own."""
    parts: list[str] = []
    for character in piece:
        joins = parts and (unicodedata.category(character)[0] in "MCP" or character.isspace() or character in "\u200d")
        if parts and (joins or not (is_unspaced(character) or is_unspaced(parts[-1][0]))):
            parts[-1] += character
        else:
            parts.append(character)
    return parts


def _length(part: str) -> float:
    words = plain(part)
    if not any(character.isalnum() for character in words):
        return 0.0
    if is_unspaced(words[0]):
        return _CHARACTER
    digits = sum(character.isdigit() for character in words)
    vowels = len(_VOWELS.findall(_SILENT_E.sub("", words.strip(".,;:!?'\"()"))))
    hangul = sum("\uac00" <= character <= "\ud7af" for character in words)
    letters = sum(character.isalpha() for character in words)
    return _WORD + _LETTER * letters + _SYLLABLE * max(1, vowels + hangul) + _DIGIT * max(0, digits - 1)


def _pause(part: str) -> float:
    end = part.rstrip(" \t\n\"'”’»)]」』）】*_")[-1:]
    return _STOP if end in _STOPS and end else _PAUSES.get(end, 0.0)
