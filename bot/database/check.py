"""Whether a database is whole: its pages, its references, its full-text indexes, its version."""

import asyncio
import sqlite3
from contextlib import closing

from sqlalchemy import Connection, ForeignKeyConstraint, Select, exists, func, select

from bot.database import faults, postgres, sqlite
from bot.database.tables import Base
from bot.database.upgrade import REVISION, revision_of
from bot.database.where import Where
from bot.domain.errors import MemoryFault


async def problems_of(where: Where) -> tuple[str, ...]:
    """A sentence each; none where all is well. Others may work with the database meanwhile. Raises MemoryFault where
    it cannot be looked at."""
    try:
        revision = await revision_of(where)
    except MemoryFault as fault:
        if fault.code == faults.BROKEN and where.url is None:
            return (fault.public,)
        raise
    if revision is None:
        raise faults.fault(faults.ABSENT)
    if revision != REVISION:
        return (faults.fault(faults.NEWER if revision > REVISION else faults.OUTDATED).public,)
    if where.url is None:
        return await asyncio.to_thread(_of_file, where)
    with postgres.wall():
        async with postgres.alone_with_indexes(where.url) as connection:
            return await connection.run_sync(_of_server)


def _of_file(where: Where) -> tuple[str, ...]:
    with sqlite.wall(), closing(sqlite.connect(where.file)) as connection:
        found = [f"Damage: {line}" for (line,) in connection.execute("PRAGMA integrity_check") if line != "ok"]
        lost: dict[tuple[str, str], int] = {}
        for table, _, other, _ in connection.execute("PRAGMA foreign_key_check"):
            lost[table, other] = lost.get((table, other), 0) + 1
        found += [_lost(table, other, rows) for (table, other), rows in lost.items()]
        for (table,) in connection.execute(sqlite.FULL_TEXT).fetchall():
            try:
                connection.execute(f"INSERT INTO {table}({table}, rank) VALUES ('integrity-check', 1)")  # noqa: S608 # ours
            except sqlite3.DatabaseError as error:
                if sqlite.fault_of(error).code != faults.BROKEN:
                    raise
                found.append(f"The full-text index {table} does not match its table.")
    return tuple(found)


def _of_server(connection: Connection) -> tuple[str, ...]:
    found = [f"The index {index} is not valid." for (index,) in connection.exec_driver_sql(postgres.INVALID_INDEXES)]
    found += [
        f"The reference {name} of {table} was never checked."
        for table, name in connection.exec_driver_sql(postgres.UNCHECKED_REFERENCES)
    ]
    for table in Base.metadata.sorted_tables:
        for reference in table.foreign_key_constraints:
            rows = connection.scalar(_orphans(reference)) or 0
            if rows:
                found.append(_lost(table.name, reference.referred_table.name, rows))
    return tuple(found)


def _orphans(reference: ForeignKeyConstraint) -> Select[int]:
    pairs = [(element.parent, element.column) for element in reference.elements]
    parent_is_there = exists().where(*(child == parent for child, parent in pairs))
    return (
        select(func.count())
        .select_from(reference.table)
        .where(*(child.is_not(None) for child, _ in pairs), ~parent_is_there)
    )


def _lost(table: str, other: str, rows: int) -> str:
    return f"{rows} of {table} refer to {other} that are gone."
