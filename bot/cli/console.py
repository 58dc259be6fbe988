"""What the person at the terminal sees while a run works: progress on stderr, the answer on stdout."""

import json
import sys
from dataclasses import asdict
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from bot.domain.events import FirstToken, JobEvent, RunEnded, Stage, StageEnded, StageProgress, StageStarted
from bot.domain.media import AudioChunk

_LABELS = {
    Stage.FETCH: "fetching the file",
    Stage.PROBE: "reading the file",
    Stage.FRAMES: "choosing frames",
    Stage.AUDIO: "cutting the sound",
    Stage.CAPTIONS: "looking",
    Stage.TRANSCRIPT: "listening",
    Stage.FUSION: "putting it together",
    Stage.ANSWER: "answering",
    Stage.SPEECH: "speaking",
    Stage.LOOK: "looking again",
}
_UNITS = {Stage.FRAMES: "frames", Stage.CAPTIONS: "frames", Stage.TRANSCRIPT: "s heard"}


class EventLog:
    """Writes each event as one JSON line: `event` (its name), `job_id`, `at_seconds`, then its own fields."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def event(self, event: JobEvent) -> None:
        self._file.write(json.dumps({"event": type(event).__name__, **asdict(event)}, ensure_ascii=False) + "\n")
        self._file.flush()


class PlainProgress:
    """One line on stderr per finished stage, for pipes and logs."""

    def __init__(self) -> None:
        self._last: dict[Stage, str] = {}

    def event(self, event: JobEvent) -> None:
        match event:
            case StageProgress():
                self._last[event.stage] = f" ({_amount(event)})"
            case StageEnded():
                print(f"{_LABELS[event.stage]}: {event.outcome}{self._last.get(event.stage, '')}", file=sys.stderr)
            case _:
                return


class LiveProgress:
    """Moving lines on a terminal; they go away when the answer begins."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[amount]}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[Stage, TaskID] = {}
        self._progress.start()

    def event(self, event: JobEvent) -> None:
        match event:
            case StageStarted():
                self._tasks[event.stage] = self._progress.add_task(_LABELS[event.stage], total=None, amount="")
            case StageProgress() if event.stage in self._tasks:
                self._progress.update(
                    self._tasks[event.stage], completed=event.done, total=event.total, amount=_amount(event)
                )
            case StageEnded() if event.stage in self._tasks:
                self._progress.update(self._tasks[event.stage], total=1, completed=1)
            case FirstToken() | RunEnded():
                self._progress.stop()
            case _:
                return


Watcher = EventLog | PlainProgress | LiveProgress


class ConsoleListener:
    """Passes events to `watchers` and the words of the answer to stdout, where they are wanted."""

    def __init__(self, *watchers: Watcher, show_text: bool) -> None:
        self._watchers = watchers
        self._show_text = show_text
        self._in_line = False

    def event(self, event: JobEvent) -> None:
        if self._in_line and isinstance(event, StageEnded) and event.stage is Stage.ANSWER:
            self._write("\n")
        for watcher in self._watchers:
            watcher.event(event)

    def text(self, delta: str) -> None:
        if self._show_text:
            self._write(delta)

    def _write(self, words: str) -> None:
        self._in_line = not words.endswith("\n")
        sys.stdout.write(words)
        sys.stdout.flush()

    def audio(self, chunk: AudioChunk) -> None:
        """Sound is written as a whole at the end."""


def progress() -> PlainProgress | LiveProgress:
    """What suits where stderr goes."""
    return LiveProgress() if sys.stderr.isatty() else PlainProgress()


def _amount(event: StageProgress) -> str:
    of = "" if event.total is None else f"/{event.total:g}"
    return f"{event.done:g}{of} {_UNITS.get(event.stage, '')}".strip()
