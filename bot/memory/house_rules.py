"""Rows of blocks and standing: what whoever runs the bot decided, and how backups went."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import to_json
from bot.database.tables import BlockRow, StandingRow
from bot.domain.clock import utc_now
from bot.domain.standing import BackupReport, Block, BlockKind, Pause, Standing
from bot.memory.plugin_records import Transacts

Value = TypeVar("Value")

_PAUSE = "pause"
_BACKUP = "backup"
_FORGOTTEN = "forgotten"

_PAUSES = TypeAdapter(Pause)
_BACKUPS = TypeAdapter(BackupReport)
_TIMES = TypeAdapter(datetime)


class HouseRules:
    """Each method is one transaction and raises MemoryFault; every process reads the same."""

    def __init__(self, database: Transacts, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock

    async def standing(self) -> Standing:
        """Who is kept out, and whether the bot is paused."""
        return await self._database.read(_standing)

    async def blocks(self) -> tuple[Block, ...]:
        """The oldest first."""
        return await self._database.read(_blocks)

    async def block(self, kind: BlockKind, subject_id: int) -> None:
        """What was blocked before keeps its time."""
        now = self._clock()
        await self._database.write(lambda session: _block(session, kind, subject_id, now))

    async def unblock(self, kind: BlockKind, subject_id: int) -> bool:
        """False: it was not blocked."""
        return await self._database.write(lambda session: _unblock(session, kind, subject_id))

    async def pause(self, reason: str) -> None:
        """In place of an earlier pause."""
        value = to_json(Pause(since=self._clock(), reason=reason))
        await self._database.write(lambda session: note(session, _PAUSE, value))

    async def resume(self) -> bool:
        """False: it was not paused."""
        return await self._database.write(lambda session: _drop(session, _PAUSE))

    async def backup(self) -> BackupReport:
        """As it was noted last."""
        found = await self._database.read(lambda session: _noted(session, _BACKUP, _BACKUPS))
        return found or BackupReport()

    async def note_backup(self, report: BackupReport) -> None:
        await self._database.write(lambda session: note(session, _BACKUP, to_json(report)))

    async def forgotten_at(self) -> datetime | None:
        """When words were last forgotten by hand, in whatever process."""
        return await self._database.read(lambda session: _noted(session, _FORGOTTEN, _TIMES))


async def note(session: AsyncSession, name: str, value: str) -> None:
    """In place of what was noted by this name; takes JSON."""
    await session.merge(StandingRow(name=name, value=value))


async def note_forgotten(session: AsyncSession, now: datetime) -> None:
    """Backups that were begun before may hold words that are forgotten."""
    await note(session, _FORGOTTEN, to_json(now))


async def _standing(session: AsyncSession) -> Standing:
    blocked = await _blocks(session)
    return Standing(
        people=frozenset(block.subject_id for block in blocked if block.kind is BlockKind.PERSON),
        servers=frozenset(block.subject_id for block in blocked if block.kind is BlockKind.SERVER),
        pause=await _noted(session, _PAUSE, _PAUSES),
    )


async def _blocks(session: AsyncSession) -> tuple[Block, ...]:
    """Kinds that another version wrote are left out."""
    rows = await session.scalars(select(BlockRow).order_by(BlockRow.since, BlockRow.subject_id))
    known = [row for row in rows if row.kind in set(BlockKind)]
    return tuple(Block(kind=BlockKind(row.kind), subject_id=row.subject_id, since=row.since) for row in known)


async def _block(session: AsyncSession, kind: BlockKind, subject_id: int, now: datetime) -> None:
    if await session.get(BlockRow, (kind.value, subject_id)) is None:
        session.add(BlockRow(kind=kind.value, subject_id=subject_id, since=now))


async def _unblock(session: AsyncSession, kind: BlockKind, subject_id: int) -> bool:
    row = await session.get(BlockRow, (kind.value, subject_id))
    if row is not None:
        await session.delete(row)
    return row is not None


async def _drop(session: AsyncSession, name: str) -> bool:
    found = await session.get(StandingRow, name)
    await session.execute(delete(StandingRow).where(StandingRow.name == name))
    return found is not None


async def _noted(session: AsyncSession, name: str, kind: TypeAdapter[Value]) -> Value | None:
    """None as well where another version wrote it."""
    row = await session.get(StandingRow, name)
    try:
        return None if row is None else kind.validate_json(row.value)
    except ValidationError:
        return None
