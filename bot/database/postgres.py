"""All that is peculiar to PostgreSQL: connections, one writer at a time, error codes."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import Connection, NullPool, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.database import faults
from bot.domain.errors import MemoryFault

_log = logging.getLogger(__name__)

_READERS = 4
_SHARERS = 2
_CONNECT_SECONDS = 10
_COMMAND_SECONDS = 60
_QUEUE_SECONDS = 30
_AGAIN_SECONDS = 0.05
_AGAIN_LISTENING_SECONDS = 1.0
_SERVER_SETTINGS = {
    "application_name": "kibitz",
    "jit": "off",  # compiling takes longer than any statement of ours
    "lock_timeout": f"{_QUEUE_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",  # what a machine that is gone has locked
}

_ONE_WRITER = 0x4B69_6269_747A
"""The advisory lock of whoever writes or migrates; any number, but the same in every version."""

_ONE_AT_INDEXES = _ONE_WRITER + 1

_TURNS = 0x4B69
"""The first half of the advisory locks of turns; the second is a number."""

_TABLES = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
_INDEXES = """
SELECT quote_ident(c.relname) FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_am m ON m.oid = c.relam
WHERE c.relnamespace = current_schema()::regnamespace AND """
_FULL_TEXT = f"{_INDEXES} m.amname = 'gin'"
_LEFT_OVER = f"{_INDEXES} NOT i.indisvalid AND c.relname ~ '_cc(new|old)[0-9]*$'"  # by who was killed writing one anew
INVALID_INDEXES = f"{_INDEXES} NOT i.indisvalid AND c.relname !~ '_cc(new|old)[0-9]*$'"
UNCHECKED_REFERENCES = """
SELECT t.relname, c.conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
WHERE c.connamespace = current_schema()::regnamespace AND c.contype = 'f' AND NOT c.convalidated"""

_CODES = {
    "25006": faults.UNWRITABLE,  # read-only transaction, as on a standby
    "42501": faults.UNWRITABLE,  # insufficient privilege
    "28000": faults.REFUSED,
    "28P01": faults.REFUSED,
    "3D000": faults.MISSING,
    "40001": faults.BUSY,  # serialization failure
    "40P01": faults.BUSY,  # deadlock
    "53300": faults.BUSY,  # too many connections
    "55P03": faults.BUSY,  # lock not available
    "53100": faults.FULL,
    "XX001": faults.BROKEN,
    "XX002": faults.BROKEN,
    "57P01": faults.UNREACHABLE,  # shut down by its administrator
    "57P02": faults.UNREACHABLE,  # shut down by a crash
    "57P03": faults.UNREACHABLE,  # still starting
}


class Postgres:
    """The database behind a URL. Several processes may work with it; one of them writes at a time."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.reader = _engine(url, connections=_READERS, isolation="REPEATABLE READ").execution_options(
            postgresql_readonly=True
        )
        self.writer = _engine(url, connections=1, isolation="READ COMMITTED")
        self.sharer = _engine(url, connections=_SHARERS, isolation="READ COMMITTED")
        event.listen(self.writer.sync_engine, "begin", wait_for_other_writers)

    def wall(self) -> AbstractContextManager[None]:
        """See `wall` below."""
        return wall()

    async def close(self) -> None:
        """Leave the server."""
        await self.reader.dispose()
        await self.writer.dispose()
        await self.sharer.dispose()

    async def wipe(self) -> None:
        """Take deleted rows out of the tables and write the full-text indexes anew, from which a vacuum takes no words.
        Nobody is held up meanwhile. What stands in the server's own log and backups is out of our reach."""
        async with alone_with_indexes(self._url) as connection:
            for (unfinished,) in (await connection.exec_driver_sql(_LEFT_OVER)).all():
                await connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY {unfinished}")
            tables = (await connection.exec_driver_sql(_TABLES)).scalars()
            await connection.exec_driver_sql(f"VACUUM {', '.join(tables)}")
            for (index,) in (await connection.exec_driver_sql(_FULL_TEXT)).all():
                await connection.exec_driver_sql(f"REINDEX INDEX CONCURRENTLY {index}")


