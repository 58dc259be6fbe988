"""Rows of clips: facts, what was seen and heard, and which attachment holds which clip."""

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import read_looks, to_json
from bot.database.tables import ClipRow, DigestRow, FindingRow, Half, PassageRow, TurnClipRow
from bot.domain.conversation import MediaSource, MessageRef
from bot.domain.timeline import Moment
from bot.domain.understanding import Look
from bot.memory import passages
from bot.memory.parts import in_parts

_MOST_LOOKS = 20


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


async def keep_finding(session: AsyncSession, row: FindingRow, moments: Iterable[Moment], now: datetime) -> None:
    """Replaces what the same recipe found before; what is found of this half from now on are these moments."""
    await have(session, row.sha256, now)
    await session.merge(row)
    await passages.index_half(session, row.sha256, Half(row.half), moments)


async def keep_look(session: AsyncSession, sha256: str, recipe: str, look: Look, now: datetime) -> None:
    """Beside those that were kept before; the newest stay."""
    before = await finding(session, sha256, Half.LOOKS, recipe, now)
    looks = (*(read_looks(before) if before else ()), look)[-_MOST_LOOKS:]
    row = FindingRow(sha256=sha256, half=Half.LOOKS, recipe=recipe, value=to_json(looks), fresh_until=None)
    await keep_finding(session, row, [moment for kept in looks for moment in kept.moments], now)


async def drop_looks(session: AsyncSession, digests: Collection[str]) -> None:
    """What was asked when a clip was looked at again stands beside what was found; nobody knows who asked."""
    for part in in_parts(digests):
        for table in (FindingRow, PassageRow):
            await session.execute(delete(table).where(table.sha256.in_(part), table.half == Half.LOOKS))


async def digest(session: AsyncSession, attachment_id: int) -> str | None:
    """None: this attachment was never saved."""
    return await session.scalar(select(DigestRow.sha256).where(DigestRow.attachment_id == attachment_id))


async def attachments(session: AsyncSession, message: MessageRef) -> frozenset[int]:
    """Those of a message that were saved."""
    is_there = (DigestRow.message_id == message.message_id) & (DigestRow.channel_id == message.channel_id)
    return frozenset(await session.scalars(select(DigestRow.attachment_id).where(is_there)))


async def keep_digest(session: AsyncSession, source: MediaSource, sha256: str, now: datetime) -> None:
    """A clip that is posted again is kept once."""
    await have(session, sha256, now)
    await session.merge(
        DigestRow(
            attachment_id=source.attachment_id,
            channel_id=source.channel_id,
            message_id=source.message_id,
            author_id=source.author_id,
            sha256=sha256,
        )
    )


async def prune(session: AsyncSession, *, before: datetime, now: datetime) -> set[str]:
    """Deletes clips of no turn for which nothing was kept since, and findings that are overdue; gives the clips."""
    await session.execute(delete(FindingRow).where(FindingRow.fresh_until <= now))
    gone = await session.scalars(
        delete(ClipRow).where(ClipRow.kept_at < before, _is_of_no_turn()).returning(ClipRow.sha256)
    )
    return set(gone)


async def unused(session: AsyncSession, digests: Collection[str]) -> set[str]:
    """Those of these clips that no turn and no attachment refers to any more."""
    found: set[str] = set()
    for part in in_parts(digests):
        found.update(
            await session.scalars(
                select(ClipRow.sha256).where(ClipRow.sha256.in_(part), _is_of_no_turn(), _is_nowhere())
            )
        )
    return found


def _is_of_no_turn() -> ColumnElement[bool]:
    return ~exists().where(TurnClipRow.sha256 == ClipRow.sha256)


def _is_nowhere() -> ColumnElement[bool]:
    return ~exists().where(DigestRow.sha256 == ClipRow.sha256)
