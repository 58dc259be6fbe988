"""Any Transcriber as one that listens while people speak: what was said so far is transcribed when it is asked for."""

import asyncio
from collections.abc import Callable

from bot.domain.media import AudioChunk
from bot.domain.speech import Transcript
from bot.providers.base import SpeechStream, StreamRequest, Transcriber, TranscriptPiece, TranscriptRequest

RATE_HZ = 16_000
_LONGEST_BYTES = 300 * RATE_HZ * 2


class BatchStreamingTranscriber:
    """A StreamingTranscriber; sound beyond five minutes of one stretch is left out."""

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber

    def open(self, request: StreamRequest, on_interim: Callable[[str], None]) -> SpeechStream:
        return _BatchStream(self._transcriber, request)


class _BatchStream:
    def __init__(self, transcriber: Transcriber, request: StreamRequest) -> None:
        self._transcriber = transcriber
        self._request = request
        self._pcm = bytearray()
        self._done: TranscriptPiece | None = None
        self._done_bytes = -1
        self._turn = asyncio.Lock()

    def feed(self, pcm: bytes) -> None:
        self._pcm += pcm[: _LONGEST_BYTES - len(self._pcm)]

    async def settle(self) -> TranscriptPiece:
        async with self._turn:
            size = len(self._pcm)
            if not size:
                return TranscriptPiece(transcript=Transcript(), usages=())
            if self._done is not None and size == self._done_bytes:
                return TranscriptPiece(transcript=self._done.transcript, usages=(), notices=())
            piece = await self._transcriber.transcribe(
                TranscriptRequest(
                    chunk=AudioChunk(rate_hz=RATE_HZ, pcm=bytes(self._pcm[:size])),
                    keywords=self._request.keywords,
                    language=self._request.language,
                )
            )
            self._done, self._done_bytes = piece, size
            return piece

    async def aclose(self) -> None:
        self._pcm.clear()
