"""What people really heard of an answer that was broken off, by the frames that were played."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.voice.plain_words import is_unspaced, plain

TRAILING_FRAMES = 8
"""Silence that is left at the end of what is voiced in one go."""

# How long parts of speech take, in syllables; from forced alignment of sentences by four synthetic voices.
_SYLLABLE = 1.0
_WORD = 0.5
_LETTER = 0.4
_CHARACTER = 2.2
"""Of scripts without spaces, and of each digit."""
_PAUSE = 2.5
_LENGTHENING = 1.0
"""Of the word before a pause."""
_SAID_FROM = 0.55
"""The share of a word after which it counts as heard."""

_PIECE = re.compile(r"\S+\s*|\s+")
_VOWELS = re.compile(r"[aeiouyäöüæøåœаеёиоуыэюяіїєαεηιουω]+")
_SILENT_E = re.compile(r"(?<=[^aeiouy])(?:e|es|ed)$")
_PAUSING = frozenset(".!?…。！？,;:，；：、—")


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
    kept = (c for c in name if c not in "[]" and (c.isspace() or unicodedata.category(c)[0] != "C"))
    shown = " ".join("".join(kept).split())
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
    spoken = max(1, sentence.frames - TRAILING_FRAMES)
    total = sum(length + pause for _, length, pause in pieces) - pieces[-1][2]
    budget = frames / spoken * total
    kept: list[str] = []
    at = 0.0
    for text, length, pause in pieces:
        at += length
        if at - length * (1 - _SAID_FROM) > budget:
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
    lengthening = _LENGTHENING if _pause(part) else 0.0
    if is_unspaced(words[0]):
        return _CHARACTER + lengthening
    digits = sum(map(str.isdigit, words))
    letters = sum(map(str.isalpha, words))
    vowels = len(_VOWELS.findall(_SILENT_E.sub("", words.strip(" .,;:!?'\"()*_"))))
    syllables = max(1, vowels + sum("\uac00" <= character <= "\ud7af" for character in words)) if letters else 0
    return _WORD + _SYLLABLE * syllables + _LETTER * letters + _CHARACTER * digits + lengthening


def _pause(part: str) -> float:
    return _PAUSE if part.rstrip(" \t\n\"'”’»)]」』）】*_")[-1:] in _PAUSING else 0.0
