"""Speech as it is spoken, put into words by a Transcriber that knows only whole pieces."""

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from bot.domain.answer import Usage
from bot.domain.errors import ProviderError
from bot.domain.media import AudioChunk
from bot.domain.speech import Segment, Transcript
from bot.providers.agreement import LONGEST_PROMPT_CHARACTERS, LONGEST_WINDOW_SECONDS, Agreement, TimedWord
from bot.providers.base import StreamRequest, Transcriber, TranscriptPiece, TranscriptRequest

LONGEST_SPEECH_SECONDS = 300.0
SHORTEST_PIECE_SECONDS = 0.1  # servers refuse less

_RATE_HZ = 16_000
_BYTES_PER_SECOND = 2 * _RATE_HZ
_STEP_SECONDS = 0.5
_REDONE_SECONDS = 3.0
# A word with the space before it; scripts without spaces agree character by character.
_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
_IS_UNSPACED = re.compile(f"[{_UNSPACED}]")
_WORD = re.compile(rf"\s*(?:[{_UNSPACED}]|[^\s{_UNSPACED}]+)")


class BatchStreamingTranscriber:
    """A StreamingTranscriber over any Transcriber. Live words need the same sound to be transcribed again and again:
    `interim` is for engines that cost nothing. Without it a stream says nothing before it is settled, and pieces that
    were settled and paid for are not transcribed again unless they are very short.

    At most 300 s of sound wait for a transcript; what is fed beyond is not heard.
    """

    def __init__(self, transcriber: Transcriber, *, interim: bool) -> None:
        self._transcriber = transcriber
        self._interim = interim

    def prepare(self) -> None:
        """A server needs none."""

    def open(self, request: StreamRequest, on_interim: Callable[[str], None]) -> "BatchStream":
        """See StreamingTranscriber. Needs a running event loop from the first `feed` on."""
        return BatchStream(self._transcriber, request, on_interim if self._interim else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settled:
    """The last final result: of so many bytes of the part, `piece` of everything."""

    size: int
    part: tuple[Segment, ...]
    piece: TranscriptPiece


class BatchStream:
    """A SpeechStream. Its sound is held in parts: earlier ones have their final words and are let go of."""

    def __init__(
        self, transcriber: Transcriber, request: StreamRequest, on_interim: Callable[[str], None] | None
    ) -> None:
        self._transcriber = transcriber
        self._request = request
        self._on_interim = on_interim
        self._redone_seconds = _REDONE_SECONDS if on_interim is None else LONGEST_WINDOW_SECONDS
        self._kept: list[Segment] = []
        self._origin_bytes = 0
        self._part = bytearray()
        self._agreement = Agreement()
        self._settled: _Settled | None = None
        self._usages: list[Usage] = []
        self._passed_size = 0
        self._pass: asyncio.Task[None] | None = None
        self._told = ""
        self._settling = asyncio.Lock()
        self._is_closed = False

    def feed(self, pcm: bytes) -> None:
        """See SpeechStream."""
        room = round(LONGEST_SPEECH_SECONDS * _BYTES_PER_SECOND) - len(self._part)
        if self._is_closed or room <= 0:
            return
        self._part += pcm[:room]
        if self._on_interim is not None and self._pass is None and self._has_more:
            self._pass = asyncio.create_task(self._run_passes(), name="live-words")

    async def settle(self) -> TranscriptPiece:
        """See SpeechStream."""
        async with self._settling:
            await self._drop_passes()
            if self._settled is not None and (self._is_closed or self._settled.size == len(self._part)):
                return replace(self._settled.piece, usages=self._spent())
            self._part_again()
            size = len(self._part)
            start = self._window_start(size)
            piece = await self._ask(start, size)
            self._agreement.settle(_words(piece.transcript, goes_on=start > 0))
            part = piece.transcript.segments if start == 0 else _joined(self._agreement.words)
            whole = TranscriptPiece(
                transcript=Transcript(segments=(*self._kept, *part), language=piece.transcript.language),
                usages=(),
                notices=piece.notices,
            )
            self._settled = _Settled(size=size, part=part, piece=whole)
            self._passed_size = size
            return replace(whole, usages=self._spent())

    async def aclose(self) -> None:
        """See SpeechStream."""
        self._is_closed = True
        self._part.clear()
        await self._drop_passes()

    @property
    def _has_more(self) -> bool:
        return len(self._part) - self._passed_size >= _STEP_SECONDS * _BYTES_PER_SECOND

    def _spent(self) -> tuple[Usage, ...]:
        spent = tuple(self._usages)
        self._usages.clear()
        return spent

    def _part_again(self) -> None:
        """Where more was fed after a final result: begin a new part, or do a short one again with what follows it."""
        settled = self._settled
        if settled is None or settled.size == len(self._part):
            return
        if settled.size >= self._redone_seconds * _BYTES_PER_SECOND:
            self._kept += settled.part
            self._let_go(settled.size)
        self._settled = None
        self._agreement = Agreement()

    def _let_go(self, size: int) -> None:
        del self._part[:size]
        self._origin_bytes += size
        self._passed_size = max(0, self._passed_size - size)

    def _window_start(self, size: int) -> int:
        """Where what must be transcribed again begins: sound whose words are not agreed upon is never left out."""
        if self._on_interim is None or size <= LONGEST_WINDOW_SECONDS * _BYTES_PER_SECOND:
            return 0
        begin = round(self._agreement.committed_seconds * _RATE_HZ) * 2 - self._origin_bytes
        return min(max(0, begin), size)

    async def _run_passes(self) -> None:
        """Tell live words until recognition has caught up. Where it fails, there are none until more is fed."""
        try:
            with suppress(ProviderError):
                while self._has_more and not self._is_closed:
                    await self._one_pass()
        finally:
            self._pass = None

    async def _one_pass(self) -> None:
        self._part_again()
        start = self._window_start(len(self._part))
        end = min(len(self._part), start + round(LONGEST_WINDOW_SECONDS * _BYTES_PER_SECOND))
        is_full = end < len(self._part)
        self._passed_size = len(self._part)
        before = self._agreement.committed_seconds
        piece = await self._ask(start, end)
        words = _words(piece.transcript, goes_on=start > 0)
        self._agreement.add(words)
        if is_full and self._agreement.committed_seconds == before:
            self._agreement.settle(words)  # otherwise live words would stand still here for ever
            self._kept += _joined(self._agreement.words)
            self._agreement = Agreement()
            self._let_go(end)
        text = " ".join(filter(None, [*(segment.text for segment in self._kept), self._agreement.text]))
        if self._on_interim is not None and not self._is_closed and text != self._told:
            self._told = text
            self._on_interim(text)

    async def _drop_passes(self) -> None:
        if self._pass is not None:
            self._pass.cancel()
            await asyncio.gather(self._pass, return_exceptions=True)

    async def _ask(self, start: int, end: int) -> TranscriptPiece:
        if end - start < SHORTEST_PIECE_SECONDS * _BYTES_PER_SECOND:
            return TranscriptPiece(transcript=Transcript(), usages=())
        offset_seconds = (self._origin_bytes + start) / _BYTES_PER_SECOND
        earlier = " ".join(segment.text for segment in self._kept)
        previous = f"{earlier} {self._agreement.prompt(offset_seconds)}".strip()
        piece = await self._transcriber.transcribe(
            TranscriptRequest(
                chunk=AudioChunk(rate_hz=_RATE_HZ, offset_seconds=offset_seconds, pcm=bytes(self._part[start:end])),
                previous_text=_tail(previous),
                keywords=self._request.keywords,
                language=self._request.language,
                is_urgent=True,
            )
        )
        self._usages += piece.usages
        return piece


def _words(transcript: Transcript, *, goes_on: bool) -> list[TimedWord]:
    """The words of a transcript; their times are guessed from where they stand in their segment. `goes_on`: there are
    words before these."""
    words: list[TimedWord] = []
    for segment in transcript.segments:
        words += _words_of(segment, goes_on=goes_on or bool(words))
    return words


def _words_of(segment: Segment, *, goes_on: bool) -> Iterator[TimedWord]:
    text = segment.text.strip()
    seconds = segment.end_seconds - segment.start_seconds
    for match in _WORD.finditer(text):
        needs_space = goes_on and match.start() == 0 and not _IS_UNSPACED.match(text)
        yield TimedWord(
            text=f" {match[0]}" if needs_space else match[0],
            start_seconds=segment.start_seconds + seconds * match.start() / len(text),
            end_seconds=segment.start_seconds + seconds * match.end() / len(text),
        )


def _joined(words: tuple[TimedWord, ...]) -> tuple[Segment, ...]:
    text = "".join(word.text for word in words).strip()
    if not text:
        return ()
    return (Segment(start_seconds=words[0].start_seconds, end_seconds=words[-1].end_seconds, text=text),)


def _tail(text: str) -> str:
    """The end of a text, at whole words."""
    if len(text) <= LONGEST_PROMPT_CHARACTERS:
        return text
    return text[-LONGEST_PROMPT_CHARACTERS:].partition(" ")[2] or text[-LONGEST_PROMPT_CHARACTERS:]
