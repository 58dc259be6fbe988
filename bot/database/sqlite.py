"""All that is peculiar to SQLite: pragmas, locks, the file and its copies, error codes."""

import logging
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.database import faults
from bot.domain.errors import MemoryFault

_log = logging.getLogger(__name__)

_READERS = 4
_BUSY_SECONDS = 5
_QUEUE_SECONDS = 30
_CHECKED_UP_TO_BYTES = 32 * 2**20  # about a tenth of a second; larger files are checked before a migration only
_OUR_CONNECTION: dict[str, Any] = {"isolation_level": None, "timeout": _BUSY_SECONDS}  # transactions are begun below

_CODES = {
    sqlite3.SQLITE_BUSY: faults.BUSY,
    sqlite3.SQLITE_LOCKED: faults.BUSY,
    sqlite3.SQLITE_FULL: faults.FULL,
    sqlite3.SQLITE_CORRUPT: faults.BROKEN,
    sqlite3.SQLITE_NOTADB: faults.BROKEN,
    sqlite3.SQLITE_READONLY: faults.UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: faults.UNWRITABLE,
    sqlite3.SQLITE_PERM: faults.UNWRITABLE,
}


def reader_engine(path: Path) -> AsyncEngine:
    """Some connections that cannot write; each transaction sees the database as it was when it began."""
    engine = _async_engine(path, connections=_READERS)
    _set_up(engine.sync_engine, pragmas=("query_only=ON",), begin="BEGIN")
    return engine


def writer_engine(path: Path) -> AsyncEngine:
    """The one connection that writes; transactions queue for it, and what they delete is overwritten."""
    engine = _async_engine(path, connections=1)
    pragmas = ("foreign_keys=ON", "secure_delete=ON", "synchronous=NORMAL")
    _set_up(engine.sync_engine, pragmas=pragmas, begin="BEGIN IMMEDIATE")
    return engine


def migration_engine(path: Path) -> Engine:
    """For changes of the schema, which take the file for themselves and do not follow foreign keys."""
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args=_OUR_CONNECTION, hide_parameters=True)
    _set_up(engine, pragmas=("secure_delete=ON",), begin="BEGIN IMMEDIATE")
    return engine


def _async_engine(path: Path, *, connections: int) -> AsyncEngine:
    return create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        connect_args=_OUR_CONNECTION,
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_QUEUE_SECONDS,
    )


def _set_up(engine: Engine, *, pragmas: tuple[str, ...], begin: str) -> None:
    def connected(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    event.listen(engine, "connect", connected)
    event.listen(engine, "begin", begun)


async def empty_log(engine: AsyncEngine) -> None:
    """Move the write-ahead log into the file and cut it to nothing, so that no deleted words stay in it."""
    async with engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).driver_connection
        await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")  # outside a transaction


def fault_of(error: SQLAlchemyError | sqlite3.Error) -> MemoryFault:
    """Our error for one of the database's."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)  # the driver's own complaints have none
    if isinstance(error, NoConnectionFree):
        return faults.fault(faults.BUSY)
    return faults.fault(faults.FAILED if code is None else _CODES.get(code & 0xFF, faults.FAILED))


def make_private(path: Path) -> None:
    """Create the file and its folder where they are missing; nobody but us may read them. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    for place, mode in ((path.parent, 0o700), (path, 0o600)):
        try:
            place.chmod(mode)
        except PermissionError:
            _log.warning("The data folder or its database belongs to another account; it may be readable to others.")


def revision_of(path: Path) -> str | None:
    """What the file says it is: None is empty. Raises MemoryFault where it is damaged or not ours, sqlite3.Error."""
    with closing(sqlite3.connect(path, **_OUR_CONNECTION)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        if path.stat().st_size <= _CHECKED_UP_TO_BYTES:
            check(connection)
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not tables:
            return None
        if "alembic_version" not in tables:
            raise faults.fault(faults.BROKEN)
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        if row is None:
            raise faults.fault(faults.BROKEN)
        return str(row[0])


def check(connection: sqlite3.Connection) -> None:
    """Raises MemoryFault where pages or rows are damaged."""
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise faults.fault(faults.BROKEN)


def keep_copy(path: Path, revision: str) -> Path:
    """A whole copy beside the file, named by its revision and the time; checked before and on disk afterwards."""
    copy = path.with_name(f"{path.name}.{revision}.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.copy")
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path, **_OUR_CONNECTION)) as connection:
        check(connection)
        connection.execute("VACUUM INTO ?", (str(copy),))
    with copy.open("rb") as written:
        os.fsync(written.fileno())
    return copy


def copies_of(path: Path) -> list[Path]:
    """The copies beside the file."""
    return sorted(path.parent.glob(f"{path.name}.*.copy"))
