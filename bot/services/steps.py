"""What one step of a run reports to those who wait for it."""

from bot.domain.events import JobEvent, NoticeRaised, RunEnded, RunListener, RunStarted, UsageRecorded
from bot.domain.media import AudioChunk


class Steps:
    """Passes on what one step of a run reports, without the frame and the sums that belong to the run itself."""

    def __init__(self, listener: RunListener) -> None:
        self._listener = listener

    def event(self, event: JobEvent) -> None:
        if not isinstance(event, RunStarted | RunEnded | UsageRecorded | NoticeRaised):
            self._listener.event(event)

    def text(self, delta: str) -> None:
        self._listener.text(delta)

    def audio(self, chunk: AudioChunk) -> None:
        self._listener.audio(chunk)


class Broadcast:
    """Steps of shared work, told to all who wait for it."""

    def __init__(self, watchers: list[RunListener]) -> None:
        self._watchers = watchers

    def event(self, event: JobEvent) -> None:
        for watcher in self._watchers:
            Steps(watcher).event(event)

    def text(self, delta: str) -> None:
        """No answer is written here."""

    def audio(self, chunk: AudioChunk) -> None:
        """Nor spoken."""


class Unwatched:
    """Nobody watches, as with work in the background."""

    def event(self, event: JobEvent) -> None:
        """Not shown."""

    def text(self, delta: str) -> None:
        """Not shown."""

    def audio(self, chunk: AudioChunk) -> None:
        """Not played."""
