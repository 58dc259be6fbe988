"""Paid calls whose results are kept until their job has ended: after a crash none of them is made again.

What a call cost is booked after what it gave is kept. A process that dies in between leaves a call of which the ledger
does not know the end, which is booked at its most; the other way round it would be paid twice.
"""

import hashlib
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from pydantic import TypeAdapter

from bot.database.codec import read_notices, to_json
from bot.domain.answer import Prompt, ToolCall, Usage
from bot.domain.errors import MemoryFault
from bot.domain.media import AudioChunk
from bot.domain.money import PAYING, Book, booked_later
from bot.domain.role import Role
from bot.domain.speech import Transcript
from bot.domain.timeline import Caption, Notice
from bot.pipeline.crew import Crew
from bot.providers.base import (
    AnswerDelta,
    AnswerEnd,
    CaptionBatch,
    Captioner,
    CaptionRequest,
    ChatModel,
    FinishReason,
    SpeechEnd,
    SpeechRequest,
    Synthesizer,
    Transcriber,
    TranscriptPiece,
    TranscriptRequest,
)
from bot.providers.streams import closing

log = logging.getLogger(__name__)

_CAPTIONS = TypeAdapter(tuple[Caption, ...])
_TRANSCRIPT = TypeAdapter(Transcript)
_USAGES = TypeAdapter(tuple[Usage, ...])
_USAGE = TypeAdapter(Usage)
_CALL = TypeAdapter(ToolCall)
_Item = TypeVar("_Item")


class Results(Protocol):
    """Where they are kept. Both raise MemoryFault."""

    async def get(self, key: str) -> bytes | None: ...

    async def put(self, job_id: str, key: str, value: bytes) -> None: ...


def recorded(crew: Crew, results: Results) -> Crew:
    """The crew, whose work for jobs that survive a crash is kept."""
    models = {role: repr([(ref.provider, ref.model) for ref in refs]) for role, refs in crew.models.items()}
    return replace(
        crew,
        captioner=_RecordedCaptioner(crew.captioner, results, models[Role.CAPTIONS]),
        transcriber=_RecordedTranscriber(crew.transcriber, results, models[Role.TRANSCRIPTS]),
        chat=_RecordedChatModel(crew.chat, results, models[Role.CHAT]),
        synthesizer=_RecordedSynthesizer(crew.synthesizer, results, models[Role.SPEECH]),
    )


class _RecordedCaptioner:
    """Frames are known by their bytes. What was known around them is not part of it: it depends on which of the calls
    beside this one came back first."""

    def __init__(self, captioner: Captioner, results: Results, models: str) -> None:
        self._captioner = captioner
        self._results = results
        self._models = models

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        if not PAYING.get().is_durable:
            return await self._captioner.caption(request)
        frames = [(frame.at_seconds, hashlib.sha256(frame.jpeg).hexdigest()) for frame in request.frames]
        key = _key(Role.CAPTIONS, self._models, frames, request.language, request.question, request.focus)
        kept = await self._results.get(key)
        if kept is not None:
            fields = json.loads(kept)
            return CaptionBatch(
                captions=_CAPTIONS.validate_python(fields["captions"]),
                usages=_USAGES.validate_python(fields["usages"]),
                notices=_notices(fields["notices"]),
            )
        async with _booked_afterwards():
            batch = await self._captioner.caption(request)
            await _keep(self._results, PAYING.get().job_id, key, to_json(batch).encode())
        return batch


class _RecordedTranscriber:
    """Sound is known by its samples, and its place in the clip."""

    def __init__(self, transcriber: Transcriber, results: Results, models: str) -> None:
        self._transcriber = transcriber
        self._results = results
        self._models = models

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        if not PAYING.get().is_durable:
            return await self._transcriber.transcribe(request)
        chunk = request.chunk
        sound = (chunk.rate_hz, chunk.offset_seconds, hashlib.sha256(chunk.pcm).hexdigest())
        key = _key(Role.TRANSCRIPTS, self._models, sound, request.language, request.keywords)
        kept = await self._results.get(key)
        if kept is not None:
            fields = json.loads(kept)
            return TranscriptPiece(
                transcript=_TRANSCRIPT.validate_python(fields["transcript"]),
                usages=_USAGES.validate_python(fields["usages"]),
                notices=_notices(fields["notices"]),
            )
        async with _booked_afterwards():
            piece = await self._transcriber.transcribe(request)
            await _keep(self._results, PAYING.get().job_id, key, to_json(piece).encode())
        return piece


