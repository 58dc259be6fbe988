"""Files at which processes died: counted while unfinished jobs open them, refused when such a job is given up."""

import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.engine import Database
from bot.database.tables import AskRow, JobRow, OpenedFileRow, QuarantineRow
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


async def took_back(session: AsyncSession, job_id: str, attempts: int) -> None:
    """Only so many attempts at a job count: what was opened at a later one was not opened then."""
    later = (OpenedFileRow.job_id == job_id) & (OpenedFileRow.times > attempts)
    await session.execute(update(OpenedFileRow).where(later).values(times=attempts))


async def acquit(session: AsyncSession, jobs: Collection[str]) -> None:
    """An attempt at these ended, and its process lives: whatever comes, it was not at each attempt that one died."""
    await session.execute(delete(OpenedFileRow).where(OpenedFileRow.job_id.in_(jobs)))


async def _admits(session: AsyncSession, job_id: str, sha256: str, now: datetime) -> bool:
    await session.execute(delete(QuarantineRow).where(QuarantineRow.until <= now))
    if await session.get(QuarantineRow, sha256) is not None:
        return False
    attempt = await session.scalar(
        select(func.coalesce(JobRow.attempts, AskRow.attempts))
        .select_from(AskRow)
        .outerjoin(JobRow, JobRow.job_id == AskRow.job_id)
        .where(AskRow.job_id == job_id, AskRow.ask.is_not(None))
    )
    if attempt:
        before = await session.get(OpenedFileRow, (job_id, sha256), with_for_update=True)
        if attempt == 1 + (0 if before is None else before.times):  # at each attempt until now, once at this one
            await session.merge(OpenedFileRow(job_id=job_id, sha256=sha256, times=attempt))
    return True
