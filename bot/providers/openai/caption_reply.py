"""Reads captions out of whatever a vision model replies, and finds the frame each one belongs to."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.clock import fine_time
from bot.domain.media import Frame
from bot.providers.openai.untyped import mapping, number, sequence, string

# Half of the last digit of a time as it was sent.
_TOLERANCE_SECONDS = 0.05 + 1e-6

_CLOCK = re.compile(r"(?:t\s*=\s*)?(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)\s*s?")
_TIMED_LINE = re.compile(
    r"[\s>*#\-•\[(]*(?:t\s*=\s*)?((?:\d+:)?\d+:\d+(?:\.\d+)?|\d+(?:\.\d+)?\s*s)(?![.\w])[\s\])*:–—-]*(.*)"
)
_TIME_KEYS = ("at_seconds", "t", "time", "timestamp", "seconds", "time_seconds")
_TEXT_KEYS = ("caption", "description", "text")
_EXCUSE = re.compile(
    r"\W*(i['’]?m sorry|sorry,|i (can['’]?t|cannot|am unable|am not able|won['’]?t)\b|as an ai\b"
    r"|(error|failed|failure|unable)\b.{0,24}\b(analy|process|describ|load|read|generat))",
    re.IGNORECASE,
)
_JSON_START = re.compile(r"[\[{]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """One caption as it was replied; `at_seconds` None where no time can be read. An empty text: nothing changed."""

    at_seconds: float | None
    text: str = field(repr=False)
    text_on_screen: str | None = field(repr=False)


def time_label(at_seconds: float) -> str:
    """`t=00:12.0`, from an hour on `t=1:02:03.5`. Tenths of a second, rounded."""
    return f"t={fine_time(at_seconds)}"


def read_captions(reply: str) -> tuple[Described, ...]:
    """The captions in a reply: JSON by itself, in prose, in a fence, line by line or cut off, else lines that begin
    with a time. Empty when there is none of these."""
    items = [_described(item) for value in _json_values(reply) for item in _items(value)]
    return tuple(item for item in items or _timed_lines(reply) if not _EXCUSE.match(item.text))


def read_plain(reply: str) -> Described | None:
    """A whole reply as the caption of the only frame; None when it is an excuse, or data without a caption."""
    text = " ".join(reply.split())
    if not text or text.startswith(("{", "[", "```")) or _EXCUSE.match(text):
        return None
    return Described(at_seconds=None, text=text, text_on_screen=None)


def match(frames: Sequence[Frame], described: Sequence[Described]) -> dict[int, Described]:
    """Which caption belongs to which frame, by position. By time where a caption has one that was sent; by order
    when no time fits and the counts agree. A caption at a time that was never sent is left out."""
    by_time: dict[int, Described] = {}
    for caption in described:
        position = _position(frames, caption.at_seconds, by_time)
        if position is not None:
            by_time[position] = caption
    counts_agree = len(described) == len(frames)
    if counts_agree and len(by_time) < len(frames) and (not by_time or _are_numbers(described)):
        return dict(enumerate(described))
    return by_time


def _position(frames: Sequence[Frame], at_seconds: float | None, taken: Mapping[int, object]) -> int | None:
    if at_seconds is None:
        return None
    near = [
        (abs(frame.at_seconds - at_seconds), position)
        for position, frame in enumerate(frames)
        if position not in taken and abs(frame.at_seconds - at_seconds) <= _TOLERANCE_SECONDS
    ]
    return min(near)[1] if near else None


def _are_numbers(described: Sequence[Described]) -> bool:
    """Whether the times are only the frames' numbers, counted from zero or one."""
    times = [caption.at_seconds for caption in described]
    return times in ([float(n) for n in range(len(times))], [float(n + 1) for n in range(len(times))])


def _json_values(reply: str) -> Iterator[object]:
    """Every complete JSON object or array that is not inside another one; of a cut one, its complete parts."""
    decoder = json.JSONDecoder()
    at = 0
    while (start := _JSON_START.search(reply, at)) is not None:
        try:
            value, at = decoder.raw_decode(reply, start.start())
        except (json.JSONDecodeError, RecursionError):
            at = start.end()
            continue
        yield value


def _items(value: object) -> Iterator[Mapping[str, object]]:
    """The captions in a JSON value: itself, or those in its first list of objects."""
    fields = mapping(value)
    if any(key in fields for key in _TEXT_KEYS) or "text_on_screen" in fields:
        yield fields
        return
    for nested in [value, *fields.values()]:
        for item in sequence(nested):
            if mapping(item):
                yield from _items(item)


def _described(item: Mapping[str, object]) -> Described:
    time = next((item[key] for key in _TIME_KEYS if key in item), None)
    text = next((found for key in _TEXT_KEYS if (found := string(item.get(key))) is not None), "")
    on_screen = item.get("text_on_screen")
    if isinstance(on_screen, list):
        on_screen = "\n".join(filter(None, map(string, sequence(item["text_on_screen"]))))
    return Described(
        at_seconds=_seconds(time),
        text=" ".join(text.split()),
        text_on_screen=_shown(string(on_screen)),
    )


def _shown(text: str | None) -> str | None:
    stripped = (text or "").strip()
    return None if stripped.casefold() in {"", "null", "none", "n/a"} else stripped


def _timed_lines(reply: str) -> Iterator[Described]:
    """Lines that begin with a time, and lines that follow a time on a line of its own."""
    pending: float | None = None
    for line in filter(None, map(str.strip, reply.splitlines())):
        timed = _TIMED_LINE.fullmatch(line)
        if timed is None:
            if pending is not None:
                yield Described(at_seconds=pending, text=line, text_on_screen=None)
            pending = None
        elif timed[2]:
            yield Described(at_seconds=_seconds(timed[1]), text=timed[2].strip(), text_on_screen=None)
        else:
            pending = _seconds(timed[1])


def _seconds(value: object) -> float | None:
    """A number, a number as text, or a clock time as it was sent."""
    plain = number(value)
    if plain is not None:
        return plain
    clock = _CLOCK.fullmatch((string(value) or "").strip())
    if clock is None:
        return None
    return int(clock[1] or 0) * 3600 + int(clock[2] or 0) * 60 + float(clock[3])
