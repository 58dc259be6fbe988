"""The latest failures by id: which job, where, which code, when. Never a message, in which somebody's words may be."""

import logging
import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.domain.clock import utc_now

_KEPT = 50
OURS = ("bot", "cogs")
"""The loggers of our own code."""

_JOB_ID = re.compile(r"[0-9a-f]{12}")
_CODE = re.compile(r"[A-Za-z0-9_.\-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """`job_id` None: it was no job's. `where` is a stage or the module that logged it."""

    at: datetime
    code: str
    where: str
    job_id: str | None = None


class Errors(logging.Handler):
    """The last of them. As a handler of our own loggers it keeps what is logged as an error, without its text."""

    def __init__(self, *, now: Callable[[], datetime] = utc_now) -> None:
        super().__init__(level=logging.ERROR)
        self._now = now
        self._guard = threading.Lock()
        self._kept: deque[Mishap] = deque(maxlen=_KEPT)

    def note(self, code: str, *, where: str, job_id: str | None = None) -> None:
        """One more, unless it is the latest, as whoever it passed tells of it again. What does not look like a code or
        a job is not kept as one."""
        known = job_id if job_id is not None and _JOB_ID.fullmatch(job_id) else None
        kept = Mishap(at=self._now(), code=code if _CODE.fullmatch(code) else "unnamed", where=where, job_id=known)
        with self._guard:
            latest = self._kept[-1] if self._kept else None
            if latest is None or known is None or (latest.job_id, latest.code) != (known, code):
                self._kept.append(kept)

    def emit(self, record: logging.LogRecord) -> None:
        """The kind of the exception, or the line that complained."""
        kind = record.exc_info[0] if record.exc_info else None
        first = record.args[0] if isinstance(record.args, tuple) and record.args else None
        self.note(
            f"line-{record.lineno}" if kind is None else kind.__name__,
            where=record.name,
            job_id=first if isinstance(first, str) else None,
        )

    def latest(self) -> tuple[Mishap, ...]:
        """The latest first."""
        with self._guard:
            return tuple(reversed(self._kept))
