"""Transcripts of pieces of sound, with the vendor's times where there are any and ours where not."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from bot.domain.answer import Usage
from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk, EncodedAudio
from bot.domain.sentence import sentence
from bot.domain.speech import Transcript
from bot.providers.base import TranscriptPiece, TranscriptRequest
from bot.providers.openai.billing import usage_of_sound
from bot.providers.openai.capabilities import Capabilities, Learner, drop_parameter, guess
from bot.providers.openai.connection import Connection
from bot.providers.openai.errors import RejectionError, from_event, wrong_address
from bot.providers.openai.hallucinations import Surroundings, is_invented, loudness_dbfs
from bot.providers.openai.transcript_reply import Heard, place, read_heard, read_language
from bot.providers.prices import Quantity
from bot.providers.retry import Retry

Result = TypeVar("Result")

_log = logging.getLogger(__name__)

_REFUSAL_SECONDS = 0.3
_PATH = "/audio/transcriptions"
_LONGEST_SECONDS = 600.0
_LARGEST_BYTES = 24 * 1024 * 1024
_PROMPT_CHARACTERS = 600
_MOST_KEYWORDS = 100


class OpenAITranscriber:
    """A Transcriber over `/audio/transcriptions`. `encode` compresses a piece for the upload; `encode_urgent` takes no
    time for that."""

    def __init__(
        self,
        connection: Connection,
        *,
        model: str,
        encode: Callable[[AudioChunk], Awaitable[EncodedAudio]],
        encode_urgent: Callable[[AudioChunk], Awaitable[EncodedAudio]] | None = None,
        retry: Retry | None = None,
    ) -> None:
        self._connection = connection
        self._endpoint = connection.endpoint
        self._model = model
        self._encode = encode
        self._encode_urgent = encode_urgent or encode
        self._retry = retry or Retry()
        self._learner = Learner(guess(connection.endpoint, model))
        self._settled: asyncio.Event | None = None

    @property
    def capabilities(self) -> Capabilities:
        """What is known of the model so far."""
        return self._learner.current

    async def _after_the_first(self, call: Callable[[], Awaitable[Result]]) -> Result:
        """The first piece finds out whether the server gives times; the others wait a moment for a refusal, so that
        only one request is refused. A server that takes the question is not waited for."""
        if self._settled is None:
            self._settled = asyncio.Event()
            try:
                return await call()
            finally:
                self._settled.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(_REFUSAL_SECONDS):
                await self._settled.wait()
        return await call()

    def _learn(self, capabilities: Capabilities, rejection: RejectionError) -> Capabilities:
        """The lesson of a refusal; one that names its parameter holds for the pieces that wait as well."""
        lesson = _lesson(capabilities, rejection)
        if rejection.parameter is not None and self._settled is not None and not self._settled.is_set():
            self._learner.current = lesson
            self._settled.set()
        return lesson

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        """The transcript of one piece, without what was most likely never said."""
        chunk = request.chunk
        if chunk.duration_seconds > _LONGEST_SECONDS:
            raise self._too_large()
        audio = await (self._encode_urgent if request.is_urgent else self._encode)(chunk)
        if len(audio.data) > _LARGEST_BYTES:
            raise self._too_large()

        async def attempt(capabilities: Capabilities) -> tuple[Mapping[str, object], Usage]:
            seconds = chunk.duration_seconds
            async with self._connection.paying(self._model, Quantity(audio_seconds=seconds)) as bill:
                fields = await self._connection.upload(_PATH, self._fields(request, capabilities), audio)
                if fields.get("error"):
                    raise from_event(fields["error"], self._endpoint)
                if "text" not in fields and "segments" not in fields:
                    raise wrong_address(self._endpoint)
                used = usage_of_sound(self._endpoint, self._model, audio_seconds=seconds, reported=fields.get("usage"))
                bill.settle(used)
            return fields, used

        fields, used = await self._after_the_first(
            lambda: self._retry.call(lambda: self._learner.call(attempt, self._learn))
        )
        heard = self._without_inventions(read_heard(fields), request)
        return TranscriptPiece(
            transcript=Transcript(
                segments=place(heard, offset_seconds=chunk.offset_seconds, duration_seconds=chunk.duration_seconds),
                language=read_language(fields),
            ),
            usages=(used,),
        )

    def _fields(self, request: TranscriptRequest, capabilities: Capabilities) -> dict[str, object]:
        fields: dict[str, object] = {"model": self._model, "response_format": "json"}
        if capabilities.timestamps:
            fields["response_format"] = "verbose_json"
            if capabilities.accepts("timestamp_granularities"):
                fields["timestamp_granularities"] = ["segment"]
        if "diarize" in self._model:
            return {"model": self._model, "response_format": "diarized_json", "chunking_strategy": "auto"}
        language = (request.language or "").split("-")[0]
        if language:
            fields |= {"languages": [language]} if capabilities.keywords else {"language": language}
        if capabilities.keywords and request.keywords:
            fields["keywords"] = list(request.keywords[:_MOST_KEYWORDS])
        if prompt := _prompt(request, capabilities):
            fields["prompt"] = prompt
        return {name: value for name, value in fields.items() if capabilities.accepts(name)}

    def _without_inventions(self, heard: tuple[Heard, ...], request: TranscriptRequest) -> tuple[Heard, ...]:
        if not heard:
            return ()
        around = Surroundings(
            duration_seconds=request.chunk.duration_seconds,
            loudness_dbfs=loudness_dbfs(request.chunk.pcm),
            is_whole=len(heard) == 1,
            prompt=" ".join((request.previous_text, *request.keywords)),
        )
        kept = tuple(item for item in heard if not is_invented(item.text, item.quality, around))
        if len(kept) < len(heard):
            _log.debug("dropped %d of %d segments as never said", len(heard) - len(kept), len(heard))
        return kept

    def _too_large(self) -> ProviderError:
        return ProviderError(
            "too_large",
            sentence(
                "{role}: this piece of sound is too long for one upload. Use shorter pieces.", role=self._endpoint.role
            ),
            category=ProviderCategory.TOO_LARGE,
        )


def _prompt(request: TranscriptRequest, capabilities: Capabilities) -> str:
    """The tail of what was said before, and the names to expect where they have no field of their own."""
    names = () if capabilities.keywords else request.keywords[:_MOST_KEYWORDS]
    return " ".join(filter(None, (", ".join(names), request.previous_text[-_PROMPT_CHARACTERS:].strip())))


def _lesson(capabilities: Capabilities, rejection: RejectionError) -> Capabilities:
    """Any rejection without a parameter of its own is first taken as one of timestamps: few servers say why."""
    is_unclear = rejection.category is ProviderCategory.BAD_REQUEST
    if (
        is_unclear
        and capabilities.timestamps
        and rejection.parameter in (None, "response_format", "timestamp_granularities")
    ):
        return replace(capabilities, timestamps=False)
    return drop_parameter(capabilities, rejection)
