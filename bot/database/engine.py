"""The open database: one connection that writes, several that read, and a wall for its errors."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bot.database import copies, faults, postgres
from bot.database.kind import kind_of
from bot.database.upgrade import upgrade
from bot.database.where import Where

Result = TypeVar("Result")
Work = Callable[[AsyncSession], Awaitable[Result]]

_SAME = text("UPDATE alembic_version SET version_num = version_num")


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
        self._holding: set[asyncio.Task[None]] = set()
        self._is_closed = False

    async def read(self, work: Work[Result]) -> Result:
        """Work that sees one state of the database. Raises MemoryFault."""
        return await self._run(_transaction(self._kind.reader, work))

    async def write(self, work: Work[Result]) -> Result:
        """Work that is kept as a whole or not at all, one at a time. Raises MemoryFault."""
        return await self._run(_transaction(self._kind.writer, work))

    async def share(self, work: Work[Result]) -> Result:
        """As `write`, but on PostgreSQL beside whoever else writes: for work that locks the rows it changes and rests
        on no others. Raises MemoryFault."""
        return await self._run(_transaction(self._kind.sharer, work))

    async def listen(self, channel: str, heard: Callable[[], None]) -> None:
        """Until it is cancelled, `heard` is called whenever a process notifies the channel, or may have done so while
        the connection was lost. Needs a PostgreSQL."""
        if self._where.url is not None:
            await postgres.listen(self._where.url, channel, heard)

    async def turn(self, number: int, seconds: float) -> None:
        """Returns when no process has had this turn for so long; others wait as long after us. On SQLite at once, as
        there are no others. Raises MemoryFault."""
        if self._where.url is None:
            return
        begun = asyncio.Event()
        holding = asyncio.create_task(postgres.hold_turn(self._where.url, number, seconds, begun), name="turn")
        waiting = asyncio.create_task(begun.wait(), name="turn begun")
        self._holding.add(holding)
        holding.add_done_callback(self._holding.discard)
        try:
            await asyncio.wait({holding, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if holding.done():
                with self._kind.wall():
                    holding.result()
        except asyncio.CancelledError:
            holding.cancel()
            raise
        finally:
            waiting.cancel()

    @property
    def is_shared(self) -> bool:
        """Whether other processes may work with it as well."""
        return self._where.url is not None

    async def prove(self) -> None:
        """Write something that changes nothing, to know that it can be done. Raises MemoryFault."""
        await self.write(lambda session: session.execute(_SAME))

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
        for turn in self._holding:
            turn.cancel()
        await asyncio.gather(*self._holding, return_exceptions=True)
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
