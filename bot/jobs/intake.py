"""What was accepted and is not finished yet, so that a restart loses nothing and nothing is done twice."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import read_ask, to_json
from bot.database.engine import Database
from bot.database.tables import AskRow, JobRow, PostRow
from bot.database.unfinished import drop
from bot.domain.ask import Ask
from bot.domain.clock import utc_now
from bot.domain.conversation import MessageRef
from bot.jobs.quarantine import condemn, took_back

_log = logging.getLogger(__name__)

KNOWN_FOR = timedelta(days=1)
"""How long a finished job is recognised when Discord tells of its message again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Unfinished work. `shown` is our message that shows its progress, `reply_to` the one to answer below;
    `attempts` says how often it was begun. `token` is that of the interaction that asked, sealed. `posts` is the
    outbox: which messages were sent, by their part of the answer, None where that is not known."""

    ask: Ask
    shown: MessageRef | None
    reply_to: MessageRef | None
    attempts: int
    token: bytes | None = field(default=None, repr=False)
    posts: Mapping[str, MessageRef | None] = field(default_factory=dict[str, "MessageRef | None"])


class Intake:
    """Each method is one transaction and raises MemoryFault."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._clock = clock
        self._foreign: set[str] = set()  # told of once

    async def accept(self, ask: Ask, *, reply_to: MessageRef | None, token: bytes | None = None) -> bool:
        """False: this job, or one for the same source message, was accepted before. `token`: see Accepted."""
        since = self._clock() - KNOWN_FOR
        return await self._database.write(lambda session: _accept(session, ask, reply_to, token, since))

    async def showed(self, job_id: str, message: MessageRef) -> None:
        """Where the job's progress stands."""
        place = {"shown_channel_id": message.channel_id, "shown_message_id": message.message_id}
        statement = update(AskRow).where(AskRow.job_id == job_id).values(place)
        await self._database.write(lambda session: session.execute(statement))

    async def posting(self, job_id: str, part: str) -> None:
        """A message is about to be sent, so it may have been if nothing more is heard of it."""
        row = {"job_id": job_id, "part": part, "begun_at": self._clock()}
        await self._database.write(lambda session: _posting(session, row))

    async def posted(self, job_id: str, part: str, message: MessageRef) -> None:
        """It was sent."""
        place = {"channel_id": message.channel_id, "message_id": message.message_id}
        statement = update(PostRow).where(PostRow.job_id == job_id, PostRow.part == part).values(place)
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

    async def handed_back(self, job_id: str) -> None:
        """The attempt was none: it was broken off by ourselves."""
        counts = (AskRow.job_id == job_id, AskRow.attempts > 0)
        statement = update(AskRow).where(*counts).values(attempts=AskRow.attempts - 1).returning(AskRow.attempts)

        async def work(session: AsyncSession) -> None:
            attempts = await session.scalar(statement)
            if attempts is not None and await session.get(JobRow, job_id) is None:
                await took_back(session, job_id, attempts)

        await self._database.write(work)

    async def gave_up(self, job_id: str) -> None:
        """Processes died as often as may be while they worked on it; not so where workers do that, who have a table."""
        now = self._clock()

        async def work(session: AsyncSession) -> None:
            if await session.get(JobRow, job_id) is None:
                await condemn(session, [job_id], now)

        await self._database.write(work)

    async def finished(self, job_id: str) -> None:
        """Its words go at once, with what its calls gave; that it was known stays for a day."""
        gone = {"ask": None, "token": None, "finished_at": self._clock()}

        async def work(session: AsyncSession) -> None:
            await session.execute(update(AskRow).where(AskRow.job_id == job_id).values(gone))
            await drop(session, {job_id})

        await self._database.write(work)

    async def direct_channels(self, since: datetime, *, limit: int) -> tuple[int, ...]:
        """Where direct messages asked something since then, the latest first."""
        statement = (
            select(AskRow.channel_id)
            .where(AskRow.server_id.is_(None), AskRow.source_message_id.is_not(None), AskRow.asked_at >= since)
            .group_by(AskRow.channel_id)
            .order_by(func.max(AskRow.asked_at).desc())
            .limit(limit)
        )
        found = await self._database.read(lambda session: session.scalars(statement))
        return tuple(channel_id for channel_id in found if channel_id is not None)

    async def unfinished(self) -> tuple[Accepted, ...]:
        """Oldest first."""
        return await self._database.read(lambda session: _unfinished(session, self._foreign))


async def _posting(session: AsyncSession, row: Mapping[str, object]) -> None:
    which = (PostRow.job_id == row["job_id"], PostRow.part == row["part"])
    is_wanted = await session.scalar(
        select(AskRow.job_id).where(AskRow.job_id == row["job_id"], AskRow.ask.is_not(None))
    )
    if is_wanted is not None and await session.scalar(select(PostRow.part).where(*which)) is None:
        await session.execute(insert(PostRow).values(row))


async def _accept(
    session: AsyncSession, ask: Ask, reply_to: MessageRef | None, token: bytes | None, since: datetime
) -> bool:
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
            token=token,
            reply_channel_id=reply_to and reply_to.channel_id,
            reply_message_id=reply_to and reply_to.message_id,
        )
    )
    return True


async def _unfinished(session: AsyncSession, foreign: set[str]) -> tuple[Accepted, ...]:
    rows = await session.scalars(select(AskRow).where(AskRow.ask.is_not(None)).order_by(AskRow.asked_at, AskRow.job_id))
    posts: dict[str, dict[str, MessageRef | None]] = {}
    for post in await session.scalars(select(PostRow)):
        posts.setdefault(post.job_id, {})[post.part] = _message(post.channel_id, post.message_id)
    accepted: list[Accepted] = []
    for row in rows:
        ask = None if row.ask is None else read_ask(row.ask)
        if ask is None:
            if row.job_id not in foreign:
                _log.warning("Job %s was accepted by another version, which has to finish it.", row.job_id)
            foreign.add(row.job_id)
            continue
        accepted.append(
            Accepted(
                ask=ask,
                shown=_message(row.shown_channel_id, row.shown_message_id),
                reply_to=_message(row.reply_channel_id, row.reply_message_id),
                attempts=row.attempts,
                token=row.token,
                posts=posts.get(row.job_id, {}),
            )
        )
    return tuple(accepted)


def _message(channel_id: int | None, message_id: int | None) -> MessageRef | None:
    if channel_id is None or message_id is None:
        return None
    return MessageRef(channel_id=channel_id, message_id=message_id)
