"""Rows of summaries: stretches of turns in a few sentences, and whose words they rest on."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import SummaryMarkRow, SummaryRow, TurnRow
from bot.domain.conversation import ConversationKey, Turn
from bot.domain.recollection import Summary
from bot.memory import passages, records, turns
from bot.memory.parts import in_parts

PERSON = "person:"
"""How the mark of a person begins."""


def is_in(key: ConversationKey) -> ColumnElement[bool]:
    """The summaries of one place."""
    return (SummaryRow.server_id == key.server_id) & (SummaryRow.channel_id == key.channel_id)


async def read(session: AsyncSession, rows: Sequence[SummaryRow]) -> tuple[Summary, ...]:
    """The summaries of these rows, in their order."""
    people: defaultdict[int, list[int]] = defaultdict(list)
    for part in in_parts(row.summary_id for row in rows):
        is_person = SummaryMarkRow.summary_id.in_(part) & SummaryMarkRow.mark.startswith(PERSON)
        for mark in await session.scalars(select(SummaryMarkRow).where(is_person)):
            people[mark.summary_id].append(int(mark.mark.removeprefix(PERSON)))
    return tuple(
        Summary(
            key=ConversationKey(server_id=row.server_id, channel_id=row.channel_id),
            from_at=row.from_at,
            through_at=row.through_at,
            text=row.text,
            people=tuple(sorted(people[row.summary_id])),
        )
        for row in rows
    )


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
    gone = list(await session.scalars(delete(TurnRow).where(is_faded).returning(TurnRow.job_id)))
    await records.drop_of_jobs(session, gone)
    return gone


def _marks(of: Iterable[Turn]) -> set[str]:
    marks: set[str] = set()
    for turn in of:
        marks |= {f"job:{turn.job_id}", f"{PERSON}{turn.asker_id}"}
        marks |= {f"{PERSON}{person}" for person in turn.people}
        if turn.source is not None:
            marks.add(f"message:{turn.source.channel_id}:{turn.source.message_id}")
        for clip in turn.clips:
            marks |= {f"clip:{clip.sha256}", f"message:{clip.source.channel_id}:{clip.source.message_id}"}
            if clip.source.author_id:
                marks.add(f"{PERSON}{clip.source.author_id}")
    return marks
