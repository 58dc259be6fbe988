"""The open database: one connection that writes, several that read, and a wall for its errors."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from bot.database import faults
from bot.database.sqlite import copies_of, empty_log, fault_of, reader_engine, writer_engine
from bot.database.upgrade import upgrade

Result = TypeVar("Result")
Work = Callable[[AsyncSession], Awaitable[Result]]


@asynccontextmanager
async def open_database(path: Path) -> AsyncGenerator["Database"]:
    """Made where it is missing, brought up to date, closed with the block. Raises MemoryFault."""
    logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # below that it logs the values of a statement
    await asyncio.to_thread(upgrade, path)
    database = Database(path)
    try:
        yield database
    finally:
        await database.close()


class Database:
    """Runs work in transactions. What has begun ends, even when whoever wanted it is cancelled meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._reader = reader_engine(path)
        self._writer = writer_engine(path)
        self._running: set[asyncio.Task[Any]] = set()
        self._is_closed = False

    async def read(self, work: Work[Result]) -> Result:
        """Work that sees one state of the database. Raises MemoryFault."""
        return await self._run(_transaction(self._reader, work))

    async def write(self, work: Work[Result]) -> Result:
        """Work that is kept as a whole or not at all, one at a time. Raises MemoryFault."""
        return await self._run(_transaction(self._writer, work))

    async def wipe(self) -> None:
        """Leave no words on disk that were deleted before. Raises MemoryFault."""
        await self._run(empty_log(self._writer))

    async def drop_copies(self, *, before: datetime) -> None:
        """Delete the copies that migrations kept before this time."""

        def drop() -> None:
            for copy in copies_of(self._path):
                if copy.stat().st_mtime < before.timestamp():
                    copy.unlink()

        await asyncio.to_thread(drop)

    async def close(self) -> None:
        """What has begun ends; what comes later is refused, or it would open the file once more."""
        self._is_closed = True
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._reader.dispose()
        await self._writer.dispose()  # last: it empties the log

    async def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self._is_closed:
            work.close()
            raise faults.fault(faults.FAILED)
        task = asyncio.create_task(work, name="database")
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except (SQLAlchemyError, sqlite3.Error) as error:
            raise fault_of(error) from error


async def _transaction(engine: AsyncEngine, work: Work[Result]) -> Result:
    async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
        return await work(session)
