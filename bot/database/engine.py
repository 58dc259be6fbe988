"""The open database: one connection that writes, several that read, and a wall for its errors."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bot.database import copies, faults
from bot.database.kind import kind_of
from bot.database.upgrade import upgrade
from bot.database.where import Where

Result = TypeVar("Result")
Work = Callable[[AsyncSession], Awaitable[Result]]


@asynccontextmanager
async def open_database(where: Where) -> AsyncGenerator["Database"]:
    """Made where it is missing, brought up to date, closed with the block. Raises MemoryFault."""
    await upgrade(where)
    database = Database(where)
    try:
        yield database
    finally:
        await database.close()


class Database:
    """Runs work in transactions. What has begun ends, even when whoever wanted it is cancelled meanwhile."""

    def __init__(self, where: Where) -> None:
        self._where = where
        self._kind = kind_of(where)
        self._running: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    async def read(self, work: Work[Result]) -> Result:
        """Work that sees one state of the database. Raises MemoryFault."""
        return await self._run(_transaction(self._kind.reader, work))

    async def write(self, work: Work[Result]) -> Result:
        """Work that is kept as a whole or not at all, one at a time. Raises MemoryFault."""
        return await self._run(_transaction(self._kind.writer, work))

    async def wipe(self) -> None:
        """Leave no words on disk that were deleted before. Raises MemoryFault."""
        await self._run(self._kind.wipe())

    async def drop_copies(self, *, before: datetime) -> None:
        """Delete the copies and backups that were made before this time. Raises MemoryFault."""
        await asyncio.to_thread(copies.drop, self._where, before=before)

    async def renew_copies(self) -> None:
        """Delete the copies and backups there are; where there was a backup, make a new one. What was forgotten is out
        of them when `wipe` was done before. Raises MemoryFault."""
        await self._run(copies.renew(self._where))

    async def close(self) -> None:
        """What has begun ends; what comes later is refused, or it would open the file once more."""
        self._is_closed = True
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._kind.close()

    async def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._is_closed:
            work.close()
            raise faults.fault(faults.FAILED)
        task = asyncio.create_task(work, name="database")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        with self._kind.wall():
            return await asyncio.shield(task)


async def _transaction(engine: AsyncEngine, work: Work[Result]) -> Result:
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        return await work(session)
