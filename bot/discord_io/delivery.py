"""The answer as people get it: words first, then known gaps, buttons, and the spoken reply."""

import logging
from collections.abc import Sequence

import discord

from bot.discord_io.parts import LIMIT, first, length, split
from bot.discord_io.posting import OutgoingFile
from bot.discord_io.safe_text import document, safe
from bot.discord_io.surface import Surface
from bot.domain.conversation import MessageRef
from bot.domain.errors import DeliveryError
from bot.domain.media import VoiceClip
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice, NoticeCode
from bot.locales import Catalogue

log = logging.getLogger(__name__)

_MOST_PARTS = 4
_MOST_NOTICES = 4
_LONGEST_NOTICE = 300
_LEAD_LENGTH = 600
_DOCUMENT = "answer.md"
_EMPTY = sentence("The answer came out empty. Ask again.")
_FILTERED = sentence("The vendor's content filter stopped the answer. Ask in other words, or about another clip.")


async def deliver(
    answer_text: str,
    *,
    surface: Surface,
    words: Catalogue,
    notices: Sequence[Notice] = (),
    view: discord.ui.View | None = None,
    voice: VoiceClip | None = None,
    lead: str | None = None,
) -> tuple[MessageRef, ...]:
    """Finish the surface with the answer; returns the messages in order, the voice message last.

    An answer of more than four messages becomes its `lead` (None: its beginning) and a file, where files may be sent.
    The buttons are below the last words. Raises DeliveryError when not all words could be delivered; a voice message
    that fails is told of.
    """
    text = safe(answer_text)
    if not text.strip():
        is_filtered = any(notice.code is NoticeCode.ANSWER_FILTERED for notice in notices)
        return (await surface.fail(_FILTERED if is_filtered else _EMPTY),)
    told = list(dict.fromkeys(words.of(notice.public) for notice in notices))
    lines = told
    if surface.can_attach:
        lines = [line for line in told if length(line) <= _LONGEST_NOTICE][:_MOST_NOTICES]
    notes = [f"-# ⚠️ {' '.join(safe(line).split())}" for line in lines]
    is_long = surface.can_attach and _is_long(text)
    files: list[OutgoingFile] = []
    if is_long or len(lines) < len(told):
        files.append(OutgoingFile(name=_DOCUMENT, data=_document(answer_text, told)))
        where = words("The whole answer is in {file}.", file=_DOCUMENT)
        notes.append(f"-# 📄 {where if is_long else words('More notes are in {file}.', file=_DOCUMENT)}")
    messages = [first(text if lead is None else safe(lead), _LEAD_LENGTH)] if is_long else split(text)
    refs = await _post(_with_notes(messages, notes), surface, view, files)
    if voice is not None:
        refs += await _speak(voice, surface, words)
    return tuple(refs)


def _is_long(text: str) -> bool:
    return length(text) > _MOST_PARTS * LIMIT or len(split(text)) > _MOST_PARTS


def _document(answer_text: str, told: Sequence[str]) -> bytes:
    """The answer as it was written, with everything that is known to be missing."""
    gaps = "".join(f"- {document(line)}\n" for line in told)
    return "\n".join(part for part in (f"{document(answer_text).strip()}\n", gaps) if part).encode()


def _with_notes(messages: list[str], notes: list[str]) -> list[str]:
    if not notes:
        return messages
    *before, last = messages
    whole = "\n".join([last, *notes])
    return [*before, whole] if length(whole) <= LIMIT else [*messages, *split("\n".join(notes))]


async def _post(
    messages: Sequence[str], surface: Surface, view: discord.ui.View | None, files: Sequence[OutgoingFile]
) -> list[MessageRef]:
    if len(messages) == 1:
        return [await surface.finish(messages[0], view=view, files=files)]
    refs = [await surface.finish(messages[0])]
    refs += [await surface.add(message) for message in messages[1:-1]]
    return [*refs, await surface.add(messages[-1], view=view, files=files)]


async def _speak(voice: VoiceClip, surface: Surface, words: Catalogue) -> list[MessageRef]:
    try:
        return [await surface.voice(voice)]
    except DeliveryError as error:
        log.warning("a voice message was not delivered: %s", error.code)
        reason = words("The answer could not be sent as a voice message. {reason}", reason=error.public)
    try:
        return [await surface.add(f"-# ⚠️ {reason}")]
    except DeliveryError as error:
        log.warning("nor was a word about it: %s", error.code)
        return []
