"""What goes between a worker and a gateway, as text and bytes: what came of a job, an error, what a run reports."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from bot.database.codec import read_notices, read_sentence, to_json
from bot.domain import events
from bot.domain.conversation import ClipRef
from bot.domain.errors import (
    BotError,
    BudgetError,
    DeliveryError,
    MediaError,
    MemoryFault,
    PluginError,
    ProviderCategory,
    ProviderError,
    QuotaError,
    VoiceError,
)
from bot.domain.events import JobEvent
from bot.domain.media import VoiceClip
from bot.domain.timeline import Timeline
from bot.services.chat import Done
from bot.services.clips import Storyboard

_DONE = TypeAdapter(Done)
_REF = TypeAdapter(ClipRef)
_TIMELINE = TypeAdapter(Timeline)
_EVENTS: dict[str, TypeAdapter[JobEvent]] = {
    kind.__name__: TypeAdapter(kind)
    for kind in vars(events).values()
    if isinstance(kind, type) and issubclass(kind, JobEvent) and kind is not JobEvent
}
_QUOTAS = {kind.__name__: kind for kind in (QuotaError, BudgetError)}
_ERRORS = {kind.__name__: kind for kind in (BotError, MediaError, MemoryFault, DeliveryError, VoiceError, PluginError)}


_KINDS = {*_ERRORS, *_QUOTAS, ProviderError.__name__}


class UnreadableError(Exception):
    """Another version packed it."""


def pack_done(done: Done) -> tuple[str, bytes]:
    """Words, and the bytes of pictures and sound one after the other."""
    parts = [board.png for board in done.storyboards]
    packed = _plain(replace(done, storyboards=(), voice=None))
    packed["storyboards"] = [{"ref": _plain(board.ref), "at_seconds": board.at_seconds} for board in done.storyboards]
    if done.voice is not None:
        parts += [done.voice.waveform, done.voice.ogg]
        packed["voice"] = {"duration_seconds": done.voice.duration_seconds}
    packed["sizes"] = [len(part) for part in parts]
    return json.dumps(packed, ensure_ascii=False, separators=(",", ":")), b"".join(parts)


def unpack_done(words: str, data: bytes) -> Done:
    """The same. Raises UnreadableError."""
    try:
        packed = json.loads(words)
        parts = _parts(data, packed.pop("sizes"))
        timelines = tuple(_timeline(raw) for raw in packed.pop("timelines"))
        notices = read_notices(json.dumps(packed.pop("notices")))
        boards = tuple(
            Storyboard(ref=_REF.validate_python(raw["ref"]), png=parts.pop(0), at_seconds=tuple(raw["at_seconds"]))
            for raw in packed.pop("storyboards")
        )
        spoken = packed.pop("voice")
        voice = spoken and VoiceClip(duration_seconds=spoken["duration_seconds"], waveform=parts[0], ogg=parts[1])
        done = _DONE.validate_python(packed)
    except (ValidationError, ValueError, LookupError, TypeError) as error:
        raise UnreadableError from error
    return replace(done, timelines=timelines, notices=notices, storyboards=boards, voice=voice)


def pack_error(error: BotError) -> str:
    """Its code and its sentence, which can still be translated; where it is one of providers, what else it says."""
    kind = next(name for kind in type(error).__mro__ if (name := kind.__name__) in _KINDS)
    packed: dict[str, Any] = {"kind": kind, "code": error.code, "public": json.loads(to_json(error.public))}
    if isinstance(error, ProviderError):
        packed |= {"category": error.category, "request_id": error.request_id}
        if isinstance(error, QuotaError):
            resets_at = error.resets_at
            packed |= {"resets_at": None if resets_at is None else resets_at.isoformat()}
        else:
            packed |= {"retryable": error.retryable, "retry_after_seconds": error.retry_after_seconds}
    return json.dumps(packed, ensure_ascii=False, separators=(",", ":"))


def unpack_error(words: str) -> BotError:
    """The same, to be raised. Raises UnreadableError."""
    try:
        packed = json.loads(words)
        kind, code, public = packed["kind"], str(packed["code"]), read_sentence(packed["public"])
        if kind in _ERRORS:
            return _ERRORS[kind](code, public)
        category, request_id = ProviderCategory(packed["category"]), packed["request_id"]
        if kind in _QUOTAS:
            resets_at = packed["resets_at"] and datetime.fromisoformat(packed["resets_at"])
            return _QUOTAS[kind](code, public, category=category, resets_at=resets_at, request_id=request_id)
        return ProviderError(
            code,
            public,
            category=category,
            retryable=packed["retryable"],
            retry_after_seconds=packed["retry_after_seconds"],
            request_id=request_id,
        )
    except (ValueError, LookupError, TypeError) as error:
        raise UnreadableError from error


def pack_event(event: JobEvent) -> dict[str, Any]:
    """Its kind and what it says."""
    return {"kind": type(event).__name__, **_plain(event)}


def unpack_event(packed: Mapping[str, Any]) -> JobEvent | None:
    """The same; None: another version packed it."""
    adapter = _EVENTS.get(str(packed.get("kind")))
    try:
        return adapter and adapter.validate_python({name: value for name, value in packed.items() if name != "kind"})
    except ValidationError:
        return None


def _plain(value: object) -> dict[str, Any]:
    return json.loads(to_json(value))


def _timeline(raw: dict[str, Any]) -> Timeline:
    notices = read_notices(json.dumps(raw.pop("notices")))
    return replace(_TIMELINE.validate_python(raw), notices=notices)


def _parts(data: bytes, sizes: list[int]) -> list[bytes]:
    ends = [sum(sizes[: number + 1]) for number in range(len(sizes))]
    return [data[end - size : end] for end, size in zip(ends, sizes, strict=True)]