def wait_for_other_writers(connection: Connection) -> None:
    """Until the end of the transaction nobody else writes; what they wrote before is seen by the next statement."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ONE_WRITER})")


@asynccontextmanager
async def maintenance(url: str) -> AsyncGenerator[AsyncEngine]:
    """One connection at a time, for work that may take long."""
    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"dsn": url, "timeout": _CONNECT_SECONDS, "server_settings": _SERVER_SETTINGS},
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        poolclass=NullPool,
    )
    try:
        yield engine
    finally:
        await engine.dispose()


async def listen(url: str, channel: str, heard: Callable[[], None]) -> None:
    """See Database.listen. The connection is made anew whenever it is lost."""
    while True:
        try:
            with wall():
                async with maintenance(url) as engine, engine.connect() as connection:
                    await _listen(connection, channel, heard)
        except MemoryFault as fault:
            _log.warning("not told of what other processes do: %s", fault.code)
        await asyncio.sleep(_AGAIN_LISTENING_SECONDS)


async def hold_turn(url: str, number: int, seconds: float, begun: asyncio.Event) -> None:
    """See Database.turn."""
    async with maintenance(url) as engine, engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        take = f"SELECT pg_try_advisory_lock({_TURNS}, {number:d})"
        while not (await connection.exec_driver_sql(take)).scalar():  # noqa: ASYNC110 - another process holds it
            await asyncio.sleep(_AGAIN_SECONDS)
        begun.set()
        await asyncio.sleep(seconds)


async def _listen(connection: AsyncConnection, channel: str, heard: Callable[[], None]) -> None:
    """Until the connection is lost."""
    driver: Any = (await connection.get_raw_connection()).driver_connection
    lost = asyncio.Event()

    def told(*_: object) -> None:
        heard()

    def gone(_: object) -> None:
        lost.set()

    driver.add_termination_listener(gone)
    await driver.add_listener(channel, told)
    heard()
    await lost.wait()


@asynccontextmanager
async def alone_with_indexes(url: str) -> AsyncGenerator[AsyncConnection]:
    """A connection whose statements are transactions of their own, while nobody else writes an index anew. It asks
    again and again instead of waiting, because an index that is written anew waits for everybody who waits."""
    async with maintenance(url) as engine, engine.connect() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for _ in range(round(_QUEUE_SECONDS / _AGAIN_SECONDS)):
            if (await connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_ONE_AT_INDEXES})")).scalar():
                break
            await asyncio.sleep(_AGAIN_SECONDS)
        else:
            raise faults.fault(faults.BUSY)
        yield connection


def revision_of(connection: Connection) -> str | None:
    """What the database says it is: None is empty. Raises MemoryFault where it is not ours."""
    tables = set(connection.exec_driver_sql("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"))
    if not tables:
        return None
    if ("alembic_version",) not in tables:
        raise faults.fault(faults.BROKEN)
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        raise faults.fault(faults.BROKEN)
    return str(row[0])


def keep_no_samples(connection: Connection) -> None:
    """Let the planner gather no statistics of columns in which words of people stand: they would be samples of them."""
    columns = connection.exec_driver_sql(_WITHOUT_ORDER).fetchall()
    for table, column in columns:
        connection.exec_driver_sql(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET STATISTICS 0')


_WITHOUT_ORDER = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
AND a.atttypid IN ('text'::regtype, 'bytea'::regtype, 'tsvector'::regtype)
AND NOT EXISTS (
  SELECT FROM pg_index i JOIN pg_class o ON o.oid = i.indexrelid JOIN pg_am m ON m.oid = o.relam
  WHERE i.indrelid = c.oid AND m.amname = 'btree' AND a.attnum = ANY (i.indkey)
)
"""
"""Columns of text that no ordinary index is over; those that have one hold keys."""


@contextmanager
def wall() -> Generator[None]:
    """Raises MemoryFault for what the server, or the way to it, raises. The server repeats values in its messages, so
    only the name and the code of its error go on."""
    try:
        yield
    except OSError as error:
        raise faults.fault(faults.UNREACHABLE) from error
    except SQLAlchemyError as error:
        cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
        if isinstance(cause, sqlite3.Error):  # from the other side of a copy
            raise
        state: str | None = getattr(cause, "sqlstate", None)
        name = type(cause.__cause__ or cause).__name__  # that of the driver, below the one of its adapter
        raise faults.fault(_code_of(error, name, state)) from RuntimeError(f"{name}, SQLSTATE {state}")


def _code_of(error: SQLAlchemyError, name: str, state: str | None) -> str:
    if isinstance(error, NoConnectionFree):
        return faults.BUSY
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return faults.UNREACHABLE
    if state is None:
        return faults.UNREACHABLE if name == "ClientConfigurationError" else faults.FAILED  # such as a wrong sslmode
    return faults.UNREACHABLE if state.startswith("08") else _CODES.get(state, faults.FAILED)


def _engine(url: str, *, connections: int, isolation: str) -> AsyncEngine:
    """The URL is read by the driver, which knows what libpq knows: sslmode, a socket as host, several hosts."""
    return create_async_engine(
        "postgresql+asyncpg://",
        connect_args={
            "dsn": url,
            "timeout": _CONNECT_SECONDS,
            "command_timeout": _COMMAND_SECONDS,
            "server_settings": _SERVER_SETTINGS,
        },
        hide_parameters=True,
        isolation_level=isolation,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_QUEUE_SECONDS,
        pool_pre_ping=True,
    )
