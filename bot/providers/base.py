"""The Protocols of hired work, each with one verb, and what goes in and out of them.

Every verb raises ProviderError (QuotaError for money and rate) and nothing else of its own; CancelledError passes
through. A provider that can do part of a request returns that part: what is missing is the caller's to notice.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.domain.answer import Prompt, ToolCall, Usage
from bot.domain.media import AudioChunk, Frame
from bot.domain.speech import Segment, Transcript
from bot.domain.timeline import Caption, Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionRequest:
    """Frames in chronological order. `previous` is the last caption before them, where it is known already;
    `speech` is what was said around them, as far as it is known. With a `question` the frames are described closely
    for the sake of it. `focus` names objects and people to attend to. `are_sheets`: each picture is a contact sheet of
    several frames with their times, described as one."""

    frames: tuple[Frame, ...]
    previous: Caption | None = None
    speech: tuple[Segment, ...] = ()
    language: str | None = None
    question: str = field(default="", repr=False)
    focus: tuple[str, ...] = field(default=(), repr=False)
    are_sheets: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionBatch:
    """Captions in frame order, at most one per frame, each with the times of its frame."""

    captions: tuple[Caption, ...]
    usages: tuple[Usage, ...]
    notices: tuple[Notice, ...] = ()


class Captioner(Protocol):
    """Puts frames into words."""

    async def caption(self, request: CaptionRequest) -> CaptionBatch: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptRequest:
    """One piece of sound at 16 kHz. `previous_text` is the tail of the piece before it, where known;
    `keywords` are names to expect. `is_urgent`: somebody waits for these words; a little more to upload is better than
    time for compressing it."""

    chunk: AudioChunk
    previous_text: str = field(default="", repr=False)
    keywords: tuple[str, ...] = field(default=(), repr=False)
    language: str | None = None
    is_urgent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptPiece:
    """The transcript of one piece, on the clip's clock, inside the piece's bounds, in order."""

    transcript: Transcript
    usages: tuple[Usage, ...]
    notices: tuple[Notice, ...] = ()


class Transcriber(Protocol):
    """Puts speech into words."""

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRequest:
    """One person's stretch of speech that has just begun; fields as in TranscriptRequest."""

    keywords: tuple[str, ...] = field(default=(), repr=False)
    language: str | None = None


class SpeechStream(Protocol):
    """The transcript of one stretch of speech while it is spoken. Nothing but `settle` raises ProviderError."""

    def feed(self, pcm: bytes) -> None:
        """The next sound, 16 kHz mono, in order. Never blocks; where recognition lags, interim words come later."""
        ...

    async def settle(self) -> TranscriptPiece:
        """All words of the sound fed so far, as sure as they get; times count from the first sample. More may be fed
        afterwards, and settled again; the words then are those of everything. Cancelling one leaves the stream whole.
        `usages` are those since the last time."""
        ...

    async def aclose(self) -> None:
        """Done with it, wherever it stands; safe to call twice."""
        ...


class StreamingTranscriber(Protocol):
    """Puts speech into words while it is spoken."""

    def prepare(self) -> None:
        """People are about to speak: be ready. Never waits."""
        ...

    def open(self, request: StreamRequest, on_interim: Callable[[str], None]) -> SpeechStream:
        """`on_interim` is told, on the event loop, all words so far whenever they change; the last of them may still
        change. Not called any more after `aclose`."""
        ...


class FinishReason(StrEnum):
    """How an answer ended."""

    COMPLETE = "complete"
    LENGTH = "length"
    FILTERED = "filtered"
    TOOLS = "tools"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerDelta:
    """The next words of an answer."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerEnd:
    """The last item of an answer's stream."""

    reason: FinishReason
    usage: Usage


class ChatModel(Protocol):
    """Answers a prompt. The stream ends with AnswerEnd, or raises: ProviderCategory.INTERRUPTED after the first
    AnswerDelta or ToolCall, any other category before it. Calls, only for tools of the prompt, come after the words of
    a stream, which then ends for the reason TOOLS; a model that knows no tools answers without."""

    def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | ToolCall | AnswerEnd | Notice]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    """One sentence to say. `voice` and `language` None: as configured."""

    text: str = field(repr=False)
    voice: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEnd:
    """The last item of a sentence's stream."""

    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedRequest:
    """Texts whose meaning is to be compared; none is empty."""

    texts: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedBatch:
    """One vector of unit length per text, in their order."""

    vectors: tuple[tuple[float, ...], ...] = field(repr=False)
    usages: tuple[Usage, ...]


class Embedder(Protocol):
    """Puts the meaning of texts into numbers. Vectors of one `model` can be compared with each other alone, so no
    other model ever steps in."""

    @property
    def model(self) -> str: ...

    async def embed(self, request: EmbedRequest) -> EmbedBatch: ...


class Synthesizer(Protocol):
    """Says one sentence as mono PCM chunks of one sample rate; the stream ends with SpeechEnd."""

    def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd | Notice]: ...
