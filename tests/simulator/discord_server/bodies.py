"""What the bot sends, read as strictly as Discord reads it: JSON or multipart, texts, embeds, files, voice messages."""

import base64
import binascii
import json
import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import BodyPartReader, web

from tests.simulator.discord_server import refusals
from tests.simulator.discord_server.components import check_components
from tests.simulator.discord_server.mentions import check_allowed_mentions
from tests.simulator.discord_server.messages import (
    COMPONENTS_V2,
    EPHEMERAL,
    SUPPRESS_EMBEDS,
    SUPPRESS_NOTIFICATIONS,
    VOICE,
)
from tests.simulator.discord_server.refusals import Form
from tests.simulator.discord_server.uploads import File, Upload, clean_name, guess_type
from tests.simulator.discord_server.world import ATTACHMENT_LIMIT_BYTES

REQUEST_LIMIT_BYTES = 25 * 1024 * 1024
MOST_FILES = 10
_EMBED_TEXTS = (("title", 256), ("description", 4096), ("footer.text", 2048), ("author.name", 256))


@dataclass(slots=True, kw_only=True)
class Body:
    """`json` is the whole body, or `payload_json`; `files` are the parts `files[n]` by n."""

    json: Any = None
    files: dict[int, tuple[str, bytes]] = field(default_factory=dict, repr=False)


@dataclass(slots=True, kw_only=True)
class Draft:
    """A message or an edit that passed the checks which need no place. `given`: the keys that were sent."""

    given: frozenset[str]
    content: str
    embeds: list[dict[str, Any]]
    components: list[dict[str, Any]]
    flags: int
    uploads: list[Upload]
    kept_files: list[int] | None
    allowed_mentions: dict[str, Any] | None
    nonce: str | int | None = None
    enforce_nonce: bool = False

    @property
    def is_voice(self) -> bool:
        return bool(self.flags & VOICE)


async def read_body(request: web.Request) -> Body:
    if request.content_type == "multipart/form-data":
        return await _read_multipart(request)
    data = await request.read()
    if not data:
        return Body()
    if len(data) > REQUEST_LIMIT_BYTES:
        raise refusals.entity_too_large()
    return Body(json=_parse(data))


async def _read_multipart(request: web.Request) -> Body:
    """Reads to the end before it refuses, as the client is still sending."""
    body = Body()
    total, too_large = 0, False
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader):
            raise refusals.invalid_form("files", "BASE_TYPE_BAD", "Nested multipart bodies are not read")
        data = bytes(await part.read(decode=True))
        total += len(data)
        name = part.name or ""
        index = re.fullmatch(r"files\[(\d+)\]", name)
        if name == "payload_json":
            body.json = _parse(data)
        elif index is not None:
            too_large = too_large or len(data) > ATTACHMENT_LIMIT_BYTES
            body.files[int(index[1])] = (part.filename or "unknown", data)
        else:
            raise refusals.invalid_form(name or "body", "BASE_TYPE_BAD", "Unknown part of the form")
    if too_large or total > REQUEST_LIMIT_BYTES:
        raise refusals.entity_too_large()
    return body


