"""Nested values as JSON and back. What another version wrote and this one does not know reads as nothing."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from bot.domain.answer import Usage
from bot.domain.ask import Ask
from bot.domain.conversation import PlaceSettings
from bot.domain.media import MediaProbe
from bot.domain.sentence import Sentence
from bot.domain.timeline import Notice
from bot.domain.understanding import Heard, Look, Seen

Value = TypeVar("Value")
Half = TypeVar("Half", Seen, Heard)

_ASK = TypeAdapter(Ask)
_HEARD = TypeAdapter(Heard)
_LOOK = TypeAdapter(Look)
_NOTICE = TypeAdapter(Notice)
_PLACE = TypeAdapter(PlaceSettings)
_PROBE = TypeAdapter(MediaProbe)
_SEEN = TypeAdapter(Seen)
_USAGE = TypeAdapter(Usage)


def to_json(value: object) -> str:
    """A value, or several in a tuple."""
    return json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))


def read_seen(text: str) -> Seen | None:
    """None: another version wrote it."""
    return _read_half(_SEEN, text)


def read_heard(text: str) -> Heard | None:
    """None: another version wrote it."""
    return _read_half(_HEARD, text)


def read_looks(text: str) -> tuple[Look, ...]:
    """Those this version can read."""
    return tuple(look for raw in json.loads(text) if (look := _read(_LOOK, raw)) is not None)


def read_probe(text: str) -> MediaProbe | None:
    """None: another version wrote it."""
    return _read(_PROBE, json.loads(text))


def read_ask(text: str) -> Ask | None:
    """None: another version wrote it."""
    return _read(_ASK, json.loads(text))


def read_place(text: str) -> PlaceSettings | None:
    """None: another version wrote it."""
    return _read(_PLACE, json.loads(text))


def read_notices(text: str) -> tuple[Notice, ...]:
    """Those whose code this version knows."""
    return _notices(json.loads(text))


def read_usages(text: str) -> tuple[Usage, ...]:
    """Those this version can read."""
    return tuple(usage for raw in json.loads(text) if (usage := _read(_USAGE, raw)) is not None)


def read_sentence(raw: object) -> str:
    """A sentence as `to_json` wrote it, parsed."""
    return _said(raw)


def _read(adapter: TypeAdapter[Value], raw: object) -> Value | None:
    try:
        return adapter.validate_python(raw)
    except ValidationError:
        return None


def _read_half(adapter: TypeAdapter[Half], text: str) -> Half | None:
    raw = json.loads(text)
    half = _read(adapter, {**raw, "notices": ()})
    return half and replace(half, notices=_notices(raw.get("notices", ())))


def _notices(raws: Iterable[Mapping[str, Any]]) -> tuple[Notice, ...]:
    """A Sentence is put back afterwards: validation would leave its text only."""
    said = [(raw, _said(raw.get("public"))) for raw in raws]
    read = [(_read(_NOTICE, {**raw, "public": str(public)}), public) for raw, public in said]
    return tuple(replace(notice, public=public) for notice, public in read if notice is not None)


def _said(public: Any) -> str:
    if not isinstance(public, dict):
        return str(public)
    parts = cast("dict[str, Any]", public)
    values = {name: _said(value) if isinstance(value, dict) else value for name, value in parts["values"].items()}
    return Sentence(parts["template"], values, parts["plural"] and tuple(parts["plural"]))


def _plain(value: object) -> object:
    """What json can write. A Sentence stays one where its values can be written, too."""
    if isinstance(value, Sentence):
        if not all(isinstance(inner, str | int | float | None) for inner in value.values.values()):
            return str(value)
        values = {name: _plain(inner) for name, inner in value.values.items()}
        return {"template": value.template, "values": values, "plural": value.plural}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, tuple):
        return [_plain(item) for item in cast("tuple[object, ...]", value)]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    return value
