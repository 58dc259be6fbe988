"""Reads a transcription reply of any shape into timed segments inside their piece of sound."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.speech import Segment
from bot.providers.openai.hallucinations import Quality
from bot.providers.openai.untyped import mapping, number, sequence, string

# A time this far behind the end of the piece is no time of it, whatever its unit.
_SLACK_SECONDS = 1.0
_PAUSE_SECONDS = 0.8
_MOST_WORDS = 14
_SENTENCE_END = re.compile(r"[.!?…。！？]$")

_LANGUAGES = {
    "arabic": "ar", "chinese": "zh", "czech": "cs", "danish": "da", "dutch": "nl", "english": "en", "finnish": "fi",
    "french": "fr", "german": "de", "greek": "el", "hebrew": "he", "hindi": "hi", "hungarian": "hu",
    "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "mandarin": "zh", "norwegian": "no",
    "persian": "fa", "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es",
    "swedish": "sv", "thai": "th", "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi", "cantonese": "yue",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A segment as it was replied, in seconds from the start of the piece; None where no time can be read."""

    start_seconds: float | None
    end_seconds: float | None
    text: str = field(repr=False)
    speaker: str | None = field(default=None, repr=False)
    quality: Quality = field(default_factory=Quality)


def read_heard(fields: Mapping[str, object]) -> tuple[Heard, ...]:
    """The segments of a reply; built from its words where there are only those, else its text as one segment."""
    segments = tuple(_segment(mapping(item)) for item in sequence(fields.get("segments")))
    found = tuple(segment for segment in segments if segment.text)
    found = found or tuple(_from_words(mapping(item) for item in sequence(fields.get("words"))))
    whole = (string(fields.get("text")) or "").strip()
    return found or ((Heard(start_seconds=None, end_seconds=None, text=whole),) if whole else ())


def read_language(fields: Mapping[str, object]) -> str | None:
    """A language tag, from a code or an English name; None when the server is unsure."""
    first = next(iter(sequence(fields.get("languages"))), None)
    name = string(mapping(first).get("code")) or string(first) or string(fields.get("language")) or ""
    name = name.strip().lower()
    return _LANGUAGES.get(name) or (name if re.fullmatch(r"[a-z]{2,3}(-[a-z0-9]+)*", name) else None)


def place(heard: Sequence[Heard], *, offset_seconds: float, duration_seconds: float) -> tuple[Segment, ...]:
    """Segments on the clip's clock, clamped into their piece, in order. Without believable times there is one
    segment that spans the piece."""
    if not heard:
        return ()
    if any(not _is_believable(item, duration_seconds) for item in heard):
        text = " ".join(item.text for item in heard)
        heard = (Heard(start_seconds=0.0, end_seconds=duration_seconds, text=text, speaker=_one_speaker(heard)),)
    placed: list[Segment] = []
    earliest = 0.0
    for item in sorted(heard, key=lambda item: item.start_seconds or 0.0):
        start = min(max(item.start_seconds or 0.0, earliest), duration_seconds)
        end = min(max(item.end_seconds or 0.0, start), duration_seconds)
        earliest = start
        placed.append(
            Segment(
                start_seconds=offset_seconds + start,
                end_seconds=offset_seconds + end,
                text=item.text,
                speaker=item.speaker,
            )
        )
    return tuple(placed)


def _is_believable(item: Heard, duration_seconds: float) -> bool:
    start, end = item.start_seconds, item.end_seconds
    return start is not None and end is not None and start <= end and -0.1 <= start <= duration_seconds + _SLACK_SECONDS


def _one_speaker(heard: Sequence[Heard]) -> str | None:
    speakers = {item.speaker for item in heard}
    return speakers.pop() if len(speakers) == 1 else None


def _segment(item: Mapping[str, object]) -> Heard:
    return Heard(
        start_seconds=number(item.get("start")),
        end_seconds=number(item.get("end")),
        text=(string(item.get("text")) or "").strip(),
        speaker=string(item.get("speaker")) or None,
        quality=Quality(
            no_speech_probability=number(item.get("no_speech_prob")),
            mean_log_probability=number(item.get("avg_logprob")),
            compression_ratio=number(item.get("compression_ratio")),
        ),
    )


def _from_words(items: Iterable[Mapping[str, object]]) -> list[Heard]:
    """Words as segments that end with a sentence, a pause or after fourteen words."""
    segments: list[Heard] = []
    running: list[tuple[str, float, float]] = []
    for item in items:
        word = string(item.get("word")) or string(item.get("text")) or ""
        start, end = number(item.get("start")), number(item.get("end"))
        if not word.strip() or start is None or end is None:
            continue
        if running and (start - running[-1][2] > _PAUSE_SECONDS or len(running) >= _MOST_WORDS):
            segments.append(_joined(running))
            running = []
        running.append((word, start, end))
        if _SENTENCE_END.search(word.strip()):
            segments.append(_joined(running))
            running = []
    return [*segments, _joined(running)] if running else segments


def _joined(words: Sequence[tuple[str, float, float]]) -> Heard:
    texts = [word for word, _, _ in words]
    spaced = any(text[0].isspace() for text in texts[1:])
    return Heard(
        start_seconds=words[0][1],
        end_seconds=words[-1][2],
        text=("" if spaced or _has_no_spaces(texts) else " ").join(texts).strip(),
    )


def _has_no_spaces(texts: Sequence[str]) -> bool:
    """Whether the script writes words without spaces between them: Chinese, Japanese, Thai."""
    letters = "".join(texts)
    return sum("\u0e00" <= letter <= "\u0e7f" or "\u3040" <= letter <= "\u9fff" for letter in letters) * 2 > len(
        letters
    )
