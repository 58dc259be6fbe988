"""An answer may cite only times that stand in the timeline; others are taken out of the stream."""

import re

from bot.domain.timeline import Timeline

_TIME = r"\d{1,3}:\d{2}(?::\d{2})?(?:\.\d{1,3})?"
_TIME_RE = re.compile(rf"(?<![\d:.])({_TIME})(?![\d:])")
# A time, alone or as a window, with the brackets that make it a citation.
_BRACKETED = re.compile(rf"\s?[\[(（【]\s*(?:t\s*=\s*)?{_TIME}(?:\s*[-–—~,;]\s*{_TIME})*\s*[\])）】]")
# What may still become a citation when more text comes; only this much is held back.
_OPEN_TAIL = re.compile(r"(?:\s?[\[(（【][^\])）】\n]{0,40}|(?<![\d:.])\d[\d:.]{0,11}|\s)$")
_UNKNOWN = "?:??"
_TOLERANCE_SECONDS = 1.0


class CitationFilter:
    """Checks times in a streamed answer against a timeline.

    A time is kept when some moment holds it (within a second: answers cite whole seconds), or when the same
    characters stand in `quotable`: the words of the clip and of the question. A bracketed citation with an unknown
    time is dropped; a bare unknown time becomes `?:??`. `removed` counts both.
    """

    def __init__(self, timeline: Timeline, *, quotable: str = "", frame_times: tuple[float, ...] = ()) -> None:
        self._spans = [(moment.start_seconds, moment.end_seconds) for moment in timeline.moments]
        self._spans += [(at, at) for at in frame_times]
        self._quoted = set(_TIME_RE.findall(" ".join([quotable, *(moment.text for moment in timeline.moments)])))
        self._held = ""
        self.removed = 0

    def feed(self, delta: str) -> str:
        """Take the next piece of the stream; return what is safe to show."""
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
        return _TIME_RE.sub(self._bare, text)

    def _citation(self, match: re.Match[str]) -> str:
        if all(self._known(time) for time in _TIME_RE.findall(match.group())):
            return match.group()
        self.removed += 1
        return ""

    def _bare(self, match: re.Match[str]) -> str:
        if self._known(match.group(1)):
            return match.group()
        self.removed += 1
        return _UNKNOWN

    def _known(self, time: str) -> bool:
        if time in self._quoted:
            return True
        seconds = 0.0
        for part in time.split(":"):
            seconds = seconds * 60 + float(part)
        return any(start - _TOLERANCE_SECONDS < seconds < end + _TOLERANCE_SECONDS for start, end in self._spans)
