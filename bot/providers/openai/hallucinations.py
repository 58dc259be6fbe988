"""Tells invented transcripts from spoken ones: recognisers make up text on music, noise and silence.

The rules and limits are Whisper's own where it has them; most servers send no quality fields, so the text itself and
the loudness of the piece must do.
"""

import math
import re
import zlib
from dataclasses import dataclass

import numpy as np

NO_SPEECH_PROBABILITY = 0.6
LOWEST_LOG_PROBABILITY = -1.0
HIGHEST_COMPRESSION = 2.4
QUIET_DBFS = -45.0
LONG_PIECE_SECONDS = 8.0

_SHORTEST_ECHO_WORDS = 4
_LOOP = re.compile(r"(?P<phrase>\b\w.{2,80}?)(?:[\s,.!?…、。！？]*(?P=phrase)){3,}", re.DOTALL)
_WORD_LOOP = re.compile(r"(?P<word>\b\w{1,20})(?:[\s,.!?…、。！？]+(?P=word)\b){6,}")
_LOOP_SHARE = 0.6

# Credits of subtitle files and channels: nobody says only this in a clip.
_CREDITS = re.compile(
    r"""
      amara\.org | opensubtitles | subtitles?\ by\b | subtitled\ by\b | captions?\ by\b | transcri(bed|ption)\ by\b
    | thank(s|\ you)(\ so\ much|\ very\ much)?\ for\ (watching|viewing|listening) | please\ subscribe
    | (like\ and\ )?subscribe\ to\ (my|our|the)\ channel | see\ you\ in\ the\ next\ (video|one)
    | untertitel(ung)?\b.*(zdf|ard|swr|wdr|ndr|funk|amara|von|im\ auftrag) | vielen\ dank\ f[üu]rs\ zuschauen
    | danke\ f[üu]rs\ zuschauen | copyright\ (wdr|swr|ndr)
    | sous[\ -]titr\w*\ .*(communaut|radio-canada|soci[ée]t[ée]|par) | merci\ d['’]avoir\ regard[ée]
    | subt[íi]tulos\ .*(comunidad|por|realizados) | gracias\ por\ ver
    | legendas\ pela\ comunidade | obrigad[oa]\ por\ assistir | sottotitoli\ .*(comunit|a\ cura|creati) | grazie\ per
    \ aver\ guardato
    | ご視聴ありがとうございました | ご清聴ありがとうございました | チャンネル登録
    | 字幕(由|提供|组|組|志愿|翻訳|作成|制作)
    | 시청해\s*주셔서\s*감사합니다 | 구독과\s*좋아요 | 자막\s*(제공|제작)
    | 请不吝点赞 | 感谢(您的)?(观看|收看|收听) | 謝謝(觀看|收看|大家) | 谢谢(观看|收看) | 多謝您?收看 | 中文字幕
    | субтитры\ (сделал|создавал|подготов|делал)\w* | продолжение\ следует | спасибо\ за\ просмотр
    """,
    re.IGNORECASE | re.VERBOSE,
)
_LONGEST_CREDIT = 90

# Courtesies: often real, and what a recogniser writes when it hears nothing.
_COURTESIES = frozenset(
    {
        "thank you", "thank you very much", "thanks", "you", "bye", "bye bye", "okay", "so", "the end",
        "vielen dank", "danke", "tschüss", "ja", "merci", "au revoir", "gracias", "adiós", "obrigado", "grazie",
        "ありがとうございました", "ありがとうございます", "はい", "감사합니다", "네", "谢谢", "謝謝",
        "谢谢大家", "拜拜", "嗯", "спасибо",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """What a recogniser says about a segment itself; None where the server sends no such field."""

    no_speech_probability: float | None = None
    mean_log_probability: float | None = None
    compression_ratio: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What is known about the piece a segment is from. `is_whole` says that the segment is all of its text."""

    duration_seconds: float
    loudness_dbfs: float
    is_whole: bool
    prompt: str = ""


def is_invented(text: str, quality: Quality, around: Surroundings) -> bool:
    """Whether the segment was most likely never said."""
    return (
        _unheard(quality)
        or _compression(text, quality) > HIGHEST_COMPRESSION
        or _loops(text)
        or _echoes(text, around.prompt)
        or _is_phantom(text, around)
    )


def loudness_dbfs(pcm: bytes) -> float:
    """Root mean square of 16-bit little-endian samples in dB below full scale; -inf for digital silence."""
    samples = np.frombuffer(pcm, dtype="<i2", count=len(pcm) // 2).astype(np.float64)
    power = float(np.mean(np.square(samples))) if samples.size else 0.0
    return 10 * math.log10(power / 32768.0**2) if power else -math.inf


def _unheard(quality: Quality) -> bool:
    return (
        quality.no_speech_probability is not None
        and quality.mean_log_probability is not None
        and quality.no_speech_probability > NO_SPEECH_PROBABILITY
        and quality.mean_log_probability < LOWEST_LOG_PROBABILITY
    )


def _compression(text: str, quality: Quality) -> float:
    if quality.compression_ratio is not None:
        return quality.compression_ratio
    encoded = text.encode()
    return len(encoded) / len(zlib.compress(encoded))


def _loops(text: str) -> bool:
    """Whether one phrase, said over and over, is most of the text."""
    longest = max((len(match[0]) for loop in (_LOOP, _WORD_LOOP) for match in loop.finditer(text)), default=0)
    return longest > _LOOP_SHARE * len(text.strip())


def _echoes(text: str, prompt: str) -> bool:
    """Whether the text only repeats what was given as a prompt."""
    words = _words(text)
    return len(words.split()) >= _SHORTEST_ECHO_WORDS and words in _words(prompt)


def _is_phantom(text: str, around: Surroundings) -> bool:
    is_quiet = around.loudness_dbfs < QUIET_DBFS
    if not (around.is_whole or is_quiet):
        return False
    words = _words(text)
    if len(words) <= _LONGEST_CREDIT and _CREDITS.search(words) is not None:
        return True
    return words in _COURTESIES and (is_quiet or around.duration_seconds >= LONG_PIECE_SECONDS)


def _words(text: str) -> str:
    """Lower case, single spaces, no punctuation except inside words."""
    return " ".join(word.strip(" .,!?…:;\"'()[]-–—♪*。！？、，") for word in text.casefold().split()).strip()
