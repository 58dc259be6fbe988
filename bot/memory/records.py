"""Rows of what plugins keep: they go with the person, the place or the job they belong to."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import AskRow, PluginRecordRow, TurnRow
from bot.domain.conversation import ConversationKey
from bot.domain.errors import BotError
from bot.domain.records import HeldRecord, Record
from bot.memory import consents
from bot.memory.parts import in_parts

MOST_RECORDS = 2_000
"""Of one table of a plugin in one place; of records without a place for one person."""

MOST_BYTES = 16 * 1024
"""Of one value as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Older:
    """A record as an older version of its plugin wrote it."""

    record_id: int
    version: int
    value: dict[str, object] = field(repr=False)


def as_json(value: Mapping[str, object]) -> str:
    """Raises BotError where it is no JSON or too much."""
    try:
        text = json.dumps(dict(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        json.loads(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise BotError(
            "plugin_record_not_json",
            "A plugin wanted to keep something that is not JSON. Whoever wrote the plugin has to correct it.",
        ) from error
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise BotError(
            "plugin_record_too_large",
            "A plugin wanted to keep more than 16 KiB in one record. Whoever wrote the plugin has to divide it.",
        )
    return text


async def put(session: AsyncSession, row: PluginRecordRow, *, only: bool) -> Record | None:
    """None: of somebody who opted out, or of a job that was forgotten. With `only` it replaces what the person, or
    nobody, has in that table and place. Where there are too many, the oldest go."""
    if await _is_unwanted(session, row.person_id, row.job_id):
        return None
    is_here = (PluginRecordRow.server_id == row.server_id) & (PluginRecordRow.channel_id == row.channel_id)
    is_theirs = PluginRecordRow.person_id == row.person_id
    beside = _is_of(row.plugin, row.name) & is_here
    if only:
        await session.execute(delete(PluginRecordRow).where(beside, is_theirs))
    session.add(row)
    await session.flush()
    counted = beside & is_theirs if row.channel_id is None else beside
    spare = select(PluginRecordRow.record_id).where(counted).order_by(*_NEWEST_FIRST).offset(MOST_RECORDS)
    await session.execute(delete(PluginRecordRow).where(PluginRecordRow.record_id.in_(spare)))
    return _record(row)


async def find(
    session: AsyncSession,
    plugin: str,
    table: str,
    *,
    key: ConversationKey | None,
    person_id: int | None,
    job_id: str | None,
    limit: int,
) -> tuple[Record, ...]:
    """Newest first; None: any."""
    which = _is_of(plugin, table)
    if key is not None:
        which &= is_in(key)
    if person_id is not None:
        which &= PluginRecordRow.person_id == person_id
    if job_id is not None:
        which &= PluginRecordRow.job_id == job_id
    rows = await session.scalars(select(PluginRecordRow).where(which).order_by(*_NEWEST_FIRST).limit(limit))
    return tuple(map(_record, rows))


async def held_of(session: AsyncSession, person_id: int) -> tuple[HeldRecord, ...]:
    """Those of a person, and those that belong to nobody but something they asked; oldest first."""
    asked = select(TurnRow.job_id).where(TurnRow.asker_id == person_id)
    waiting = select(AskRow.job_id).where(AskRow.asker_id == person_id)
    is_asked = PluginRecordRow.job_id.in_(asked) | PluginRecordRow.job_id.in_(waiting)
    is_held = is_of_person(person_id) | (PluginRecordRow.person_id.is_(None) & is_asked)
    rows = await session.scalars(
        select(PluginRecordRow).where(is_held).order_by(PluginRecordRow.kept_at, PluginRecordRow.record_id)
    )
    return tuple(HeldRecord(plugin=row.plugin, record=_record(row)) for row in rows)


async def drop(session: AsyncSession, which: ColumnElement[bool]) -> int:
    """How many went."""
    gone = await session.scalars(delete(PluginRecordRow).where(which).returning(PluginRecordRow.record_id))
    return len(gone.all())


async def drop_of_jobs(session: AsyncSession, jobs: Collection[str]) -> int:
    """How many went."""
    return sum([await drop(session, PluginRecordRow.job_id.in_(part)) for part in in_parts(jobs)])


async def older(session: AsyncSession, plugin: str, table: str, version: int) -> tuple[Older, ...]:
    """What has to be brought to this version. Raises BotError where a newer one wrote any."""
    newest = await session.scalar(select(func.max(PluginRecordRow.version)).where(_is_of(plugin, table)))
    if newest is not None and newest > version:
        raise BotError(
            "plugin_records_newer",
            "A newer version of this plugin wrote what it keeps. Install that version again, or switch the plugin off.",
        )
    is_older = _is_of(plugin, table) & (PluginRecordRow.version < version)
    rows = await session.scalars(select(PluginRecordRow).where(is_older).order_by(PluginRecordRow.record_id))
    return tuple(Older(record_id=row.record_id, version=row.version, value=json.loads(row.value)) for row in rows)


async def rewrite(session: AsyncSession, version: int, changed: Sequence[tuple[Older, str]]) -> None:
    """Those that went meanwhile stay gone, and another with the same number stays as it is."""
    for old, value in changed:
        is_still = (PluginRecordRow.record_id == old.record_id) & (PluginRecordRow.version == old.version)
        await session.execute(update(PluginRecordRow).where(is_still).values(version=version, value=value))


def is_in(key: ConversationKey) -> ColumnElement[bool]:
    """The records of one place."""
    return (PluginRecordRow.server_id == key.server_id) & (PluginRecordRow.channel_id == key.channel_id)


def is_of_person(person_id: int) -> ColumnElement[bool]:
    """Theirs, and those of places where nobody but them is known to talk."""
    direct = select(TurnRow.channel_id).where(TurnRow.asker_id == person_id, TurnRow.server_id.is_(None))
    is_alone = (PluginRecordRow.channel_id == person_id) | PluginRecordRow.channel_id.in_(direct)
    return (PluginRecordRow.person_id == person_id) | (PluginRecordRow.server_id.is_(None) & is_alone)


def is_of_somebody() -> ColumnElement[bool]:
    """All but the settings of places."""
    return PluginRecordRow.person_id.is_not(None) | PluginRecordRow.job_id.is_not(None)


_NEWEST_FIRST = (PluginRecordRow.kept_at.desc(), PluginRecordRow.record_id.desc())


def _is_of(plugin: str, table: str) -> ColumnElement[bool]:
    return (PluginRecordRow.plugin == plugin) & (PluginRecordRow.name == table)


async def _is_unwanted(session: AsyncSession, person_id: int | None, job_id: str | None) -> bool:
    people = {person_id}
    if job_id is not None:
        asked = select(AskRow.asker_id, AskRow.ask.is_(None)).where(AskRow.job_id == job_id)
        for asker_id, is_blank in await session.execute(asked):
            if asker_id is None and is_blank:
                return True
            people.add(asker_id)
    return bool(await consents.opted_out(session, {person for person in people if person is not None}))


def _record(row: PluginRecordRow) -> Record:
    server_id, channel_id = row.server_id, row.channel_id
    return Record(
        record_id=row.record_id,
        table=row.name,
        value=json.loads(row.value),
        key=None if channel_id is None else ConversationKey(server_id=server_id, channel_id=channel_id),
        person_id=row.person_id,
        job_id=row.job_id,
        kept_at=row.kept_at,
    )
