"""What hangs on a job that is not finished, and goes when it is, or when it is forgotten."""

from collections.abc import Collection

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import JobRow, OpenedFileRow, PostRow, StepRow


async def drop(session: AsyncSession, jobs: Collection[str]) -> None:
    """What the calls of these jobs gave, their messages and files, and what workers do for them."""
    for table in (StepRow, PostRow, OpenedFileRow, JobRow):
        await session.execute(delete(table).where(table.job_id.in_(jobs)))
