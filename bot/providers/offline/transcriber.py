"""Transcripts by pocketsphinx: English, in processes of their own, and nothing where it only guesses."""

import asyncio
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.role import Role
from bot.domain.speech import Segment, Transcript
from bot.domain.timeline import Notice, NoticeCode
from bot.providers.base import TranscriptPiece, TranscriptRequest
from bot.providers.offline.free import free
from bot.providers.offline.process import Worker, start_process

MODEL = "pocketsphinx-en-us"
UNCLEAR_SPEECH = Notice(
    code=NoticeCode.TRANSCRIPT_MISSING,
    role=Role.TRANSCRIPTS,
    public="Some speech was not clear enough to be recognised here, or is not English.",
)

_PROGRAM = str(Path(__file__).with_name("recogniser.py"))
_RATE_HZ = 16_000
_PAUSE_SECONDS = 0.5
_LONGEST_SECONDS = 600.0
_REPLY_BYTES = 2**22
# Mean word posterior, weighted by duration. On real recordings English read or spoken clearly has 0.53 to 0.98,
# other languages and mumbling 0.08 to 0.46; single words need more, because chance alone gives them much.
_SURE = 0.5
_SURE_WORD = 0.7
_FEW_WORDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A recognised word, in seconds from the start of the piece. `probability` is its posterior."""

    text: str = field(repr=False)
    start_seconds: float
    end_seconds: float
    probability: float


class OfflineTranscriber:
    """A Transcriber with at most `workers` recognisers. One that did nothing for `idle_seconds` is ended; one whose
    piece takes longer than `start_seconds` plus `pace` times its length is killed, as is one whose caller leaves.
    `aclose` ends all of them."""

    def __init__(
        self, *, workers: int = 2, idle_seconds: float = 60.0, start_seconds: float = 20.0, pace: float = 6.0
    ) -> None:
        self._gate = asyncio.Semaphore(workers)
        self._idle: list[_Worker] = []
        self._idle_seconds = idle_seconds
        self._start_seconds = start_seconds
        self._pace = pace

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        """Words of one piece as segments, parted at pauses; a Notice where speech was too unclear. Raises
        ProviderError when the recogniser fails or takes too long."""
        chunk = request.chunk
        if chunk.rate_hz != _RATE_HZ or chunk.duration_seconds > _LONGEST_SECONDS:
            raise ProviderError(
                "piece_refused",
                "The recogniser takes pieces of at most ten minutes at 16 kHz.",
                category=ProviderCategory.BAD_REQUEST,
            )
        if request.language is not None and request.language.split("-")[0].lower() != "en":
            return _piece((), notices=(UNCLEAR_SPEECH,), request=request)
        async with self._gate:
            reply = await self._ask(chunk.pcm, self._start_seconds + self._pace * chunk.duration_seconds)
        kept, unclear = clear(_utterances(reply))
        return _piece(kept, notices=(UNCLEAR_SPEECH,) if unclear else (), request=request)

    async def aclose(self) -> None:
        """End the recognisers that wait for work."""
        while self._idle:
            await self._idle.pop().close()

    async def _ask(self, pcm: bytes, wall_seconds: float) -> bytes:
        worker = self._idle.pop() if self._idle else _Worker()
        reply = b""
        try:
            async with asyncio.timeout(wall_seconds):
                reply = await worker.ask(pcm)
        except TimeoutError as error:
            raise _failed("recogniser_timeout") from error
        except (OSError, ValueError) as error:
            raise _failed("recogniser_failed") from error
        finally:
            if not reply:
                await worker.close()
        if not reply:
            raise _failed("recogniser_failed")
        self._idle.append(worker)
        worker.rest(self._idle_seconds, self._retire)
        return reply

    def _retire(self, worker: "_Worker") -> None:
        self._idle.remove(worker)
        worker.kill()


class _Worker(Worker):
    """One recogniser process, started with its first piece."""

    async def ask(self, pcm: bytes) -> bytes:
        """The reply to one piece; empty when the process ended instead."""
        self.wake()
        if self._process is None:
            self._process = await start_process(
                [sys.executable, "-I", "-W", "ignore", _PROGRAM], max_line_bytes=_REPLY_BYTES
            )
        self._process.stdin.write(len(pcm).to_bytes(4, "little") + pcm)
        await self._process.stdin.drain()
        return await self._process.stdout.readline()


def clear(utterances: Sequence[Sequence[Word]]) -> tuple[tuple[Sequence[Word], ...], bool]:
    """Split utterances at pauses and keep what was heard with confidence; True when something was dropped."""
    kept: list[Sequence[Word]] = []
    unclear = False
    for words in utterances:
        if sure(words):
            kept += _phrases(words)
        else:
            unclear = True
    return tuple(kept), unclear


def sure(words: Sequence[Word]) -> bool:
    """True when the words are more likely heard than guessed."""
    seconds = sum(word.end_seconds - word.start_seconds for word in words)
    if not words or seconds <= 0:
        return False
    weighted = sum(word.probability * (word.end_seconds - word.start_seconds) for word in words)
    return weighted / seconds >= (_SURE_WORD if len(words) <= _FEW_WORDS else _SURE)


def _phrases(words: Sequence[Word]) -> Iterator[Sequence[Word]]:
    """Runs of words without a longer pause in between."""
    since = 0
    for index in range(1, len(words)):
        if words[index].start_seconds - words[index - 1].end_seconds > _PAUSE_SECONDS:
            yield words[since:index]
            since = index
    if words:
        yield words[since:]


def _piece(
    phrases: Sequence[Sequence[Word]], *, notices: tuple[Notice, ...], request: TranscriptRequest
) -> TranscriptPiece:
    chunk = request.chunk
    end = chunk.offset_seconds + chunk.duration_seconds
    segments = tuple(
        Segment(
            start_seconds=min(chunk.offset_seconds + words[0].start_seconds, end),
            end_seconds=min(chunk.offset_seconds + words[-1].end_seconds, end),
            text=" ".join(word.text for word in words),
        )
        for words in phrases
    )
    return TranscriptPiece(
        transcript=Transcript(segments=segments, language="en" if segments else None),
        usages=(free(Role.TRANSCRIPTS, MODEL, audio_seconds=chunk.duration_seconds),),
        notices=notices,
    )


class _Reply(BaseModel):
    """One line of the recogniser: per utterance, words with start, end and probability."""

    utterances: list[list[tuple[str, float, float, float]]]


def _utterances(line: bytes) -> list[list[Word]]:
    try:
        reply = _Reply.model_validate_json(line)
    except ValidationError as error:
        raise _failed("recogniser_failed") from error
    return [
        [
            Word(text=text, start_seconds=start, end_seconds=end, probability=probability)
            for text, start, end, probability in words
        ]
        for words in reply.utterances
    ]


def _failed(code: str) -> ProviderError:
    return ProviderError(
        code, "The speech recogniser of this machine did not do its work.", category=ProviderCategory.SERVER
    )
