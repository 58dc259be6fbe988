"""The notes of a call as files and as a message: summary, transcript to be read, transcript as subtitles."""

from collections.abc import Sequence

from bot.discord_io.parts import LIMIT, first
from bot.discord_io.posting import OutgoingFile
from bot.discord_io.safe_text import safe
from bot.domain.clock import clock_time
from bot.domain.timeline import Moment, MomentKind, Timeline
from bot.domain.voice_session import SpokenLine
from bot.locales import Catalogue
from bot.pipeline.export import FORMATS
from bot.services.voice_notes import Minutes

_LONGEST_SUMMARY = LIMIT - 400


def note_files(
    lines: Sequence[SpokenLine], minutes: Minutes, words: Catalogue
) -> tuple[str, tuple[OutgoingFile, OutgoingFile]]:
    """What is said with the files, and the files."""
    timeline = _timeline(lines)
    length = clock_time(timeline.duration_seconds)
    people = len({line.person_id for line in lines if line.person_id is not None})
    head = words.plural(
        "Notes of {length}, with {n} person who agreed to be heard.",
        "Notes of {length}, with {n} people who agreed to be heard.",
        people,
        length=length,
    )
    summary = safe(minutes.summary)
    if not summary:
        reason = words("This bot has no chat model that could sum it up; here is the transcript.")
        summary = words.of(minutes.problem.public) if minutes.problem else reason
    transcript = FORMATS["md"](timeline)
    document = "\n\n".join(
        [
            f"# {words('Notes')}",
            head,
            f"## {words('Summary')}",
            summary,
            f"## {words('Transcript')}",
            transcript,
        ]
    )
    shown = f"📝 **{head}**\n{first(summary, _LONGEST_SUMMARY)}"
    return shown, (
        OutgoingFile(name="notes.md", data=document.encode()),
        OutgoingFile(name="notes.srt", data=FORMATS["srt"](timeline).encode()),
    )


def _timeline(lines: Sequence[SpokenLine]) -> Timeline:
    """What was said on the clock of the call, in order."""
    said = [
        Moment(
            kind=MomentKind.HEARD,
            start_seconds=line.start_seconds,
            end_seconds=max(line.end_seconds, line.start_seconds),
            text=line.text,
            speaker=" ".join(line.name.split()),
        )
        for line in sorted(lines, key=lambda line: (line.start_seconds, line.utterance_id))
        if line.text.strip()
    ]
    return Timeline(duration_seconds=max((moment.end_seconds for moment in said), default=0.0), moments=tuple(said))
