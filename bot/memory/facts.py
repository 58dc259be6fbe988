"""Rows of facts: what people asked to be remembered in a place, pinned until they or the place are forgotten."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import FactRow
from bot.domain.conversation import ConversationKey
from bot.domain.recollection import Fact, Scope


async def keep(session: AsyncSession, fact: Fact) -> Fact:
    """The fact with its number; what is pinned in that place word for word is there once."""
    same = select(FactRow).where(is_in(fact.key), FactRow.text == fact.text)
    row = await session.scalar(same.order_by(FactRow.fact_id).limit(1))
    if row is None:
        row = FactRow(
            server_id=fact.key.server_id,
            channel_id=fact.key.channel_id,
            author_id=fact.author_id,
            said_at=fact.said_at,
            text=fact.text,
        )
        session.add(row)
        await session.flush()
    return _fact(row)


async def pinned(session: AsyncSession, scope: Scope) -> tuple[Fact, ...]:
    """Those that may surface in a place, oldest first."""
    return await select_facts(session, or_(*map(is_in, scope.keys)))


async def newest(session: AsyncSession, scope: Scope, limit: int) -> tuple[Fact, ...]:
    """Those that were pinned last, oldest first."""
    rows = select(FactRow).where(or_(*map(is_in, scope.keys))).order_by(FactRow.fact_id.desc()).limit(limit)
    return tuple(map(_fact, (await session.scalars(rows)).all()[::-1]))


async def get(session: AsyncSession, fact_id: int) -> Fact | None:
    """None: never kept, or gone."""
    row = await session.get(FactRow, fact_id)
    return None if row is None else _fact(row)


async def count(session: AsyncSession, person_id: int, key: ConversationKey | None) -> int:
    """How many a person pinned, in one place or everywhere."""
    counting = select(func.count()).select_from(FactRow).where(FactRow.author_id == person_id)
    return await session.scalar(counting if key is None else counting.where(is_in(key))) or 0


async def select_facts(session: AsyncSession, which: ColumnElement[bool]) -> tuple[Fact, ...]:
    """Oldest first."""
    rows = await session.scalars(select(FactRow).where(which).order_by(FactRow.said_at, FactRow.fact_id))
    return tuple(map(_fact, rows))


async def drop(session: AsyncSession, facts: Sequence[Fact]) -> None:
    """Deletes rows that were read before."""
    await session.execute(delete(FactRow).where(FactRow.fact_id.in_([fact.fact_id for fact in facts])))


def is_in(key: ConversationKey) -> ColumnElement[bool]:
    """The facts of one place."""
    return (FactRow.server_id == key.server_id) & (FactRow.channel_id == key.channel_id)


def _fact(row: FactRow) -> Fact:
    return Fact(
        key=ConversationKey(server_id=row.server_id, channel_id=row.channel_id),
        author_id=row.author_id,
        said_at=row.said_at,
        text=row.text,
        fact_id=row.fact_id,
    )
