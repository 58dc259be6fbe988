"""Scripted providers and a listener that keeps everything."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from bot.domain.answer import Prompt, Usage
from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.events import JobEvent
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.speech import Segment, Transcript
from bot.domain.timeline import Caption
from bot.media.limits import MediaLimits
from bot.pipeline.crew import Crew, ModelRef
from bot.providers.base import (
    AnswerDelta,
    AnswerEnd,
    CaptionBatch,
    CaptionRequest,
    EmbedBatch,
    EmbedRequest,
    FinishReason,
    SpeechEnd,
    SpeechRequest,
    TranscriptPiece,
    TranscriptRequest,
)


def usage(role: Role, **amounts: float) -> Usage:
    return Usage(role=role, provider="fake", model="scripted", cost_usd=0.0, **amounts)  # type: ignore[arg-type]


def broken(category: ProviderCategory = ProviderCategory.SERVER) -> ProviderError:
    return ProviderError("scripted_failure", "The scripted provider fails; nothing to do.", category=category)


@dataclass
class ScriptedCaptioner:
    """Says `describe(at_seconds)` of every frame; None leaves the frame out."""

    describe: Callable[[float], str | None] = lambda at: f"frame at {at:g}"
    fail_at: Sequence[int] = ()
    requests: list[CaptionRequest] = field(default_factory=list)

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        self.requests.append(request)
        if len(self.requests) - 1 in self.fail_at:
            raise broken()
        await asyncio.sleep(0)
        captions = tuple(
            Caption(at_seconds=frame.at_seconds, since_seconds=frame.since_seconds, text=words)
            for frame in request.frames
            if (words := self.describe(frame.at_seconds)) is not None
        )
        return CaptionBatch(captions=captions, usages=(usage(Role.CAPTIONS),))


@dataclass
class ScriptedTranscriber:
    """Says `words` of every piece."""

    words: str = "hello there"
    fail_at: Sequence[int] = ()
    requests: list[TranscriptRequest] = field(default_factory=list)

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        self.requests.append(request)
        if len(self.requests) - 1 in self.fail_at:
            raise broken()
        await asyncio.sleep(0)
        chunk = request.chunk
        segment = Segment(
            start_seconds=chunk.offset_seconds,
            end_seconds=chunk.offset_seconds + chunk.duration_seconds,
            text=self.words,
        )
        return TranscriptPiece(
            transcript=Transcript(segments=(segment,) if self.words else (), language="en"),
            usages=(usage(Role.TRANSCRIPTS, audio_seconds=chunk.duration_seconds),),
        )


@dataclass
class ScriptedChat:
    """Answers `text` word by word; breaks after `break_after` words with `failure`."""

    text: str = "It is a test. It works."
    break_after: int | None = None
    failure: ProviderCategory = ProviderCategory.INTERRUPTED
    finish: FinishReason = FinishReason.COMPLETE
    prompts: list[Prompt] = field(default_factory=list)

    async def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | AnswerEnd]:
        self.prompts.append(prompt)
        for count, word in enumerate(self.text.split(" ")):
            if count == self.break_after:
                raise broken(self.failure)
            await asyncio.sleep(0)
            yield AnswerDelta(text=word if count == 0 else f" {word}")
        yield AnswerEnd(reason=self.finish, usage=usage(Role.CHAT))


@dataclass
class ToneSynthesizer:
    """Says every sentence as a tone of 50 ms per character, in two chunks; fails at the given sentences."""

    fail_at: Sequence[int] = ()
    rate_hz: int = 24_000
    sentences: list[str] = field(default_factory=list)

    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd]:
        self.sentences.append(request.text)
        if len(self.sentences) - 1 in self.fail_at:
            raise broken()
        count = int(len(request.text) * 0.05 * self.rate_hz)
        pcm = (8000 * np.sin(np.arange(count) * 2 * np.pi * 440 / self.rate_hz)).astype("<i2").tobytes()
        half = len(pcm) // 4 * 2
        for part in (pcm[:half], pcm[half:]):
            await asyncio.sleep(0)
            yield AudioChunk(rate_hz=self.rate_hz, pcm=part)
        yield SpeechEnd(usage=usage(Role.SPEECH, characters=len(request.text)))


@dataclass
class WordEmbedder:
    """Each text points where its `meaning` does; texts without one point nowhere near another."""

    meanings: Sequence[Sequence[str]] = ()
    model: str = "words@64"
    seconds: float = 0.0
    fails: bool = False
    requests: list[EmbedRequest] = field(default_factory=list)

    async def embed(self, request: EmbedRequest) -> EmbedBatch:
        self.requests.append(request)
        if self.fails:
            raise broken()
        await asyncio.sleep(self.seconds)
        vectors = tuple(self._vector(text) for text in request.texts)
        return EmbedBatch(vectors=vectors, usages=(usage(Role.EMBEDDINGS),))

    def _vector(self, text: str) -> tuple[float, ...]:
        vector = np.zeros(64)
        for at, words in enumerate(self.meanings):
            vector[at] = any(word in text for word in words)
        if not vector.any():
            vector[len(self.meanings) + sum(text.encode()) % (64 - len(self.meanings))] = 1.0
        return tuple((vector / np.linalg.norm(vector)).tolist())


class KeepingListener:
    """Keeps every event, word and sound."""

    def __init__(self) -> None:
        self.events: list[JobEvent] = []
        self.words = ""
        self.chunks: list[AudioChunk] = []

    def event(self, event: JobEvent) -> None:
        self.events.append(event)

    def text(self, delta: str) -> None:
        self.words += delta

    def audio(self, chunk: AudioChunk) -> None:
        self.chunks.append(chunk)

    def names(self) -> list[str]:
        return [type(event).__name__ for event in self.events]


def crew_of(
    *,
    captioner: ScriptedCaptioner | None = None,
    transcriber: ScriptedTranscriber | None = None,
    chat: ScriptedChat | None = None,
    synthesizer: ToneSynthesizer | None = None,
    **settings: object,
) -> Crew:
    """A crew of scripted providers; `settings` are fields of Crew."""
    return Crew(
        captioner=captioner or ScriptedCaptioner(),
        transcriber=transcriber or ScriptedTranscriber(),
        chat=chat or ScriptedChat(),
        synthesizer=synthesizer or ToneSynthesizer(),
        **{
            "models": {role: (ModelRef(provider="fake", model="scripted"),) for role in Role},
            "gates": {role: asyncio.Semaphore(4) for role in Role},
            "limits": MediaLimits(),
            **settings,
        },  # type: ignore[arg-type]
    )
