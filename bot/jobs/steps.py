"""What paid calls gave, for as long as their job is not finished: whoever goes on with it does not pay again."""

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.engine import Database
from bot.database.tables import AskRow, StepRow


class Steps:
    """Each method is one transaction and raises MemoryFault."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, key: str) -> bytes | None:
        """What was kept under this key; None: nothing."""
        return await self._database.read(
            lambda session: session.scalar(select(StepRow.value).where(StepRow.key == key))
        )

    async def put(self, job_id: str, key: str, value: bytes) -> None:
        """Keep it until the job has ended. Nothing is kept for a job that was never accepted, or has ended."""
        await self._database.write(lambda session: _put(session, job_id, key, value))


async def _put(session: AsyncSession, job_id: str, key: str, value: bytes) -> None:
    is_wanted = await session.scalar(select(AskRow.job_id).where(AskRow.job_id == job_id, AskRow.ask.is_not(None)))
    if is_wanted is None or await session.scalar(select(StepRow.key).where(StepRow.key == key)) is not None:
        return
    await session.execute(insert(StepRow).values(key=key, job_id=job_id, value=value))
