"""Those who do hired work, each call of theirs a span: who did it, how long it took, what it used."""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AbstractContextManager

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from bot.domain.answer import Prompt, ToolCall, Usage
from bot.domain.errors import BotError
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.timeline import Notice
from bot.operations import span_names as names
from bot.providers.base import (
    AnswerDelta,
    AnswerEnd,
    CaptionBatch,
    Captioner,
    CaptionRequest,
    ChatModel,
    EmbedBatch,
    Embedder,
    EmbedRequest,
    SpeechEnd,
    SpeechRequest,
    Synthesizer,
    Transcriber,
    TranscriptPiece,
    TranscriptRequest,
)
from bot.providers.streams import closing


class Call:
    """The span of one call; it has its whole name when it is known who did it."""

    def __init__(self, tracer: Tracer, role: Role, *, job_id: str, within: Span | None, now: Callable[[], int]) -> None:
        attributes: dict[str, AttributeValue] = {names.OPERATION: names.OPERATIONS[role], names.ROLE: role.value}
        if role in names.OUTPUT_TYPES:
            attributes[names.OUTPUT_TYPE] = names.OUTPUT_TYPES[role]
        if job_id:
            attributes[names.JOB_ID] = job_id
        self._operation = names.OPERATIONS[role]
        self._now = now
        self._began = now()
        self._has_begun = False
        self._span = tracer.start_span(
            self._operation,
            None if within is None else set_span_in_context(within),
            kind=SpanKind.CLIENT,
            attributes=attributes,
            start_time=self._began,
        )

    def began(self) -> None:
        """The first piece of a stream is there."""
        if not self._has_begun:
            self._has_begun = True
            self._span.set_attribute(names.FIRST_CHUNK_SECONDS, (self._now() - self._began) / 1e9)

    def finished(self, reason: str) -> None:
        """Why an answer ended."""
        self._span.set_attribute(names.FINISH_REASONS, (reason,))

    def used(self, usages: Iterable[Usage]) -> None:
        """Who did it, and what it took; the last of several names the span."""
        usages = tuple(usages)
        if not usages:
            return
        by = usages[-1]
        costs = [usage.cost_usd for usage in usages if usage.cost_usd is not None]
        self._span.update_name(f"{self._operation} {by.model}")
        self._span.set_attributes(
            {
                names.PROVIDER: by.provider,
                names.REQUEST_MODEL: by.model,
                names.INPUT_TOKENS: sum(usage.input_tokens for usage in usages),
                names.OUTPUT_TOKENS: sum(usage.output_tokens for usage in usages),
                names.REQUESTS: sum(usage.requests for usage in usages),
                names.AUDIO_SECONDS: sum(usage.audio_seconds for usage in usages),
                names.CHARACTERS: sum(usage.characters for usage in usages),
            }
        )
        if len(costs) == len(usages):
            self._span.set_attribute(names.COST_USD, sum(costs))

    def failed(self, error: BaseException) -> None:
        """Told by its code, never by its message. A stream that nobody reads on has not failed."""
        if isinstance(error, GeneratorExit):
            return
        self._span.set_attribute(names.ERROR, error.code if isinstance(error, BotError) else type(error).__name__)
        if isinstance(error, Exception):
            self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """Over, however it went."""
        self._span.end(self._now())


Begin = Callable[[Role], AbstractContextManager[Call]]


class TracedCaptioner:
    """A Captioner."""

    def __init__(self, own: Captioner, begin: Begin) -> None:
        self._own = own
        self._begin = begin

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        with self._begin(Role.CAPTIONS) as call:
            batch = await self._own.caption(request)
            call.used(batch.usages)
            return batch


class TracedTranscriber:
    """A Transcriber."""

    def __init__(self, own: Transcriber, begin: Begin) -> None:
        self._own = own
        self._begin = begin

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        with self._begin(Role.TRANSCRIPTS) as call:
            piece = await self._own.transcribe(request)
            call.used(piece.usages)
            return piece


class TracedChatModel:
    """A ChatModel."""

    def __init__(self, own: ChatModel, begin: Begin) -> None:
        self._own = own
        self._begin = begin

    async def answer(self, prompt: Prompt) -> AsyncGenerator[AnswerDelta | ToolCall | AnswerEnd | Notice]:
        with self._begin(Role.CHAT) as call:
            async with closing(self._own.answer(prompt)) as items:
                async for item in items:
                    if isinstance(item, AnswerEnd):
                        call.finished(item.reason.value)
                        call.used((item.usage,))
                    elif not isinstance(item, Notice):
                        call.began()
                    yield item


class TracedSynthesizer:
    """A Synthesizer."""

    def __init__(self, own: Synthesizer, begin: Begin) -> None:
        self._own = own
        self._begin = begin

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk | SpeechEnd | Notice]:
        with self._begin(Role.SPEECH) as call:
            async with closing(self._own.speak(request)) as items:
                async for item in items:
                    if isinstance(item, SpeechEnd):
                        call.used((item.usage,))
                    elif not isinstance(item, Notice):
                        call.began()
                    yield item


class TracedEmbedder:
    """An Embedder."""

    def __init__(self, own: Embedder, begin: Begin) -> None:
        self._own = own
        self._begin = begin

    @property
    def model(self) -> str:
        return self._own.model

    async def embed(self, request: EmbedRequest) -> EmbedBatch:
        with self._begin(Role.EMBEDDINGS) as call:
            batch = await self._own.embed(request)
            call.used(batch.usages)
            return batch
