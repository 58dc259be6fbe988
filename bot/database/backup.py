"""Everything that is kept, in one file of SQLite; and from such a file into an empty database of either kind."""

import asyncio
import fcntl
import os
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.database import faults, postgres, sqlite
from bot.database.kind import kind_of
from bot.database.tables import Base
from bot.database.upgrade import REVISION, revision_of, upgrade
from bot.database.where import Where
from bot.domain.errors import MemoryFault

UNFINISHED = ".unfinished-"
"""How the names of folders begin in which a backup is made or read; one is left where somebody was killed."""

PREFIX = "kibitz-"
BEGUN = "%Y%m%dT%H%M%S%fZ"
"""A backup is named by the time it was begun."""

_ROWS_AT_ONCE = 1000
_LOCK_SECONDS = 0.05


async def back_up(where: Where, file: Path | None = None) -> Path:
    """The new file, which nobody else may read; whole or not made at all. None: among the backups, named by the time.
    Whoever works with the database is not held up. Raises MemoryFault."""
    if file is not None:
        return await _back_up(where, file)
    async with alone(where):
        return await back_up_alone(where)


async def back_up_alone(where: Where) -> Path:
    """Among the backups, for whoever is `alone` there already."""
    begun = datetime.now(UTC)
    return await _back_up(where, where.backups / f"{PREFIX}{begun:{BEGUN}}.db")


@asynccontextmanager
async def alone(where: Where) -> AsyncGenerator[None]:
    """Nobody else makes or renews backups there meanwhile, in whatever process of this machine: one that was begun
    before something was forgotten would have its name only afterwards. Raises MemoryFault."""
    try:
        where.backups.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(where.directory / "backups.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise faults.fault(faults.UNWRITTEN) from error
    try:
        while not _is_locked(lock):  # noqa: ASYNC110 - another process holds it, which sets no event here
            await asyncio.sleep(_LOCK_SECONDS)
        yield
    finally:
        os.close(lock)


def _is_locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _back_up(where: Where, file: Path) -> Path:
    try:
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=file.parent) as folder:
            made = Where(directory=Path(folder))
            if where.url is None:
                await asyncio.to_thread(_copy_file, where.file, made.file)
            else:
                await _copy_server(where, made)
            await asyncio.to_thread(_put, made.file, file)
    except OSError as error:
        raise faults.fault(faults.UNWRITTEN) from error
    return file


async def restore(where: Where, file: Path) -> int:
    """Fill a database that is empty; counts the rows. A file of an older version is brought up to date on the way.
    Raises MemoryFault and leaves the database empty."""
    try:
        where.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=UNFINISHED, dir=where.directory) as folder:
            read = Where(directory=Path(folder))
            await _read(file, read)
            await upgrade(where)
            return await _copy_rows(read, where)
    except OSError as error:
        raise faults.fault(faults.UNWRITABLE) from error


def _copy_file(path: Path, copy: Path) -> None:
    with sqlite.wall():
        if not path.exists() or sqlite.revision_of(path) is None:
            raise faults.fault(faults.ABSENT)
        sqlite.keep_copy(path, copy)


async def _copy_server(where: Where, made: Where) -> None:
    revision = await revision_of(where)
    if revision != REVISION:
        raise faults.fault(faults.ABSENT if revision is None else faults.OUTDATED)
    await upgrade(made)
    await _copy_rows(where, made)


def _take(file: Path, copy: Path) -> None:
    if not file.is_file():
        raise faults.fault(faults.NO_BACKUP)
    with sqlite.wall():
        sqlite.keep_copy(file, copy)


async def _read(file: Path, read: Where) -> None:
    """Looks at a copy, since looking at a file of SQLite may change it."""
    try:
        await asyncio.to_thread(_take, file, read.file)
        if await upgrade(read) is None:
            raise faults.fault(faults.NO_BACKUP)
    except MemoryFault as fault:
        if fault.code == faults.BROKEN:
            raise faults.fault(faults.NO_BACKUP) from fault
        raise


def _put(made: Path, file: Path) -> None:
    """On disk before it has its name, so that a name never stands for half a file."""
    made.chmod(0o600)
    for path in (made, made.parent):
        _sync(path)
    made.replace(file)
    _sync(file.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _copy_rows(source: Where, target: Where) -> int:
    """One state of the source; the target has all of it or nothing. What finds texts again is made by the target."""
    reading, writing = kind_of(source), kind_of(target)
    copied = 0
    try:
        with sqlite.wall(), postgres.wall():
            async with reading.reader.begin() as old, writing.writer.begin() as new:
                await _refuse_unless_empty(new)
                for table in Base.metadata.sorted_tables:
                    rows = await old.stream(select(table))
                    async for some in rows.mappings().partitions(_ROWS_AT_ONCE):
                        await new.execute(insert(table), [dict(row) for row in some])
                        copied += len(some)
                if target.url is not None:
                    await _count_on(new)
    finally:
        await reading.close()
        await writing.close()
    return copied


async def _refuse_unless_empty(connection: AsyncConnection) -> None:
    for table in Base.metadata.sorted_tables:
        if (await connection.execute(select(table).limit(1))).first() is not None:
            raise faults.fault(faults.OCCUPIED)


async def _count_on(connection: AsyncConnection) -> None:
    """PostgreSQL counts keys up by itself, whatever keys were brought."""
    for table in Base.metadata.sorted_tables:
        if (column := table.autoincrement_column) is not None:
            counter = func.pg_get_serial_sequence(table.name, column.name)
            await connection.execute(select(func.setval(counter, select(func.max(column)).scalar_subquery())))
