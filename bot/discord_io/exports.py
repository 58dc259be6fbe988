"""Timelines, transcripts and frames as files and lines for a message."""

from dataclasses import replace

from bot.discord_io.posting import OutgoingFile
from bot.domain.clock import clock_time
from bot.domain.timeline import MomentKind, Timeline
from bot.locales import Catalogue
from bot.pipeline.export import FORMATS
from bot.services.chat import Done

_LONGEST_ALT_TEXT = 1024


def timeline_line(done: Done, words: Catalogue) -> str:
    """What a timeline holds, in one line."""
    moments = sum(len(timeline.moments) for timeline in done.timelines)
    seconds = sum(timeline.duration_seconds for timeline in done.timelines)
    length = clock_time(seconds)
    return words.plural("{n} moment in {length}.", "{n} moments in {length}.", moments, length=length)


def exports(done: Done, form: str) -> list[OutgoingFile]:
    """Each timeline as a file of this form (see pipeline/export)."""
    return [
        OutgoingFile(name=_name("timeline", number, done, form), data=FORMATS[form](timeline).encode())
        for number, timeline in enumerate(done.timelines, start=1)
    ]


def transcripts(done: Done) -> list[OutgoingFile]:
    """Only what was said, to be read and as subtitles; none of a clip without speech."""
    files: list[OutgoingFile] = []
    for number, timeline in enumerate(done.timelines, start=1):
        heard = replace(timeline, moments=timeline.of(MomentKind.HEARD))
        if not heard.moments:
            continue
        files += [
            OutgoingFile(name=_name("transcript", number, done, form), data=FORMATS[form](heard).encode())
            for form in ("md", "srt")
        ]
    return files


def pictures(done: Done, words: Catalogue) -> list[OutgoingFile]:
    """The storyboards, each with a text for those who do not see it."""
    files: list[OutgoingFile] = []
    for number, board in enumerate(done.storyboards, start=1):
        times = ", ".join(clock_time(at) for at in board.at_seconds)
        described = words("Frames of the clip at {times}", times=times)[:_LONGEST_ALT_TEXT]
        name = "storyboard.png" if len(done.storyboards) == 1 else f"storyboard-{number}.png"
        files.append(OutgoingFile(name=name, data=board.png, description=described))
    return files


def spoken_lines(done: Done, words: Catalogue) -> str:
    """A transcript as people read it: one line per stretch of speech, each with its time."""
    lines = [line for timeline in done.timelines for line in _lines(timeline)]
    return "\n".join(lines) or words("There is no speech in it.")


def _lines(timeline: Timeline) -> list[str]:
    return [
        f"[{clock_time(moment.start_seconds)}] {f'{moment.speaker}: ' if moment.speaker else ''}{moment.text}"
        for moment in timeline.of(MomentKind.HEARD)
    ]


def _name(kind: str, number: int, done: Done, form: str) -> str:
    return f"{kind}.{form}" if len(done.timelines) == 1 else f"{kind}-{number}.{form}"