class _RecordedChatModel:
    """A request that has a name in its job is known by that, the question and what was called for before: what is
    remembered of the place may have changed meanwhile, and the answer that was paid for stands. Others are known by
    all of their words."""

    def __init__(self, chat: ChatModel, results: Results, models: str) -> None:
        self._chat = chat
        self._results = results
        self._models = models

    async def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | ToolCall | AnswerEnd | Notice]:
        account = PAYING.get()
        if not account.is_durable:
            async with closing(self._chat.answer(prompt)) as items:
                async for item in items:
                    yield item
            return
        named = (prompt.step,) if prompt.step else (prompt.rules, prompt.evidence)
        results = [(result.call.name, result.call.arguments, result.text, result.said) for result in prompt.results]
        key = _key(Role.CHAT, self._models, account.job_id, named, prompt.question.text, results, prompt.may_call)
        kept = await self._results.get(key)
        if kept is not None:
            for fields in json.loads(kept):
                yield _read_item(fields)
            return
        told: list[object] = []
        unbooked: list[Book] = []
        async with _booked_at_the_end(unbooked), closing(_unbooked(self._chat.answer(prompt), unbooked)) as items:
            async for item in items:
                told.append({_KINDS[type(item)]: json.loads(to_json(item))})
                if isinstance(item, AnswerEnd):
                    await _keep(self._results, account.job_id, key, json.dumps(told).encode())
                    await _book(unbooked)
                yield item


class _RecordedSynthesizer:
    """A sentence is known by its words and how it is said."""

    def __init__(self, synthesizer: Synthesizer, results: Results, models: str) -> None:
        self._synthesizer = synthesizer
        self._results = results
        self._models = models

    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd | Notice]:
        account = PAYING.get()
        if not account.is_durable:
            async with closing(self._synthesizer.speak(request)) as items:
                async for item in items:
                    yield item
            return
        key = _key(Role.SPEECH, self._models, account.job_id, request.text, request.voice, request.language)
        kept = await self._results.get(key)
        if kept is not None:
            head, _, pcm = kept.partition(b"\n")
            fields = json.loads(head)
            for notice in _notices(fields["notices"]):
                yield notice
            yield AudioChunk(rate_hz=fields["rate_hz"], pcm=pcm)
            yield SpeechEnd(usage=_USAGE.validate_python(fields["usage"]))
            return
        notices: list[Notice] = []
        sound: list[AudioChunk] = []
        unbooked: list[Book] = []
        async with (
            _booked_at_the_end(unbooked),
            closing(_unbooked(self._synthesizer.speak(request), unbooked)) as items,
        ):
            async for item in items:
                match item:
                    case AudioChunk():
                        sound.append(item)
                    case Notice():
                        notices.append(item)
                    case SpeechEnd():
                        await _keep(self._results, account.job_id, key, _packed(notices, sound, item.usage))
                        await _book(unbooked)
                yield item


@asynccontextmanager
async def _booked_at_the_end(unbooked: list[Book]) -> AsyncGenerator[None]:
    """However the block ends."""
    try:
        yield
    finally:
        await _book(unbooked)


@asynccontextmanager
async def _booked_afterwards() -> AsyncGenerator[None]:
    """What calls in this block cost is booked at its end."""
    unbooked: list[Book] = []
    async with _booked_at_the_end(unbooked):
        with booked_later(unbooked):
            yield


async def _unbooked(stream: AsyncIterator[_Item], unbooked: list[Book]) -> AsyncIterator[_Item]:
    """A provider's stream; what calls cost that begin before its first item is left in `unbooked`. What is done between
    two items is none of its business."""
    async with closing(stream) as items:
        with booked_later(unbooked):
            first = await anext(items, None)
        if first is not None:
            yield first
        async for item in items:
            yield item


async def _book(unbooked: list[Book]) -> None:
    while unbooked:
        await unbooked.pop(0)()


async def _keep(results: Results, job_id: str, key: str, value: bytes) -> None:
    """What was paid for is used even where it cannot be kept."""
    try:
        await results.put(job_id, key, value)
    except MemoryFault as fault:
        log.warning("job %s: what a call gave is not kept: %s", job_id, fault.code)


_KINDS: dict[type, str] = {AnswerDelta: "text", ToolCall: "call", AnswerEnd: "end", Notice: "notice"}


def _read_item(fields: dict[str, Any]) -> AnswerDelta | ToolCall | AnswerEnd | Notice:
    ((kind, value),) = fields.items()
    match kind:
        case "text":
            return AnswerDelta(text=value["text"])
        case "call":
            return _CALL.validate_python(value)
        case "end":
            return AnswerEnd(reason=FinishReason(value["reason"]), usage=_USAGE.validate_python(value["usage"]))
        case _:
            return _notices([value])[0]


def _notices(fields: list[object]) -> tuple[Notice, ...]:
    return read_notices(json.dumps(fields))


def _packed(notices: list[Notice], sound: list[AudioChunk], usage: Usage) -> bytes:
    """One line of JSON, then the samples."""
    head = {
        "rate_hz": sound[0].rate_hz if sound else 1,
        "notices": json.loads(to_json(tuple(notices))),
        "usage": json.loads(to_json(usage)),
    }
    return b"\n".join([json.dumps(head).encode(), b"".join(chunk.pcm for chunk in sound)])


def _key(role: Role, *ingredients: object) -> str:
    """What a result depends on, as a short key."""
    return hashlib.sha256(repr((role.value, *ingredients)).encode()).hexdigest()
