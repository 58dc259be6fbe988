"""What could not be said because Discord did not answer: an answer, which costs nothing again, or what went wrong."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bot.domain.errors import BotError

WITHIN = timedelta(minutes=15)


@dataclass(slots=True, kw_only=True)
class _Lost:
    """`at`: for the first time."""

    at: datetime
    error: BotError | None = None


class Unsaid:
    """By job. It is tried again WITHIN that time."""

    def __init__(self) -> None:
        self._lost: dict[str, _Lost] = {}

    def check(self, job_id: str) -> None:
        """Raises what went wrong with it and is to be said."""
        lost = self._lost.get(job_id)
        if lost is not None and lost.error is not None:
            raise lost.error.with_traceback(None)

    def lose(self, job_id: str, error: BotError | None) -> bool:
        """The answer, or the `error`, could not be said. False: not now, and it will not be said any more."""
        now = datetime.now(UTC)
        lost = self._lost.setdefault(job_id, _Lost(at=now))
        lost.error = error or lost.error
        return now - lost.at < WITHIN

    def drop(self, job_id: str) -> None:
        """It was said, or is over."""
        self._lost.pop(job_id, None)

    def keep(self, job_ids: Collection[str]) -> None:
        """There are no others any more."""
        self._lost = {job_id: lost for job_id, lost in self._lost.items() if job_id in job_ids}
