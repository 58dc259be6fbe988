"""Rows of asks, as far as forgetting goes: a request whose words went is not worked on any more."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import read_ask, to_json
from bot.database.tables import AskRow
from bot.database.unfinished import drop
from bot.domain.ask import Ask
from bot.domain.conversation import MessageRef


async def blank(session: AsyncSession, which: ColumnElement[bool], now: datetime) -> set[str]:
    """Takes the words and whose they were out of these rows. That the message was known stays for a day, or it would
    be answered once more when Discord tells of it again. Gives the jobs."""
    gone = await session.scalars(
        update(AskRow)
        .where(which)
        .values(
            ask=None,
            token=None,
            asker_id=None,
            channel_id=None,
            shown_channel_id=None,
            shown_message_id=None,
            reply_channel_id=None,
            reply_message_id=None,
            finished_at=func.coalesce(AskRow.finished_at, now),
        )
        .returning(AskRow.job_id)
    )
    jobs = set(gone)
    await drop(session, jobs)
    return jobs


async def about(session: AsyncSession, is_about: Callable[[Ask], bool]) -> set[str]:
    """Jobs that wait or are worked on; few at any time, so each is read."""
    rows = await session.execute(select(AskRow.job_id, AskRow.ask).where(AskRow.ask.is_not(None)))
    read = [(job_id, None if words is None else read_ask(words)) for job_id, words in rows]
    return {job_id for job_id, ask in read if ask is not None and is_about(ask)}


async def waiting(session: AsyncSession, person_id: int) -> tuple[str, ...]:
    """What a person asked that is not answered yet, oldest first."""
    rows = await session.scalars(
        select(AskRow.ask)
        .where(AskRow.asker_id == person_id, AskRow.ask.is_not(None))
        .order_by(AskRow.asked_at, AskRow.job_id)
    )
    asks = [None if words is None else read_ask(words) for words in rows]
    return tuple(ask.question or "" for ask in asks if ask is not None)


async def edit(session: AsyncSession, message: MessageRef, question: str) -> bool:
    """The question of a request that waits, for when it is read again after a restart. False: none was changed."""
    row = await session.scalar(
        select(AskRow).where(AskRow.source_message_id == message.message_id, AskRow.ask.is_not(None))
    )
    ask = None if row is None or row.ask is None else read_ask(row.ask)
    if row is None or ask is None or ask.source != message or ask.question in (None, question):
        return False
    row.ask = to_json(replace(ask, question=question))
    return True
