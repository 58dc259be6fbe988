"""Files at which processes died: counted while unfinished jobs open them, refused when such a job is given up."""

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.engine import Database
from bot.database.tables import AskRow, OpenedFileRow, QuarantineRow
from bot.domain.clock import utc_now
from bot.domain.errors import MediaError
from bot.jobs.order import MOST_ATTEMPTS

_log = logging.getLogger(__name__)

_LASTS = timedelta(days=1)


class Quarantine:
    """For whoever opens files."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def check(self, job_id: str, sha256: str) -> None:
        """A file is about to be opened for a job. Raises MediaError where it must not be, MemoryFault."""
        now = self._clock()
        if not await self._database.write(lambda session: _admits(session, job_id, sha256, now)):
            raise MediaError(
                "media_quarantined",
                "I was stopped several times while I worked on this file, so I do not open it for a day. "
                "Send another one.",
            )


async def condemn(session: AsyncSession, jobs: Collection[str], now: datetime) -> None:
    """These jobs are given up because processes died: what was opened each time is not opened again for a day."""
    opened_each_time = OpenedFileRow.job_id.in_(jobs) & (OpenedFileRow.times >= MOST_ATTEMPTS)
    for sha256 in set(await session.scalars(select(OpenedFileRow.sha256).where(opened_each_time))):
        _log.error("a file at which processes died %d times is not opened for a day", MOST_ATTEMPTS)
        await session.merge(QuarantineRow(sha256=sha256, until=now + _LASTS))


async def _admits(session: AsyncSession, job_id: str, sha256: str, now: datetime) -> bool:
    await session.execute(delete(QuarantineRow).where(QuarantineRow.until <= now))
    if await session.get(QuarantineRow, sha256) is not None:
        return False
    is_wanted = await session.scalar(select(AskRow.job_id).where(AskRow.job_id == job_id, AskRow.ask.is_not(None)))
    if is_wanted is not None:
        before = await session.get(OpenedFileRow, (job_id, sha256))
        times = 1 if before is None else before.times + 1
        await session.merge(OpenedFileRow(job_id=job_id, sha256=sha256, times=times))
    return True
