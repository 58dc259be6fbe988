"""Rows of consents: what people chose for themselves everywhere. They stay when a person is forgotten: most say no."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import ConsentRow

MEMORY = "memory"
"""Whether anything of a person is kept. Nobody who did not choose has refused."""


async def choose(session: AsyncSession, person_id: int, kind: str, *, is_given: bool, now: datetime) -> None:
    """Replaces what they chose before."""
    await session.merge(ConsentRow(person_id=person_id, kind=kind, is_given=is_given, chosen_at=now))


async def opted_out(session: AsyncSession, people: Collection[int]) -> frozenset[int]:
    """Those of them of whom nothing may be kept."""
    refused = select(ConsentRow.person_id).where(
        ConsentRow.person_id.in_(people), ConsentRow.kind == MEMORY, ConsentRow.is_given.is_(False)
    )
    return frozenset(await session.scalars(refused))


async def chosen(session: AsyncSession, person_id: int) -> tuple[tuple[str, bool, datetime], ...]:
    """Each choice of a person by its name."""
    rows = await session.scalars(select(ConsentRow).where(ConsentRow.person_id == person_id).order_by(ConsentRow.kind))
    return tuple((row.kind, row.is_given, row.chosen_at) for row in rows)
