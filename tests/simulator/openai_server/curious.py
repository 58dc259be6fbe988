"""A mind that answers about clips from the evidence alone, and looks again where that leaves something out."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from tests.simulator.openai_server.images import SeenImage
from tests.simulator.openai_server.minds import (
    HeardSegment,
    HonestMind,
    SeenPicture,
    describe_picture,
    read_text,
    read_times,
)
from tests.simulator.openai_server.records import ChatCall, TranscriptionCall
from tests.simulator.openai_server.sound import HeardAudio
from tests.simulator.openai_server.tools import Made

_LINE = re.compile(r"\[(?P<start>[\d:.]+)(?:[-–](?P<end>[\d:.]+))?\] (?P<kind>[A-Z]+) (?P<text>\".*\")")
_LENGTH = re.compile(r"Length of the clip: ([\d:.]+)")
_COLOUR = re.compile(r"\b(red|orange|yellow|green|cyan|blue|purple|pink|brown|white|black|grey)\b")
_QUOTED = re.compile(r"[\"“]([^\"”]+)[\"”]")
_SHOWN = re.compile(r"The picture is (\w+)")
UNKNOWN = "The clip does not say."
_ASKS = "Somebody wants to know"


@dataclass(frozen=True, slots=True)
class _Known:
    """A line of the evidence."""

    start: float
    end: float
    kind: str
    text: str

    @property
    def colour(self) -> str:
        shown = _SHOWN.match(self.text)
        return shown[1] if shown else self.text

    @property
    def clock(self) -> str:
        return f"[{int(self.start) // 60}:{int(self.start) % 60:02d}]"


class CuriousMind(HonestMind):
    """Knows what it was told and nothing else. Text in pictures is read only where somebody asked for a closer look.
    `calls`: what it calls for instead of what it would itself, one list per request. `voices` are the speakers of
    sentences it has learnt."""

    def __init__(self, *, calls: Sequence[Sequence[Made]] | None = None) -> None:
        super().__init__()
        self.voices: dict[str, str] = {}
        self._calls = None if calls is None else list(calls)

    def look(self, images: Sequence[SeenImage], call: ChatCall) -> list[SeenPicture]:
        is_asked = _ASKS in call.text
        return [
            SeenPicture(
                caption=describe_picture(image.open()), text_on_screen=read_text(image.data) if is_asked else None
            )
            for image in images
        ]

    def listen(self, audio: HeardAudio, call: TranscriptionCall) -> list[HeardSegment]:
        return [replace(segment, speaker=self.voices.get(segment.text, "A")) for segment in super().listen(audio, call)]

    def act(self, call: ChatCall) -> tuple[Made, ...]:
        if self._calls is not None:
            return tuple(self._calls.pop(0)) if self._calls else ()
        told = _told(call)
        if any(message["role"] == "tool" for message in call.messages) or self._find(told, call) is not None:
            return ()
        length = _LENGTH.search(call.text)
        if length is None:
            return ()
        start, end = _stretch(_question(call), read_times(length[1])[0])
        arguments: dict[str, Any] = {"clip": 1, "start": start, "end": end, "question": _question(call)}
        return (Made("look", json.dumps(arguments)),)

    def answer(self, call: ChatCall) -> str:
        return self._find(_told(call), call) or UNKNOWN

    def _find(self, told: list[_Known], call: ChatCall) -> str | None:
        """The answer as far as the evidence has one."""
        question = _question(call).lower()
        seen = [one for one in told if one.kind == "SEEN"]
        read = [one for one in told if one.kind == "TEXT"]
        heard = [one for one in told if one.kind == "HEARD"]
        quote = _QUOTED.search(question)
        colour = _COLOUR.search(question)
        times = read_times(question)
        if question.startswith("who") and quote:
            return next((f"{_speaker(one)} {one.clock}." for one in heard if _says(one, quote[1])), None)
        if question.startswith("when") and quote:
            return next((f"At {one.clock}." for one in [*heard, *read] if _says(one, quote[1])), None)
        if question.startswith("when") and colour:
            return next((f"At {one.clock}." for one in seen if one.colour == colour[1]), None)
        if "text" in question or "written" in question:
            start, end = _stretch(question, max((one.end for one in told), default=0.0))
            shown = [one for one in read if one.start <= end and one.end >= start]
            return " ".join(f"{one.text} {one.clock}." for one in shown) or None
        if quote and ("after" in question or "before" in question):
            said = next((one for one in heard if _says(one, quote[1])), None)
            if said is None:
                return None
            if "after" in question:
                picks = [one for one in seen if one.start >= said.end - 0.05]
                return f"{picks[0].colour} {picks[0].clock}." if picks else None
            picks = [one for one in seen if one.end <= said.start + 0.05]
            return f"{picks[-1].colour} {picks[-1].clock}." if picks else None
        if colour and ("after" in question or "before" in question):
            shown = [one for place, one in enumerate(seen) if not place or one.colour != seen[place - 1].colour]
            at = next((place for place, one in enumerate(shown) if one.colour == colour[1]), None)
            if at is None:
                return None
            next_at = at + (1 if "after" in question else -1)
            return f"{shown[next_at].colour} {shown[next_at].clock}." if 0 <= next_at < len(shown) else None
        if "said" in question or "say" in question:
            if colour:
                spans = [one for one in seen if one.colour == colour[1]]
                heard = [one for one in heard if any(s.start <= one.start < s.end for s in spans)]
            elif times:
                heard = [one for one in heard if one.start - 0.5 <= times[0] <= one.end + 0.5]
            return " ".join(f"{one.text} {one.clock}." for one in heard) or None
        if times:
            shown = [one for one in seen if one.start <= times[0] < one.end]
            return f"{shown[-1].colour} {shown[-1].clock}." if shown else None
        if "end" in question and seen:
            return f"{seen[-1].colour} {seen[-1].clock}."
        return " ".join(f"{one.colour} {one.clock}." for one in seen) or None


def _told(call: ChatCall) -> list[_Known]:
    """The lines of evidence, those of later looks among them, in order of time."""
    found: list[_Known] = []
    for match in map(_LINE.match, call.text.splitlines()):
        if match is not None:
            start = read_times(match["start"])[0]
            end = read_times(match["end"])[0] if match["end"] else start
            found.append(_Known(start, end, match["kind"], json.loads(match["text"])))
    return sorted(found, key=lambda one: one.start)


def _question(call: ChatCall) -> str:
    """What stands after the evidence in the message of the person."""
    content = next(message["content"] for message in call.messages if message["role"] == "user")
    text = content if isinstance(content, str) else content[-1]["text"]
    return text.rpartition("\n\n")[2]


def _stretch(question: str, length: float) -> tuple[float, float]:
    """Which part of the clip a question is about."""
    times = read_times(question)
    if times:
        return max(0.0, times[0] - 0.5), min(length, times[0] + 0.5)
    if "end" in question:
        return max(0.0, length - 2.0), length
    if "start" in question or "beginning" in question:
        return 0.0, min(length, 2.0)
    return 0.0, length


def _says(one: _Known, words: str) -> bool:
    return words.strip().strip(".").lower() in one.text.lower()


def _speaker(one: _Known) -> str:
    who, colon, _ = one.text.partition(": ")
    return who if colon else "Somebody"
