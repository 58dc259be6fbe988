"""Rows of consents: what people chose for themselves everywhere. A no stays when a person is forgotten."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import ConsentRow

MEMORY = "memory"
"""Whether anything of a person is kept. Nobody who did not choose has refused."""

VOICE = "voice"
"""Whether a person is heard in voice channels. Nobody who did not choose has agreed."""


async def choose(session: AsyncSession, person_id: int, kind: str, *, is_given: bool, now: datetime) -> None:
    """Replaces what they chose before."""
    await session.merge(ConsentRow(person_id=person_id, kind=kind, is_given=is_given, chosen_at=now))


async def opted_out(session: AsyncSession, people: Collection[int]) -> frozenset[int]:
    """Those of them of whom nothing may be kept."""
    refused = select(ConsentRow.person_id).where(
        ConsentRow.person_id.in_(people), ConsentRow.kind == MEMORY, ConsentRow.is_given.is_(False)
    )
    return frozenset(await session.scalars(refused))


async def audible(session: AsyncSession, people: Collection[int]) -> frozenset[int]:
    """Those of them who agreed to be heard."""
    agreed = select(ConsentRow.person_id).where(
        ConsentRow.person_id.in_(people), ConsentRow.kind == VOICE, ConsentRow.is_given.is_(True)
    )
    return frozenset(await session.scalars(agreed))


async def unasked(session: AsyncSession, people: Collection[int]) -> frozenset[int]:
    """Those of them who never said whether they want to be heard."""
    asked = select(ConsentRow.person_id).where(ConsentRow.person_id.in_(people), ConsentRow.kind == VOICE)
    return frozenset(people) - frozenset(await session.scalars(asked))


async def withdraw(session: AsyncSession, person_id: int) -> None:
    """Takes back that they agreed to be heard; they can be asked again."""
    await session.execute(
        delete(ConsentRow).where(
            ConsentRow.person_id == person_id, ConsentRow.kind == VOICE, ConsentRow.is_given.is_(True)
        )
    )


async def chosen(session: AsyncSession, person_id: int) -> tuple[tuple[str, bool, datetime], ...]:
    """Each choice of a person by its name."""
    rows = await session.scalars(select(ConsentRow).where(ConsentRow.person_id == person_id).order_by(ConsentRow.kind))
    return tuple((row.kind, row.is_given, row.chosen_at) for row in rows)
