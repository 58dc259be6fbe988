"""Makes findable what an older version kept without an index."""

from sqlalchemy import exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import FindingRow, Half, PassageRow, TurnRow
from bot.memory import passages, turns


async def index_turns(session: AsyncSession, after: str, limit: int) -> str | None:
    """The next turns by job that are not found by any word; gives the last of them, None: there are no more."""
    is_found = exists().where(PassageRow.job_id == TurnRow.job_id)
    rows = await session.scalars(
        select(TurnRow)
        .where(TurnRow.job_id > after, ~is_found, or_(TurnRow.question != "", TurnRow.answer != ""))
        .order_by(TurnRow.job_id)
        .limit(limit)
    )
    found = await turns.read(session, rows.all())
    for turn in found:
        await passages.index_turn(session, turn)
    return found[-1].job_id if found else None


async def index_clips(session: AsyncSession, after: str, limit: int) -> str | None:
    """As `index_turns`, for what was found in clips, by their digests."""
    is_found = exists().where(PassageRow.sha256 == FindingRow.sha256)
    wanted = (
        select(FindingRow.sha256).where(FindingRow.sha256 > after, ~is_found).distinct().order_by(FindingRow.sha256)
    )
    digests = (await session.scalars(wanted.limit(limit))).all()
    rows = await session.scalars(
        select(FindingRow).where(FindingRow.sha256.in_(digests)).order_by(FindingRow.sha256, FindingRow.recipe)
    )
    for row in rows:
        half = Half(row.half)
        await passages.index_half(session, row.sha256, half, passages.found_moments(half, row.value))
    return digests[-1] if digests else None
