"""Rows of settings: what a channel or a server sets for itself."""

import json
from collections.abc import Mapping
from dataclasses import fields
from typing import TypedDict, cast

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import to_json
from bot.database.tables import SettingRow, TurnRow
from bot.domain.conversation import AnswersWhen, ConversationKey, PlaceSettings, SpeakWhen
from bot.domain.recollection import Named

_PLACE = TypeAdapter(PlaceSettings)
_NAMES = frozenset(field.name for field in fields(PlaceSettings))
_NAME = "conversation"  # beside the fields of PlaceSettings
_NOWHERE = 0  # no id of Discord's: a direct message has no server, a whole server no channel


class OwnSettings(TypedDict, total=False):
    """What is set in one place itself; named as in PlaceSettings."""

    language: str
    voice: str
    speak: SpeakWhen
    answers: AnswersWhen
    ask_roles: tuple[int, ...]
    speak_roles: tuple[int, ...]
    keep_days: int
    captions: bool
    auto_join: bool
    join_roles: tuple[int, ...]
    transcribe_roles: tuple[int, ...]
    export_roles: tuple[int, ...]
    open_channels: tuple[int, ...]
    closed_channels: tuple[int, ...]
    news: bool


def checked(changes: Mapping[str, object]) -> dict[str, object]:
    """The changes with their values as PlaceSettings has them; raises ValueError on a name or value it has not."""
    unknown = changes.keys() - _NAMES
    if unknown:
        raise ValueError(f"no such setting: {', '.join(sorted(unknown))}")
    return {name: None if value is None else _value(name, value) for name, value in changes.items()}


async def own(session: AsyncSession, server_id: int | None, channel_id: int | None) -> OwnSettings:
    """Values that another version wrote and this one does not know are left out."""
    server, channel = _place(server_id, channel_id)
    rows = await session.scalars(
        select(SettingRow).where(SettingRow.server_id == server, SettingRow.channel_id == channel)
    )
    return cast("OwnSettings", {row.name: value for row in rows if (value := _known(row)) is not None})


async def everywhere(session: AsyncSession, name: str) -> dict[tuple[int | None, int | None], object]:
    """One setting in all places it is set in, by server (None: a direct message) and channel (None: a whole server)."""
    rows = await session.scalars(select(SettingRow).where(SettingRow.name == name))
    values = {(row.server_id or None, row.channel_id or None): _known(row) for row in rows}
    return {place: value for place, value in values.items() if value is not None}


async def effective(session: AsyncSession, server_id: int | None, channel_id: int) -> PlaceSettings:
    """The channel's own over the server's over the defaults."""
    whole = OwnSettings() if server_id is None else await own(session, server_id, None)
    return _PLACE.validate_python({**whole, **await own(session, server_id, channel_id)})


async def change(
    session: AsyncSession, server_id: int | None, channel_id: int | None, changes: Mapping[str, object]
) -> None:
    """Takes checked changes."""
    server, channel = _place(server_id, channel_id)
    for name, value in changes.items():
        if value is not None:
            row = SettingRow(server_id=server, channel_id=channel, name=name, value=to_json(value))
            await session.merge(row)
            continue
        await session.execute(
            delete(SettingRow).where(
                SettingRow.server_id == server, SettingRow.channel_id == channel, SettingRow.name == name
            )
        )


def _place(server_id: int | None, channel_id: int | None) -> tuple[int, int]:
    if server_id is None and channel_id is None:
        raise ValueError("no place: direct messages share no settings")
    return server_id or _NOWHERE, channel_id or _NOWHERE


def _value(name: str, raw: object) -> object:
    return getattr(_PLACE.validate_python({name: raw}), name)


def _known(row: SettingRow) -> object:
    """None: another version wrote it."""
    try:
        return _value(row.name, json.loads(row.value)) if row.name in _NAMES else None
    except ValidationError:
        return None


async def name_place(session: AsyncSession, key: ConversationKey, name: str) -> None:
    """A name by which a place is listed; it goes with the place's settings."""
    server, channel = _place(key.server_id, key.channel_id)
    await session.merge(SettingRow(server_id=server, channel_id=channel, name=_NAME, value=to_json(name)))


async def named_places(session: AsyncSession) -> tuple[Named, ...]:
    """The last used first."""
    rows = await session.execute(
        select(SettingRow, func.count(TurnRow.job_id), func.max(TurnRow.asked_at))
        .outerjoin(TurnRow, (TurnRow.server_id.is_(None)) & (TurnRow.channel_id == SettingRow.channel_id))
        .where(SettingRow.name == _NAME, SettingRow.server_id == _NOWHERE)
        .group_by(SettingRow.server_id, SettingRow.channel_id, SettingRow.name, SettingRow.value)
    )
    found = [
        Named(
            key=ConversationKey(server_id=None, channel_id=row.channel_id),
            name=str(json.loads(row.value)),
            turn_count=count,
            last_at=last_at,
        )
        for row, count, last_at in rows
    ]
    return tuple(sorted(found, key=lambda one: (one.last_at is not None, one.last_at), reverse=True))
