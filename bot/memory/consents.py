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


STRANGER = "stranger"
"""Somebody who shares no server with the bot, which is no choice of theirs: nothing is kept of them unless they said
that it may be."""


async def choose(session: AsyncSession, person_id: int, kind: str, *, is_given: bool, now: datetime) -> None:
    """Replaces what they chose before."""
    await session.merge(ConsentRow(person_id=person_id, kind=kind, is_given=is_given, chosen_at=now))


async def opted_out(session: AsyncSession, people: Collection[int]) -> frozenset[int]:
    """Those of them of whom nothing may be kept: they said so, or they are strangers and said nothing."""
    rows = await session.scalars(
        select(ConsentRow).where(ConsentRow.person_id.in_(people), ConsentRow.kind.in_((MEMORY, STRANGER)))
    )
    said = {(row.person_id, row.kind): row.is_given for row in rows}
    return frozenset(person for person in people if not said.get((person, MEMORY), (person, STRANGER) not in said))


async def is_stranger(session: AsyncSession, person_id: int) -> bool:
    """Whether they were one when they last wrote."""
    return await session.get(ConsentRow, (person_id, STRANGER)) is not None


async def know(session: AsyncSession, person_id: int) -> None:
    """They are no stranger any more."""
    await session.execute(delete(ConsentRow).where(ConsentRow.person_id == person_id, ConsentRow.kind == STRANGER))


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
    rows = await session.scalars(
        select(ConsentRow)
        .where(ConsentRow.person_id == person_id, ConsentRow.kind != STRANGER)
        .order_by(ConsentRow.kind)
    )
    return tuple((row.kind, row.is_given, row.chosen_at) for row in rows)
