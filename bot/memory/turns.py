"""Rows of turns: what was asked and answered where, what it follows, which messages show it."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import read_notices, read_usages, to_json
from bot.database.tables import ReplyRow, TurnClipRow, TurnRow
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, MessageRef, Turn
from bot.memory import clips


async def keep(session: AsyncSession, turn: Turn, now: datetime) -> None:
    """The first turn of a job stays."""
    if await session.get(TurnRow, turn.job_id) is not None:
        return
    for sha256 in {clip.sha256 for clip in turn.clips}:
        await clips.have(session, sha256, now)
    session.add(
        TurnRow(
            job_id=turn.job_id,
            server_id=turn.key.server_id,
            channel_id=turn.key.channel_id,
            asker_id=turn.asker_id,
            asked_at=turn.asked_at,
            question=turn.question,
            answer=turn.answer,
            follows=turn.follows,
            source_channel_id=turn.source and turn.source.channel_id,
            source_message_id=turn.source and turn.source.message_id,
            was_heard=turn.was_heard,
            notices=to_json(turn.notices),
            usages=to_json(turn.usages),
        )
    )
    await session.flush()
    session.add_all(_clip_row(turn.job_id, position, clip) for position, clip in enumerate(turn.clips))


async def add_reply(session: AsyncSession, job_id: str, message: MessageRef, now: datetime) -> None:
    """The turn may come later, or never."""
    if await session.get(ReplyRow, message.message_id) is None:
        session.add(ReplyRow(message_id=message.message_id, channel_id=message.channel_id, job_id=job_id, kept_at=now))


async def replies(session: AsyncSession, job_id: str) -> tuple[MessageRef, ...]:
    """In the order they were added."""
    rows = await session.scalars(
        select(ReplyRow).where(ReplyRow.job_id == job_id).order_by(ReplyRow.kept_at, ReplyRow.message_id)
    )
    return tuple(MessageRef(channel_id=row.channel_id, message_id=row.message_id) for row in rows)


async def get(session: AsyncSession, job_id: str) -> Turn | None:
    """None: never kept, or gone."""
    row = await session.get(TurnRow, job_id)
    return None if row is None else (await _turns(session, [row]))[0]


async def of_message(session: AsyncSession, message: MessageRef) -> Turn | None:
    """A message of ours shows one turn; one that asked again and again counts for its newest."""
    reply = await session.get(ReplyRow, message.message_id)
    if reply is not None and reply.channel_id == message.channel_id:
        return await get(session, reply.job_id)
    job_id = await session.scalar(select(TurnRow.job_id).where(asked_by(message)).order_by(TurnRow.asked_at.desc()))
    return None if job_id is None else await get(session, job_id)


async def chain(session: AsyncSession, job_id: str, limit: int) -> tuple[Turn, ...]:
    """Ends where the turn before is gone, or belongs to another place than the last."""
    rows: list[TurnRow] = []
    following: str | None = job_id
    while following is not None and len(rows) < limit:
        row = await session.get(TurnRow, following)
        if row is None or row in rows or (rows and _place(row) != _place(rows[0])):
            break
        rows.append(row)
        following = row.follows
    return await _turns(session, rows[::-1])


async def recent(session: AsyncSession, key: ConversationKey, since: datetime, limit: int) -> tuple[Turn, ...]:
    """The newest, at most `limit`, oldest first."""
    rows = await session.scalars(
        select(TurnRow)
        .where(_is_in(key), TurnRow.asked_at >= since)
        .order_by(TurnRow.asked_at.desc(), TurnRow.job_id.desc())
        .limit(limit)
    )
    return await _turns(session, rows.all()[::-1])


async def latest_clips(session: AsyncSession, key: ConversationKey, since: datetime) -> tuple[ClipRef, ...]:
    """Those of the newest turn that was about any."""
    job_id = await session.scalar(
        select(TurnRow.job_id)
        .where(_is_in(key), TurnRow.asked_at >= since, exists().where(TurnClipRow.job_id == TurnRow.job_id))
        .order_by(TurnRow.asked_at.desc(), TurnRow.job_id.desc())
        .limit(1)
    )
    return () if job_id is None else (await _clips(session, [job_id]))[job_id]


async def prune(session: AsyncSession, before: datetime) -> int:
    """Deletes turns asked before, and messages of no turn as old as that; counts the turns."""
    gone = await session.scalars(delete(TurnRow).where(TurnRow.asked_at < before).returning(TurnRow.job_id))
    is_of_no_turn = ~exists().where(TurnRow.job_id == ReplyRow.job_id)
    await session.execute(delete(ReplyRow).where(ReplyRow.kept_at < before, is_of_no_turn))
    return len(gone.all())


async def forget(session: AsyncSession, which: ColumnElement[bool]) -> tuple[set[str], set[str]]:
    """Deletes turns with the links to their messages; gives their jobs and the digests of their clips."""
    jobs = select(TurnRow.job_id).where(which)
    digests = await session.scalars(select(TurnClipRow.sha256).where(TurnClipRow.job_id.in_(jobs)))
    await session.execute(delete(ReplyRow).where(ReplyRow.job_id.in_(jobs)))
    gone = await session.scalars(delete(TurnRow).where(which).returning(TurnRow.job_id))
    return set(gone), set(digests)


def asked_by(message: MessageRef) -> ColumnElement[bool]:
    """The turns this message asked for."""
    return (TurnRow.source_message_id == message.message_id) & (TurnRow.source_channel_id == message.channel_id)


def _is_in(key: ConversationKey) -> ColumnElement[bool]:
    return (TurnRow.server_id == key.server_id) & (TurnRow.channel_id == key.channel_id)


def _place(row: TurnRow) -> tuple[int | None, int]:
    return row.server_id, row.channel_id


async def _turns(session: AsyncSession, rows: Sequence[TurnRow]) -> tuple[Turn, ...]:
    seen = await _clips(session, [row.job_id for row in rows])
    return tuple(_turn(row, seen[row.job_id]) for row in rows)


async def _clips(session: AsyncSession, job_ids: Iterable[str]) -> dict[str, tuple[ClipRef, ...]]:
    clips_of: dict[str, tuple[ClipRef, ...]] = dict.fromkeys(job_ids, ())
    rows = await session.scalars(
        select(TurnClipRow).where(TurnClipRow.job_id.in_(clips_of)).order_by(TurnClipRow.position)
    )
    for row in rows:
        clips_of[row.job_id] += (_clip(row),)
    return clips_of


def _turn(row: TurnRow, about: tuple[ClipRef, ...]) -> Turn:
    source = (
        None
        if row.source_channel_id is None or row.source_message_id is None
        else MessageRef(channel_id=row.source_channel_id, message_id=row.source_message_id)
    )
    return Turn(
        job_id=row.job_id,
        key=ConversationKey(server_id=row.server_id, channel_id=row.channel_id),
        asker_id=row.asker_id,
        asked_at=row.asked_at,
        question=row.question,
        answer=row.answer,
        clips=about,
        follows=row.follows,
        source=source,
        was_heard=row.was_heard,
        notices=read_notices(row.notices),
        usages=read_usages(row.usages),
    )


def _clip_row(job_id: str, position: int, clip: ClipRef) -> TurnClipRow:
    return TurnClipRow(
        job_id=job_id,
        position=position,
        sha256=clip.sha256,
        channel_id=clip.source.channel_id,
        message_id=clip.source.message_id,
        attachment_id=clip.source.attachment_id,
        url=clip.source.url,
        size_bytes=clip.source.size_bytes,
        is_voice_message=clip.source.is_voice_message,
    )


def _clip(row: TurnClipRow) -> ClipRef:
    return ClipRef(
        sha256=row.sha256,
        source=MediaSource(
            channel_id=row.channel_id,
            message_id=row.message_id,
            attachment_id=row.attachment_id,
            url=row.url,
            size_bytes=row.size_bytes,
            is_voice_message=row.is_voice_message,
        ),
    )
