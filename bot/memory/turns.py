"""Rows of turns: what was asked and answered where, what it follows, which messages show it."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, exists, literal, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.database.codec import read_notices, read_usages, to_json
from bot.database.tables import ReplyRow, TurnClipRow, TurnPersonRow, TurnRow
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, MessageRef, Turn
from bot.memory import clips, passages

_NOBODY = 0


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
            asker_name=turn.asker_name,
            asked_at=turn.asked_at,
            is_summarised=False,
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
    others = sorted({*turn.people} - {turn.asker_id, _NOBODY})
    session.add_all(TurnPersonRow(job_id=turn.job_id, person_id=person) for person in others)
    await passages.index_turn(session, turn)


async def mark_used(session: AsyncSession, jobs: Collection[str], now: datetime) -> None:
    """These turns came back for a question."""
    await session.execute(update(TurnRow).where(TurnRow.job_id.in_(jobs)).values(used_at=now))


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
    return None if row is None else (await read(session, [row]))[0]


async def of_message(session: AsyncSession, message: MessageRef) -> Turn | None:
    """A message of ours shows one turn; one that asked again and again counts for its newest."""
    reply = await session.get(ReplyRow, message.message_id)
    if reply is not None and reply.channel_id == message.channel_id:
        return await get(session, reply.job_id)
    job_id = await session.scalar(select(TurnRow.job_id).where(asked_by(message)).order_by(TurnRow.asked_at.desc()))
    return None if job_id is None else await get(session, job_id)


async def chain(session: AsyncSession, job_id: str, limit: int) -> tuple[Turn, ...]:
    """Ends where the turn before is gone, or belongs to another place than the last."""
    return await read(session, await chain_rows(session, job_id, limit))


async def chain_rows(
    session: AsyncSession, job_id: str, limit: int, *, within: Collection[ConversationKey] = ()
) -> list[TurnRow]:
    """As `chain`; with `within` it goes on in all of these places, and in no other."""
    back = select(TurnRow.job_id, TurnRow.follows, literal(1).label("step")).where(TurnRow.job_id == job_id)
    walk = back.cte("walk", recursive=True)
    before = aliased(TurnRow)
    walk = walk.union_all(
        select(before.job_id, before.follows, walk.c.step + 1)
        .join(walk, walk.c.follows == before.job_id)
        .where(walk.c.step < limit)
    )
    found = await session.scalars(select(TurnRow).join(walk, walk.c.job_id == TurnRow.job_id).order_by(walk.c.step))
    rows: list[TurnRow] = []
    for row in found:
        places = within or {_key(rows[0] if rows else row)}
        if row in rows or _key(row) not in places:
            break
        rows.append(row)
    return rows[::-1]


async def recent(session: AsyncSession, key: ConversationKey, since: datetime, limit: int) -> tuple[Turn, ...]:
    """The newest, at most `limit`, oldest first."""
    return await read(session, await recent_rows(session, key, since, limit))


async def recent_rows(session: AsyncSession, key: ConversationKey, since: datetime, limit: int) -> list[TurnRow]:
    """As `recent`."""
    rows = await session.scalars(
        select(TurnRow)
        .where(is_in(key), TurnRow.asked_at >= since)
        .order_by(TurnRow.asked_at.desc(), TurnRow.job_id.desc())
        .limit(limit)
    )
    return list(rows)[::-1]


async def latest_clips(session: AsyncSession, key: ConversationKey, since: datetime) -> tuple[ClipRef, ...]:
    """Those of the newest turn that was about any."""
    job_id = await session.scalar(
        select(TurnRow.job_id)
        .where(is_in(key), TurnRow.asked_at >= since, is_about_a_clip())
        .order_by(TurnRow.asked_at.desc(), TurnRow.job_id.desc())
        .limit(1)
    )
    return () if job_id is None else (await _clips(session, [job_id]))[job_id]


def asked_by(message: MessageRef) -> ColumnElement[bool]:
    """The turns this message asked for."""
    return (TurnRow.source_message_id == message.message_id) & (TurnRow.source_channel_id == message.channel_id)


def is_in(key: ConversationKey) -> ColumnElement[bool]:
    """The turns of one place."""
    return (TurnRow.server_id == key.server_id) & (TurnRow.channel_id == key.channel_id)


def is_about_a_clip() -> ColumnElement[bool]:
    """Whether a turn was about any."""
    return exists().where(TurnClipRow.job_id == TurnRow.job_id)


def _key(row: TurnRow) -> ConversationKey:
    return ConversationKey(server_id=row.server_id, channel_id=row.channel_id)


async def read(session: AsyncSession, rows: Sequence[TurnRow]) -> tuple[Turn, ...]:
    """The turns of these rows, in their order."""
    if not rows:
        return ()
    jobs = [row.job_id for row in rows]
    seen, others = await _clips(session, jobs), await _people(session, jobs)
    return tuple(_turn(row, seen[row.job_id], others[row.job_id]) for row in rows)


async def _clips(session: AsyncSession, job_ids: Iterable[str]) -> dict[str, tuple[ClipRef, ...]]:
    clips_of: dict[str, tuple[ClipRef, ...]] = dict.fromkeys(job_ids, ())
    rows = await session.scalars(
        select(TurnClipRow).where(TurnClipRow.job_id.in_(clips_of)).order_by(TurnClipRow.position)
    )
    for row in rows:
        clips_of[row.job_id] += (clip_of(row),)
    return clips_of


async def _people(session: AsyncSession, job_ids: Iterable[str]) -> dict[str, tuple[int, ...]]:
    people_of: dict[str, tuple[int, ...]] = dict.fromkeys(job_ids, ())
    rows = await session.scalars(
        select(TurnPersonRow).where(TurnPersonRow.job_id.in_(people_of)).order_by(TurnPersonRow.person_id)
    )
    for row in rows:
        people_of[row.job_id] += (row.person_id,)
    return people_of


def _turn(row: TurnRow, about: tuple[ClipRef, ...], people: tuple[int, ...]) -> Turn:
    source = (
        None
        if row.source_channel_id is None or row.source_message_id is None
        else MessageRef(channel_id=row.source_channel_id, message_id=row.source_message_id)
    )
    return Turn(
        job_id=row.job_id,
        key=_key(row),
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
        asker_name=row.asker_name,
        people=people,
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
        author_id=clip.source.author_id,
    )


def clip_of(row: TurnClipRow) -> ClipRef:
    """A clip of a turn, where it was seen."""
    return ClipRef(
        sha256=row.sha256,
        source=MediaSource(
            channel_id=row.channel_id,
            message_id=row.message_id,
            attachment_id=row.attachment_id,
            url=row.url,
            size_bytes=row.size_bytes,
            is_voice_message=row.is_voice_message,
            author_id=row.author_id,
        ),
    )


async def servers_of(session: AsyncSession, person_id: int) -> frozenset[int]:
    """Where somebody asked."""
    found = await session.scalars(
        select(TurnRow.server_id).where(TurnRow.asker_id == person_id, TurnRow.server_id.is_not(None)).distinct()
    )
    return frozenset(server for server in found if server is not None)
