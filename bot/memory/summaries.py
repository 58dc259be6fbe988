"""Rows of summaries: stretches of turns in a few sentences, and whose words they rest on."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import SummaryMarkRow, SummaryRow, TurnRow
from bot.domain.conversation import ConversationKey, Turn
from bot.domain.recollection import Summary
from bot.memory import passages, turns


async def due(session: AsyncSession, key: ConversationKey, *, keep_recent: int, batch: int) -> tuple[Turn, ...]:
    """The oldest turns of a place that are in no summary, without its newest; none until there are `batch` of them."""
    waiting = await session.scalars(
        select(TurnRow)
        .where(turns.is_in(key), TurnRow.is_summarised.is_(False), TurnRow.answer != "")
        .order_by(TurnRow.asked_at, TurnRow.job_id)
        .limit(keep_recent + batch)
    )
    rows = waiting.all()
    return await turns.read(session, rows[:batch]) if len(rows) == keep_recent + batch else ()


async def keep(session: AsyncSession, summary: Summary, of: Sequence[Turn]) -> bool:
    """False: one of the turns is gone meanwhile or says something else now, and the summary would hold what it said."""
    jobs = {turn.job_id: (turn.question, turn.answer) for turn in of}
    there = await session.execute(
        select(TurnRow.job_id, TurnRow.question, TurnRow.answer).where(TurnRow.job_id.in_(jobs))
    )
    if {job_id: (question, answer) for job_id, question, answer in there} != jobs:
        return False
    row = SummaryRow(
        server_id=summary.key.server_id,
        channel_id=summary.key.channel_id,
        from_at=summary.from_at,
        through_at=summary.through_at,
        text=summary.text,
    )
    session.add(row)
    await session.flush()
    session.add_all(SummaryMarkRow(summary_id=row.summary_id, mark=mark) for mark in sorted(_marks(of)))
    await passages.index_summary(session, row.summary_id, summary)
    await session.execute(update(TurnRow).where(TurnRow.job_id.in_(jobs)).values(is_summarised=True))
    return True


async def fade(session: AsyncSession, before: datetime) -> list[str]:
    """Drops turns that are as old, part of a summary, and did not come back since; gives their jobs. Turns that were
    about a clip stay: by them it is known where the clip may surface."""
    is_faded: ColumnElement[bool] = and_(
        TurnRow.is_summarised,
        TurnRow.asked_at < before,
        or_(TurnRow.used_at.is_(None), TurnRow.used_at < before),
        ~turns.is_about_a_clip(),
    )
    gone = await session.scalars(delete(TurnRow).where(is_faded).returning(TurnRow.job_id))
    return list(gone)


def _marks(of: Iterable[Turn]) -> set[str]:
    marks: set[str] = set()
    for turn in of:
        marks |= {f"job:{turn.job_id}", f"person:{turn.asker_id}"}
        marks |= {f"person:{person}" for person in turn.people}
        if turn.source is not None:
            marks.add(f"message:{turn.source.channel_id}:{turn.source.message_id}")
        for clip in turn.clips:
            marks |= {f"clip:{clip.sha256}", f"message:{clip.source.channel_id}:{clip.source.message_id}"}
            if clip.source.author_id:
                marks.add(f"person:{clip.source.author_id}")
    return marks
