"""Rows of clips: facts, what was seen and heard, and which attachment holds which clip."""

from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import ClipRow, DigestRow, FindingRow, Half, TurnClipRow
from bot.domain.conversation import MediaSource


async def have(session: AsyncSession, sha256: str, now: datetime) -> ClipRow:
    """The clip's own row, made where it is missing; everything else of the clip hangs on it."""
    row = await session.get(ClipRow, sha256)
    if row is None:
        row = ClipRow(sha256=sha256, facts=None)
        session.add(row)
    row.kept_at = now
    await session.flush()
    return row


async def facts(session: AsyncSession, sha256: str) -> str | None:
    """A MediaProbe as JSON; None: not known."""
    return await session.scalar(select(ClipRow.facts).where(ClipRow.sha256 == sha256))


async def keep_facts(session: AsyncSession, sha256: str, text: str, now: datetime) -> None:
    """Replaces what was known."""
    row = await have(session, sha256, now)
    row.facts = text


async def finding(session: AsyncSession, sha256: str, half: Half, recipe: str, now: datetime) -> str | None:
    """As JSON; None: not known, or overdue."""
    row = await session.get(FindingRow, (sha256, half, recipe))
    return None if row is None or (row.fresh_until is not None and row.fresh_until <= now) else row.value


async def keep_finding(session: AsyncSession, row: FindingRow, now: datetime) -> None:
    """Replaces what the same recipe found before."""
    await have(session, row.sha256, now)
    await session.merge(row)


async def digest(session: AsyncSession, attachment_id: int) -> str | None:
    """None: this attachment was never saved."""
    return await session.scalar(select(DigestRow.sha256).where(DigestRow.attachment_id == attachment_id))


async def keep_digest(session: AsyncSession, source: MediaSource, sha256: str, now: datetime) -> None:
    """A clip that is posted again is kept once."""
    await have(session, sha256, now)
    await session.merge(
        DigestRow(
            attachment_id=source.attachment_id,
            channel_id=source.channel_id,
            message_id=source.message_id,
            sha256=sha256,
        )
    )


async def prune(session: AsyncSession, *, before: datetime, now: datetime) -> int:
    """Deletes clips of no turn for which nothing was kept since, and findings that are overdue; counts the clips."""
    await session.execute(delete(FindingRow).where(FindingRow.fresh_until <= now))
    gone = await session.scalars(
        delete(ClipRow).where(ClipRow.kept_at < before, _is_of_no_turn()).returning(ClipRow.sha256)
    )
    return len(gone.all())


async def forget_unused(session: AsyncSession, digests: set[str]) -> None:
    """Deletes those of these clips that no turn and no attachment refers to any more."""
    for sha256 in digests:
        await session.execute(delete(ClipRow).where(ClipRow.sha256 == sha256, _is_of_no_turn(), _is_nowhere()))


def _is_of_no_turn() -> ColumnElement[bool]:
    return ~exists().where(TurnClipRow.sha256 == ClipRow.sha256)


def _is_nowhere() -> ColumnElement[bool]:
    return ~exists().where(DigestRow.sha256 == ClipRow.sha256)
