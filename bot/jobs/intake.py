"""What was accepted and is not finished yet, so that a restart loses nothing and nothing is done twice."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import read_ask, to_json
from bot.database.engine import Database
from bot.database.tables import AskRow
from bot.domain.ask import Ask
from bot.domain.conversation import MessageRef

_log = logging.getLogger(__name__)

KNOWN_FOR = timedelta(days=1)
"""How long a finished job is recognised when Discord tells of its message again."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Unfinished work. `shown` is our message that shows its progress, `reply_to` the one to answer below;
    `attempts` says how often it was begun."""

    ask: Ask
    shown: MessageRef | None
    reply_to: MessageRef | None
    attempts: int


class Intake:
    """Each method is one transaction and raises MemoryFault."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = _now) -> None:
        self._database = database
        self._clock = clock

    async def accept(self, ask: Ask, *, reply_to: MessageRef | None) -> bool:
        """False: this job, or one for the same source message, was accepted before."""
        since = self._clock() - KNOWN_FOR
        return await self._database.write(lambda session: _accept(session, ask, reply_to, since))

    async def showed(self, job_id: str, message: MessageRef) -> None:
        """Where the job's progress stands."""
        place = {"shown_channel_id": message.channel_id, "shown_message_id": message.message_id}
        statement = update(AskRow).where(AskRow.job_id == job_id).values(place)
        await self._database.write(lambda session: session.execute(statement))

    async def claimed(self, job_id: str) -> int:
        """Counts an attempt, from 1. 0: finished or forgotten meanwhile, so not to be done."""
        statement = (
            update(AskRow)
            .where(AskRow.job_id == job_id, AskRow.ask.is_not(None))
            .values(attempts=AskRow.attempts + 1)
            .returning(AskRow.attempts)
        )
        return await self._database.write(lambda session: session.scalar(statement)) or 0

    async def finished(self, job_id: str) -> None:
        """Its words go at once; that it was known stays for a day."""
        statement = update(AskRow).where(AskRow.job_id == job_id).values(ask=None, finished_at=self._clock())
        await self._database.write(lambda session: session.execute(statement))

    async def unfinished(self) -> tuple[Accepted, ...]:
        """Oldest first."""
        return await self._database.read(_unfinished)


async def _accept(session: AsyncSession, ask: Ask, reply_to: MessageRef | None, since: datetime) -> bool:
    await session.execute(delete(AskRow).where(AskRow.finished_at < since))
    is_known = AskRow.job_id == ask.job_id
    if ask.source is not None:
        is_known |= AskRow.source_message_id == ask.source.message_id
    if await session.scalar(select(AskRow.job_id).where(is_known)) is not None:
        return False
    session.add(
        AskRow(
            job_id=ask.job_id,
            server_id=ask.key.server_id,
            channel_id=ask.key.channel_id,
            asker_id=ask.asker_id,
            asked_at=ask.asked_at,
            source_message_id=ask.source and ask.source.message_id,
            ask=to_json(ask),
            attempts=0,
            reply_channel_id=reply_to and reply_to.channel_id,
            reply_message_id=reply_to and reply_to.message_id,
        )
    )
    return True


async def _unfinished(session: AsyncSession) -> tuple[Accepted, ...]:
    rows = await session.scalars(select(AskRow).where(AskRow.ask.is_not(None)).order_by(AskRow.asked_at, AskRow.job_id))
    accepted: list[Accepted] = []
    for row in rows:
        ask = None if row.ask is None else read_ask(row.ask)
        if ask is None:
            _log.warning("Job %s was accepted by another version, which has to finish it.", row.job_id)
            continue
        accepted.append(
            Accepted(
                ask=ask,
                shown=_message(row.shown_channel_id, row.shown_message_id),
                reply_to=_message(row.reply_channel_id, row.reply_message_id),
                attempts=row.attempts,
            )
        )
    return tuple(accepted)


def _message(channel_id: int | None, message_id: int | None) -> MessageRef | None:
    if channel_id is None or message_id is None:
        return None
    return MessageRef(channel_id=channel_id, message_id=message_id)
