"""What goes because it is old: everywhere after the operator's time, earlier where a place wants it so."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import (
    AskRow,
    ClipRow,
    DigestRow,
    PluginRecordRow,
    QuarantineRow,
    ReplyRow,
    SummaryRow,
    TurnClipRow,
    TurnRow,
)
from bot.domain.recollection import Forgotten
from bot.memory import clips, records, settings
from bot.memory.parts import in_parts
from bot.memory.posts import clips_of, given_with

KNOWN_FOR = timedelta(days=1)
"""How long a finished job is recognised."""

Table = type[TurnRow] | type[SummaryRow] | type[PluginRecordRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limit:
    """Words as old as this go in the places that `holds` selects."""

    before: datetime
    holds: Callable[[Table], ColumnElement[bool]]


async def prune(session: AsyncSession, *, turns_before: datetime, clips_before: datetime, now: datetime) -> Forgotten:
    """Facts stay: whoever pinned them wants them kept; so do settings of places that plugins keep. Of a clip that turns
    of a place were about goes what nobody else refers to when they go."""
    jobs: set[str] = set()
    gone: set[str] = set()
    resting = recorded = 0
    for limit in await _limits(session, turns_before, now):
        is_old = limit.holds(TurnRow) & (TurnRow.asked_at < limit.before)
        old = set(await session.scalars(select(TurnRow.job_id).where(is_old)))
        gone |= await _drop(session, old, limit.before)
        recorded += await records.drop_of_jobs(session, old)
        jobs |= old
        ended = limit.holds(SummaryRow) & (SummaryRow.through_at < limit.before)
        dropped = await session.scalars(delete(SummaryRow).where(ended).returning(SummaryRow.summary_id))
        resting += len(dropped.all())
        is_over = limit.holds(PluginRecordRow) & (PluginRecordRow.kept_at < limit.before)
        recorded += await records.drop(session, is_over & records.is_of_somebody())
    is_of_no_turn = ~exists().where(TurnRow.job_id == ReplyRow.job_id)
    await session.execute(delete(ReplyRow).where(ReplyRow.kept_at < turns_before, is_of_no_turn))
    is_done = (AskRow.finished_at < now - KNOWN_FOR) | (AskRow.asked_at < turns_before)
    await session.execute(delete(AskRow).where(is_done))
    await session.execute(delete(QuarantineRow).where(QuarantineRow.until <= now))
    gone |= await clips.prune(session, before=clips_before, now=now)
    return Forgotten(jobs=frozenset(jobs), clips=frozenset(gone), resting=resting, records=recorded)


async def _limits(session: AsyncSession, longest: datetime, now: datetime) -> list[_Limit]:
    """The operator's, and those of places that keep for a shorter time; a channel's own goes over its server's."""
    days = await settings.everywhere(session, "keep_days")
    limits = [_Limit(before=longest, holds=lambda _table: true())]
    for (server_id, channel_id), count in days.items():
        before = now - timedelta(days=int(str(count)))
        if before > longest:
            own = [channel for server, channel in days if server == server_id and channel is not None]
            limits.append(_Limit(before=before, holds=_in_place(server_id, channel_id, own)))
    return limits


def _in_place(server_id: int | None, channel_id: int | None, own: list[int]) -> Callable[[Table], ColumnElement[bool]]:
    def holds(table: Table) -> ColumnElement[bool]:
        is_there = table.channel_id.not_in(own) if channel_id is None else table.channel_id == channel_id
        return (table.server_id == server_id) & is_there

    return holds


async def _drop(session: AsyncSession, jobs: set[str], before: datetime) -> set[str]:
    """These turns with the links to their messages; gives the digests of clips that went with them."""
    about = await clips_of(session, jobs)
    attachments = await given_with(session, jobs)
    for part in in_parts(jobs):
        shown = select(TurnClipRow.attachment_id).where(TurnClipRow.job_id.in_(part))
        attachments.update(await session.scalars(shown))
        await session.execute(delete(ReplyRow).where(ReplyRow.job_id.in_(part)))
        await session.execute(delete(TurnRow).where(TurnRow.job_id.in_(part)))
    await clips.drop_looks(session, about)
    is_used = exists().where(TurnClipRow.sha256 == DigestRow.sha256)
    is_old = exists().where(ClipRow.sha256 == DigestRow.sha256, ClipRow.kept_at < before)
    for part in in_parts(attachments):
        posted = DigestRow.attachment_id.in_(part)
        about.update(
            await session.scalars(delete(DigestRow).where(posted, is_old, ~is_used).returning(DigestRow.sha256))
        )
    unused = await clips.unused(session, about)
    for part in in_parts(unused):
        await session.execute(delete(ClipRow).where(ClipRow.sha256.in_(part)))
    return unused
