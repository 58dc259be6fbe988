"""Models that say what a test tells them to, in place of hired ones."""

import json
from collections import deque
from collections.abc import AsyncIterator, Mapping

import numpy as np

from bot.domain.answer import Prompt, ToolCall, Usage
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.speech import Segment, Transcript
from bot.domain.timeline import Caption, Notice
from bot.hooks.specs import hookimpl
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

PROVIDER, MODEL = "testkit", "scripted"
_RATE_HZ = 24_000
_SECONDS_PER_LETTER = 0.02


class Clouds:
    """Captioner, transcriber, chat model and synthesizer in one. `says` is what the chat model says, one item for each
    request; the last is said again and again. `sees` and `hears` are said of every frame and every piece of sound."""

    def __init__(self) -> None:
        self.says: deque[str | ToolCall] = deque(["A scripted answer."])
        self.sees = "A scripted picture."
        self.hears = ""
        self.prompts: list[Prompt] = []
        self.caption_requests: list[CaptionRequest] = []
        self.spoken: list[SpeechRequest] = []

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        self.caption_requests.append(request)
        captions = [
            Caption(at_seconds=frame.at_seconds, since_seconds=frame.since_seconds, text=self.sees)
            for frame in request.frames
        ]
        return CaptionBatch(captions=tuple(captions), usages=(_usage(Role.CAPTIONS),))

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        start = request.chunk.offset_seconds
        said = Segment(start_seconds=start, end_seconds=start + request.chunk.duration_seconds, text=self.hears)
        transcript = Transcript(segments=(said,) if self.hears else (), language="en" if self.hears else None)
        return TranscriptPiece(transcript=transcript, usages=(_usage(Role.TRANSCRIPTS),))

    async def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | ToolCall | AnswerEnd | Notice]:
        self.prompts.append(prompt)
        said = self.says.popleft() if len(self.says) > 1 else self.says[0]
        if isinstance(said, ToolCall):
            yield said
        else:
            for word in said.split(" ")[:-1]:
                yield AnswerDelta(text=f"{word} ")
            yield AnswerDelta(text=said.rpartition(" ")[2])
        reason = FinishReason.TOOLS if isinstance(said, ToolCall) else FinishReason.COMPLETE
        yield AnswerEnd(reason=reason, usage=_usage(Role.CHAT))

    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd | Notice]:
        self.spoken.append(request)
        yield tone(len(request.text) * _SECONDS_PER_LETTER, hz=220, rate_hz=_RATE_HZ)
        yield SpeechEnd(usage=_usage(Role.SPEECH))

    @hookimpl
    def register_captioners(self) -> Mapping[str, Captioner]:
        return {MODEL: self}

    @hookimpl
    def register_transcribers(self) -> Mapping[str, Transcriber]:
        return {MODEL: self}

    @hookimpl
    def register_chat_models(self) -> Mapping[str, ChatModel]:
        return {MODEL: self}

    @hookimpl
    def register_synthesizers(self) -> Mapping[str, Synthesizer]:
        return {MODEL: self}


def tool_call(name: str, arguments: Mapping[str, object]) -> ToolCall:
    """What the chat model says to have a tool called."""
    return ToolCall(call_id=f"call-{name}", name=name, arguments=json.dumps(arguments))


def tone(seconds: float, *, hz: float, rate_hz: int, offset_seconds: float = 0.0) -> AudioChunk:
    """A sine wave; silence at 0 Hz."""
    wave = 8_000 * np.sin(np.arange(round(seconds * rate_hz)) * 2 * np.pi * hz / rate_hz)
    return AudioChunk(rate_hz=rate_hz, offset_seconds=offset_seconds, pcm=wave.astype("<i2").tobytes())


def _usage(role: Role) -> Usage:
    return Usage(role=role, provider=PROVIDER, model=MODEL, cost_usd=0.0)
