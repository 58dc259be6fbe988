"""Rows in every table, also in those to come: made from the columns, and compared as a whole."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Table, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import Base

from .material import NOON

TABLES = Base.metadata.sorted_tables


async def fill(session: AsyncSession, *, rows: int = 3, words: str = "words") -> None:
    """Each row refers to the row of the same number wherever it refers to anything."""
    for table in TABLES:
        made = [
            {column.name: _value(column, number, words) for column in table.columns} for number in range(1, rows + 1)
        ]
        await session.execute(insert(table), made)


async def contents(session: AsyncSession) -> dict[str, list[tuple[Any, ...]]]:
    """By table, in the order of their keys."""
    return {table.name: await _rows(session, table) for table in TABLES}


async def _rows(session: AsyncSession, table: Table) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await session.execute(select(table).order_by(*table.primary_key.columns))]


def _value(column: Column[Any], number: int, words: str) -> object:
    for reference in column.foreign_keys:
        return _value(reference.column, number, words)
    kind = getattr(column.type, "impl_instance", column.type).python_type
    values = {
        bool: number % 2 == 1,
        bytes: f"{words} {number}".encode(),
        datetime: NOON + timedelta(minutes=number),
        float: number / 4,
        int: number,
        str: f"{number:064x}" if column.primary_key else f"{words} {number}",
    }
    return values[kind]
