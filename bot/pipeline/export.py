"""A timeline as people and other programs read it: plain text, Markdown, SubRip, WebVTT, JSON."""

import html
import json
import re
from collections.abc import Iterable
from typing import Any

from bot.domain.clock import subtitle_time
from bot.domain.links import split_links
from bot.domain.moment_text import window
from bot.domain.timeline import Moment, MomentKind, Notice, Timeline
from bot.domain.visible import visible

_SUBTITLED = (MomentKind.SEEN, MomentKind.TEXT, MomentKind.HEARD, MomentKind.TONE, MomentKind.SOUND)
_SHORTEST_CUE_SECONDS = 0.5


def moment_as_json(moment: Moment) -> dict[str, Any]:
    """The JSON contract of a moment: kind, start_seconds, end_seconds, text, and speaker where known."""
    shape: dict[str, Any] = {
        "kind": moment.kind.value,
        "start_seconds": round(moment.start_seconds, 3),
        "end_seconds": round(moment.end_seconds, 3),
        "text": visible(moment.text),
    }
    if moment.speaker is not None:
        shape["speaker"] = visible(moment.speaker)
    return shape


def notice_as_json(notice: Notice) -> dict[str, str]:
    """The JSON contract of a notice: code and text."""
    return {"code": notice.code.value, "text": notice.public}


def timeline_as_json(timeline: Timeline) -> dict[str, Any]:
    """The JSON contract of a timeline."""
    return {
        "duration_seconds": round(timeline.duration_seconds, 3),
        "timeline": [moment_as_json(moment) for moment in timeline.moments],
        "notices": [notice_as_json(notice) for notice in timeline.notices],
    }


def as_text(timeline: Timeline) -> str:
    """One line per moment, in order; notices at the end."""
    lines = [_plain(moment) for moment in timeline.moments]
    lines += [f"[--] NOTICE {notice.public}" for notice in timeline.notices]
    return "\n".join(lines) + "\n" if lines else ""


def as_markdown(timeline: Timeline) -> str:
    """A table of moments and a list of notices; words from the clip are escaped."""
    lines = ["| time | what | words |", "|---|---|---|"]
    lines += [
        f"| {window(moment)} | {moment.kind.value} | {_escape_markdown(_spoken_by(moment))} |"
        for moment in timeline.moments
    ]
    if timeline.notices:
        lines += ["", *(f"- Notice: {_escape_markdown(notice.public)}" for notice in timeline.notices)]
    return "\n".join(lines) + "\n"


def as_srt(timeline: Timeline) -> str:
    """SubRip: one cue per thing seen, read or heard; speech stands bare, its tone in round brackets, all else in
    square ones."""
    cues = [
        f"{number}\n{_cue_times(moment, ',')}\n{_cue_text(moment)}\n"
        for number, moment in enumerate(timeline.of(*_SUBTITLED), start=1)
    ]
    return "\n".join(cues)


def as_vtt(timeline: Timeline) -> str:
    """WebVTT: the same cues; markup in the words is escaped (W3C WebVTT, section 4.2.2)."""
    cues = [
        f"{_cue_times(moment, '.')}\n{html.escape(_cue_text(moment), quote=False)}\n"
        for moment in timeline.of(*_SUBTITLED)
    ]
    return "\n".join(["WEBVTT\n", *cues])


def as_json(timeline: Timeline) -> str:
    """The JSON contract as an indented document."""
    return json.dumps(timeline_as_json(timeline), ensure_ascii=False, indent=2) + "\n"


FORMATS = {"text": as_text, "md": as_markdown, "srt": as_srt, "vtt": as_vtt, "json": as_json}


def _plain(moment: Moment) -> str:
    words = f" {_one_line(_spoken_by(moment))}" if moment.text else ""
    return f"[{window(moment)}] {moment.kind.value.upper()}{words}"


def _spoken_by(moment: Moment) -> str:
    return visible(f"{moment.speaker}: {moment.text}" if moment.speaker else moment.text)


def _one_line(text: str) -> str:
    return " / ".join(_lines(text))


def _lines(text: str) -> Iterable[str]:
    return (line.strip() for line in text.splitlines() if line.strip())


def _cue_times(moment: Moment, separator: str) -> str:
    end = max(moment.end_seconds, moment.start_seconds + _SHORTEST_CUE_SECONDS)
    return f"{subtitle_time(moment.start_seconds, separator=separator)} --> {subtitle_time(end, separator=separator)}"


def _cue_text(moment: Moment) -> str:
    """Blank lines and arrows would end a cue early."""
    words = "\n".join(_lines(_spoken_by(moment))).replace("-->", "→")
    match moment.kind:
        case MomentKind.HEARD:
            return words
        case MomentKind.TONE:
            return f"({words})"
        case _:
            return f"[{words}]"


def _escape_markdown(text: str) -> str:
    """Links are shown as code, which nothing makes a link of."""
    pieces = split_links(_one_line(text))
    return "".join(
        f"`{piece.replace('|', '%7C')}`" if at % 2 else re.sub(r"([\\`*_{}\[\]<>#|~@&])", r"\\\1", piece)
        for at, piece in enumerate(pieces)
    )
