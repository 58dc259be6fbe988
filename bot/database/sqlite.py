"""All that is peculiar to SQLite: pragmas, locks, the file and its copies, error codes."""

import logging
import os
import sqlite3
from collections.abc import Generator
from contextlib import AbstractContextManager, closing, contextmanager
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

VERSION = sqlite3.sqlite_version
SAFE_VERSION = "3.51.3"
"""The first release in which two connections that write at once cannot damage the log (the WAL-reset bug)."""

_READERS = 4
_BUSY_SECONDS = 5
_QUEUE_SECONDS = 30
_PATIENCE = 3  # times the seconds above
_CHECKED_UP_TO_BYTES = 32 * 2**20  # about a tenth of a second; larger files are checked before a migration only
FULL_TEXT = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL TABLE%fts5%'"
_OUR_CONNECTION: dict[str, Any] = {"isolation_level": None, "timeout": _BUSY_SECONDS}  # transactions are begun below

_CODES = {
    sqlite3.SQLITE_BUSY: faults.BUSY,
    sqlite3.SQLITE_LOCKED: faults.BUSY,
    sqlite3.SQLITE_FULL: faults.FULL,
    sqlite3.SQLITE_IOERR_SHMSIZE: faults.FULL,  # no room for the index of the write-ahead log
    sqlite3.SQLITE_CORRUPT: faults.BROKEN,
    sqlite3.SQLITE_NOTADB: faults.BROKEN,
    sqlite3.SQLITE_READONLY: faults.UNWRITABLE,
    sqlite3.SQLITE_CANTOPEN: faults.UNWRITABLE,
    sqlite3.SQLITE_PERM: faults.UNWRITABLE,
}


class Sqlite:
    """The database in a file. Readers cannot write; the one writer overwrites what it deletes."""

    def __init__(self, path: Path) -> None:
        logging.getLogger("aiosqlite").setLevel(logging.WARNING)  # below that it logs the values of a statement
        self.reader = _async_engine(path, connections=_READERS)
        _set_up(self.reader.sync_engine, pragmas=("query_only=ON",), begin="BEGIN")
        self.writer = _async_engine(path, connections=1)
        pragmas = ("foreign_keys=ON", "secure_delete=ON", "synchronous=NORMAL")
        _set_up(self.writer.sync_engine, pragmas=pragmas, begin="BEGIN IMMEDIATE")
        self.sharer = self.writer

    def wall(self) -> AbstractContextManager[None]:
        """See `wall` below."""
        return wall()

    async def close(self) -> None:
        """The writer last: it empties the log."""
        await self.reader.dispose()
        await self.writer.dispose()

    async def wipe(self) -> None:
        """Write the full-text indexes anew, which only note what was deleted, then move the write-ahead log into the
        file and cut it to nothing. Raises MemoryFault while somebody still reads what was deleted."""
        async with self.writer.connect() as connection:
            driver: Any = (await connection.get_raw_connection()).driver_connection  # outside a transaction
            for (table,) in await driver.execute_fetchall(FULL_TEXT):
                await driver.execute_fetchall(f"INSERT INTO {table}({table}) VALUES ('optimize')")  # noqa: S608 # ours
            for _ in range(_PATIENCE):
                ((is_busy, _, _),) = await driver.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")
                if not is_busy:
                    return
            raise faults.fault(faults.BUSY)


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


@contextmanager
def wall() -> Generator[None]:
    """Raises MemoryFault for what the database raises."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise fault_of(error) from error


def fault_of(error: SQLAlchemyError | sqlite3.Error) -> MemoryFault:
    """Our error for one of the database's."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(cause, "sqlite_errorcode", None)  # the driver's own complaints have none
    if isinstance(error, NoConnectionFree):
        return faults.fault(faults.BUSY)
    if code is None:
        return faults.fault(faults.FAILED)
    return faults.fault(_CODES.get(code) or _CODES.get(code & 0xFF, faults.FAILED))


def connect(path: Path) -> sqlite3.Connection:
    """Past SQLAlchemy. Each statement is a transaction."""
    return sqlite3.connect(path, **_OUR_CONNECTION)


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
    with closing(connect(path)) as connection:
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


def keep_copy(path: Path, copy: Path) -> None:
    """A whole copy of the file as it is now, only for us to read; checked before and on disk afterwards."""
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(connect(path)) as connection:
        check(connection)
        connection.execute("VACUUM INTO ?", (str(copy),))
    with copy.open("rb") as written:
        os.fsync(written.fileno())
