"""An answer may cite only times that stand in the timeline, all written as 0:42; others are taken out of the stream."""

import re
from collections.abc import Iterable

from bot.domain.clock import clock_time
from bot.domain.timeline import Moment, Timeline

_CLOCK = r"\d{1,3}[:：]\d{2}(?:[:：]\d{2})?(?:\.\d{1,3})?"
_SECONDS = r"(?:\d{1,2}\s?m(?:in)?\s?)?\d{1,4}(?:\.\d{1,3})?\s?(?:s(?:ec(?:ond)?s?)?\b|秒)"
_CLOCK_RE = re.compile(rf"(?<![\d:：.])({_CLOCK})(?![\d:：])")
_ANY_TIME_RE = re.compile(rf"(?<![\d:：.])({_CLOCK}|{_SECONDS}|\d{{1,4}}\.\d{{1,3}})(?![\d:：])")
# A time, alone or as a window, with the brackets that make it a citation.
_TIME = rf"(?:at\s+|t\s?=\s?|第)?(?:{_CLOCK}|{_SECONDS}|(?<=t=)\d{{1,4}}\.\d{{1,3}})"
_BRACKETED = re.compile(rf"\s?[\[(（【]\s*{_TIME}(?:\s*[-–—~,;]\s*{_TIME})*\s*[\])）】]")
# Seconds are a time only where they say when, not how long.
_AT_SECONDS = re.compile(rf"(\bat |\bt ?= ?|第)({_SECONDS}|(?<==)\d{{1,4}}\.\d{{1,3}})", re.IGNORECASE)
_PART = re.compile(r"\d+(?:\.\d+)?")
# What may still become a time when more text comes; only this much is held back.
_OPEN_TAIL = re.compile(
    r"(?:\s?[\[(（【][^\])）】\n]{0,40}"
    r"|(?:\bat? ?|\bt ?=? ?|第)?(?<![\d:：.])\d[\d:：.]{0,11}(?: ?[a-z]{0,7})"
    r"|\b(?:at?|t) ?=? ?|第|\s)$",
    re.IGNORECASE,
)
_UNKNOWN = "?:??"
_TOLERANCE_SECONDS = 1.0


class CitationFilter:
    """Checks times in a streamed answer against a timeline.

    A time is kept when some moment holds it (within a second: answers cite whole seconds), or when the same
    characters stand in `quotable`: the words of the clip and of the question. Quoted characters stay as they are, other
    clock times become whole seconds: `[00:42.3]` is `[0:42]`. A bracketed citation with an unknown time is dropped; a
    bare unknown time becomes `?:??`. `removed` counts both. With `frame_times`, the times of pictures that the model
    saw itself, bare times are left alone unless they count tenths: it may have read them in a picture. Without a
    timeline no time is a citation, and all are left alone.
    """

    def __init__(self, timeline: Timeline | None, *, quotable: str = "", frame_times: tuple[float, ...] = ()) -> None:
        self._checks = timeline is not None
        timeline = timeline or Timeline(duration_seconds=0.0)
        self._spans = [(moment.start_seconds, moment.end_seconds) for moment in timeline.moments]
        self._spans += [(at, at) for at in frame_times]
        self._reads_itself = bool(frame_times)
        self._quoted = set(_CLOCK_RE.findall(" ".join([quotable, *(moment.text for moment in timeline.moments)])))
        self._held = ""
        self.removed = 0

    def learn(self, moments: Iterable[Moment]) -> None:
        """These were found meanwhile and may be cited as well."""
        for moment in moments:
            self._spans.append((moment.start_seconds, moment.end_seconds))
            self._quoted.update(_CLOCK_RE.findall(moment.text))

    def feed(self, delta: str) -> str:
        """Take the next piece of the stream; return what is safe to show."""
        if not self._checks:
            return delta
        text = self._held + delta
        tail = _OPEN_TAIL.search(text)
        cut = tail.start() if tail else len(text)
        self._held = text[cut:]
        return self._checked(text[:cut])

    def finish(self) -> str:
        """The end of the stream: return what was held back."""
        rest, self._held = self._held, ""
        return self._checked(rest)

    def _checked(self, text: str) -> str:
        text = _BRACKETED.sub(self._citation, text)
        if self._reads_itself:
            return _CLOCK_RE.sub(self._seen, text)
        text = _AT_SECONDS.sub(self._at_seconds, text)
        return _CLOCK_RE.sub(self._bare, text)

    def _citation(self, match: re.Match[str]) -> str:
        if all(self._known(time) for time in _ANY_TIME_RE.findall(match.group())):
            return _CLOCK_RE.sub(lambda time: self._shown(time.group(1)), match.group())
        self.removed += 1
        return ""

    def _at_seconds(self, match: re.Match[str]) -> str:
        if self._known(match.group(2)):
            return match.group()
        self.removed += 1
        return match.group(1) + _UNKNOWN

    def _bare(self, match: re.Match[str]) -> str:
        if self._known(match.group(1)):
            return self._shown(match.group(1))
        self.removed += 1
        return _UNKNOWN

    def _seen(self, match: re.Match[str]) -> str:
        time = match.group(1)
        return self._shown(time) if "." in time and self._known(time) else time

    def _shown(self, time: str) -> str:
        return time if time in self._quoted else clock_time(_seconds(time))

    def _known(self, time: str) -> bool:
        if time in self._quoted:
            return True
        seconds = _seconds(time)
        return any(start - _TOLERANCE_SECONDS < seconds < end + _TOLERANCE_SECONDS for start, end in self._spans)


def _seconds(time: str) -> float:
    seconds = 0.0
    for part in _PART.findall(time):
        seconds = seconds * 60 + float(part)
    return seconds