def _parse(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError as error:
        raise refusals.invalid_json() from error


def read_draft(
    body: Body, *, is_edit: bool = False, before: "tuple[int, list[File]] | None" = None, ephemeral: bool = False
) -> Draft:
    """`before`: flags and files of the message that is edited. `ephemeral`: that flag is allowed here."""
    data = body.json if body.json is not None else {}
    if not isinstance(data, dict):
        raise refusals.invalid_json()
    form = Form()
    old_flags, old_files = before or (0, [])
    flags = data.get("flags") if data.get("flags") is not None else 0
    flags = _check_flags(form, flags, is_edit=is_edit, ephemeral=ephemeral)
    v2 = bool((flags | old_flags) & COMPONENTS_V2)
    form.text("content", data.get("content"), 2000)
    embeds = data.get("embeds") or []
    _check_embeds(form, embeds)
    components = data.get("components") or []
    check_components(form, components, v2=v2)
    check_allowed_mentions(form, data.get("allowed_mentions"))
    if v2 and (data.get("content") or embeds):
        message = "The 'content' and 'embeds' fields cannot be used when using MessageFlags.IS_COMPONENTS_V2"
        form.wrong("content", "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", message)
    nonce = data.get("nonce")
    if isinstance(nonce, str):
        form.text("nonce", nonce, 25)
    uploads, kept = _read_files(form, body, data, old_files, is_edit=is_edit)
    form.raise_if_wrong()
    content = data.get("content")
    return Draft(
        given=frozenset(data),
        content=content.strip() if isinstance(content, str) else "",
        embeds=embeds,
        components=components,
        flags=flags,
        uploads=uploads,
        kept_files=kept,
        allowed_mentions=data.get("allowed_mentions"),
        nonce=nonce,
        enforce_nonce=bool(data.get("enforce_nonce")),
    )


def check_not_empty(draft: Draft) -> None:
    if not (draft.content or draft.embeds or draft.uploads or draft.components):
        raise refusals.empty_message()
    if not draft.flags & COMPONENTS_V2 and not (draft.content or draft.embeds or draft.uploads):
        raise refusals.empty_message()


def check_voice(draft: Draft) -> None:
    """50159 anything besides the sound; 50160 not exactly one file, or none of audio; 50161 without `duration_secs`
    or `waveform`, or with a waveform that is not base64 of at most 256 points."""
    if not draft.is_voice:
        return
    if draft.content or draft.embeds or draft.components:
        raise refusals.voice_with_content()
    if len(draft.uploads) != 1 or not (draft.uploads[0].content_type or "").startswith("audio/"):
        raise refusals.voice_without_single_audio()
    sound = draft.uploads[0]
    if not isinstance(sound.duration_secs, int | float) or sound.duration_secs <= 0 or not sound.waveform:
        raise refusals.voice_without_metadata()
    try:
        points = base64.b64decode(sound.waveform, validate=True)
    except (binascii.Error, ValueError, TypeError) as error:
        raise refusals.voice_without_metadata() from error
    if not 1 <= len(points) <= 256:
        raise refusals.voice_without_metadata()


def _check_flags(form: Form, flags: Any, *, is_edit: bool, ephemeral: bool) -> int:
    if not isinstance(flags, int) or isinstance(flags, bool):
        form.wrong("flags", "NUMBER_TYPE_COERCE", f'Value "{flags}" is not int.')
        return 0
    allowed = SUPPRESS_EMBEDS | COMPONENTS_V2
    if not is_edit:
        allowed |= SUPPRESS_NOTIFICATIONS | VOICE
    if ephemeral:
        allowed |= EPHEMERAL
    if flags & ~allowed:
        form.wrong("flags", "BITFIELD_TYPE_INVALID", "Invalid flags")
    return flags


def _check_embeds(form: Form, embeds: Any) -> None:
    if not isinstance(embeds, list):
        form.wrong("embeds", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return
    form.count("embeds", embeds, 10)
    total = 0
    for index, embed in enumerate(embeds):
        for key, longest in _EMBED_TEXTS:
            first, _, second = key.partition(".")
            value = (embed.get(first) or {}).get(second) if second else embed.get(first)
            form.text(f"embeds.{index}.{key}", value, longest)
            total += len(value or "")
        fields = embed.get("fields") or []
        form.count(f"embeds.{index}.fields", fields, 25)
        for place, item in enumerate(fields):
            form.text(f"embeds.{index}.fields.{place}.name", item.get("name"), 256, shortest=1, required=True)
            form.text(f"embeds.{index}.fields.{place}.value", item.get("value"), 1024, shortest=1, required=True)
            total += len(item.get("name") or "") + len(item.get("value") or "")
    if total > 6000:
        form.wrong("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")


def _read_files(
    form: Form, body: Body, data: dict[str, Any], old_files: list[File], *, is_edit: bool
) -> tuple[list[Upload], list[int] | None]:
    """New files, and the ids of old ones that stay (None: all)."""
    listed = data.get("attachments")
    described: dict[int, dict[str, Any]] = {}
    kept: list[int] | None = None
    if listed is not None:
        if not isinstance(listed, list):
            form.wrong("attachments", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
            return [], None
        kept = []
        known = {file.id for file in old_files}
        for index, item in enumerate(listed):
            number = _number(item.get("id")) if isinstance(item, dict) else None
            if number is None:
                form.required(f"attachments.{index}.id")
            elif number in body.files:
                described[number] = item
            elif is_edit and number in known:
                kept.append(number)
            else:
                message = f"The attachment with id {number} could not be found"
                form.wrong(f"attachments.{index}", "ATTACHMENT_NOT_FOUND", message)
            if isinstance(item, dict):
                form.text(f"attachments.{index}.description", item.get("description"), 1024)
                form.text(f"attachments.{index}.filename", item.get("filename"), 1024)
    total = len(body.files) + len(old_files if kept is None else kept)
    if total > MOST_FILES:
        form.wrong("attachments", "BASE_TYPE_MAX_LENGTH", f"Must be {MOST_FILES} or fewer in length.")
    uploads: list[Upload] = []
    for number, (filename, content) in sorted(body.files.items()):
        facts = described.get(number, {})
        name = facts.get("filename") or filename
        upload = Upload(
            name=name,
            data=content,
            content_type=guess_type(clean_name(name)),
            description=facts.get("description"),
            duration_secs=facts.get("duration_secs"),
            waveform=facts.get("waveform"),
        )
        uploads.append(upload)
    return uploads, kept


def _number(value: Any) -> int | None:
    try:
        return int(value)
    except (TypeError, ValueError):
        return None
