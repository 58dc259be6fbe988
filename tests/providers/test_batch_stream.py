"""Live words over a transcriber of whole pieces: what is transcribed again, what is told, and what it costs."""

import asyncio
from dataclasses import dataclass, field

import pytest

from bot.domain.errors import ProviderError
from bot.domain.role import Role
from bot.domain.speech import Segment, Transcript
from bot.providers.agreement import LONGEST_PROMPT_CHARACTERS
from bot.providers.base import StreamRequest, TranscriptPiece, TranscriptRequest
from bot.providers.batch_stream import LONGEST_SPEECH_SECONDS, BatchStream, BatchStreamingTranscriber
from tests.fakes.providers import broken, usage
from tests.virtual_time import run_virtually

SECOND = bytes(32_000)
REQUEST = StreamRequest(keywords=("Ada",), language="en")


@dataclass
class Counting:
    """Hears the number of every second of sound ("w0 w1 w2 …"), as fast as it is told."""

    seconds: float = 0.0
    pace: float = 0.0
    fails: bool = False
    requests: list[TranscriptRequest] = field(default_factory=list)

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        self.requests.append(request)
        chunk = request.chunk
        await asyncio.sleep(self.seconds + self.pace * chunk.duration_seconds)
        if self.fails:
            raise broken()
        start, end = chunk.offset_seconds, chunk.offset_seconds + chunk.duration_seconds
        numbers = [number for number in range(400) if start - 0.01 <= number and number + 1 <= end + 0.01]
        segments = tuple(Segment(start_seconds=n, end_seconds=n + 1, text=f"w{n}") for n in numbers)
        return TranscriptPiece(
            transcript=Transcript(segments=segments, language="en"),
            usages=(usage(Role.TRANSCRIPTS, audio_seconds=chunk.duration_seconds),),
        )


def open_stream(transcriber: Counting, live: list[str] | None = None) -> BatchStream:
    told = [] if live is None else live
    return BatchStreamingTranscriber(transcriber, interim=live is not None).open(REQUEST, told.append)


def counted(start: int, end: int) -> str:
    return " ".join(f"w{number}" for number in range(start, end))


def text(piece: TranscriptPiece) -> str:
    return " ".join(segment.text for segment in piece.transcript.segments)


def spans(transcriber: Counting) -> list[tuple[float, float]]:
    return [(request.chunk.offset_seconds, request.chunk.duration_seconds) for request in transcriber.requests]


async def speak(stream: BatchStream, seconds: int) -> None:
    for _ in range(seconds):
        stream.feed(SECOND)
        await asyncio.sleep(1.0)


async def test_without_live_words_each_piece_is_transcribed_and_paid_for_once() -> None:
    transcriber = Counting()
    stream = open_stream(transcriber)
    for seconds in (4, 5):
        stream.feed(SECOND * seconds)
        piece = await stream.settle()
        assert [one.audio_seconds for one in piece.usages] == [seconds]
    assert text(piece) == counted(0, 9)
    assert spans(transcriber) == [(0.0, 4.0), (4.0, 5.0)]
    assert [request.previous_text for request in transcriber.requests] == ["", counted(0, 4)]
    assert {request.keywords for request in transcriber.requests} == {("Ada",)}
    assert (await stream.settle()).usages == ()
    assert len(transcriber.requests) == 2


async def test_a_very_short_piece_is_done_again_with_what_follows() -> None:
    transcriber = Counting()
    stream = open_stream(transcriber)
    stream.feed(SECOND)
    await stream.settle()
    stream.feed(SECOND)
    assert text(await stream.settle()) == counted(0, 2)
    assert spans(transcriber) == [(0.0, 1.0), (0.0, 2.0)]


def test_live_words_grow_and_the_final_ones_are_of_everything() -> None:
    async def talk() -> None:
        transcriber, live = Counting(seconds=0.2), []
        stream = open_stream(transcriber, live)
        await speak(stream, 40)
        piece = await stream.settle()
        assert live == [counted(0, number) for number in range(1, 41)]
        assert text(piece) == counted(0, 40)
        assert max(request.chunk.duration_seconds for request in transcriber.requests) <= 15.0
        assert max(len(request.previous_text) for request in transcriber.requests) <= LONGEST_PROMPT_CHARACTERS
        await speak(stream, 3)
        assert text(await stream.settle()) == counted(0, 43)
        assert live[-1] == counted(0, 43)

    run_virtually(talk())


def test_where_recognition_lags_passes_are_left_out_but_no_sound() -> None:
    async def talk() -> None:
        transcriber, live = Counting(seconds=2.0, pace=0.5), []
        stream = open_stream(transcriber, live)
        await speak(stream, 60)
        assert len(transcriber.requests) < 20
        assert text(await stream.settle()) == counted(0, 60)

    run_virtually(talk())


def test_noise_without_words_does_not_stop_live_words() -> None:
    class Wordless(Counting):
        async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
            piece = await super().transcribe(request)
            segments = tuple(one for one in piece.transcript.segments if one.start_seconds >= 40)
            return TranscriptPiece(transcript=Transcript(segments=segments), usages=piece.usages)

    async def talk() -> None:
        transcriber, live = Wordless(seconds=0.2), []
        stream = open_stream(transcriber, live)
        await speak(stream, 45)
        assert live[-1].startswith("w40 w41")
        assert text(await stream.settle()) == counted(40, 45)

    run_virtually(talk())


def test_settling_drops_the_pass_that_runs() -> None:
    async def talk() -> None:
        transcriber, live = Counting(seconds=1.0), []
        stream = open_stream(transcriber, live)
        stream.feed(SECOND * 3)
        await asyncio.sleep(0.5)
        began = asyncio.get_running_loop().time()
        assert text(await stream.settle()) == counted(0, 3)
        assert asyncio.get_running_loop().time() - began == pytest.approx(1.0)
        assert live == []

    run_virtually(talk())


def test_a_cancelled_settle_leaves_the_stream_whole() -> None:
    async def talk() -> None:
        transcriber = Counting(seconds=1.0)
        stream = open_stream(transcriber)
        stream.feed(SECOND * 4)
        settling = asyncio.create_task(stream.settle())
        await asyncio.sleep(0.5)
        settling.cancel()
        stream.feed(SECOND)
        assert text(await stream.settle()) == counted(0, 5)

    run_virtually(talk())


def test_sound_that_comes_while_settling_is_settled_next() -> None:
    async def talk() -> None:
        stream = open_stream(Counting(seconds=1.0))
        stream.feed(SECOND * 4)
        settling = asyncio.create_task(stream.settle())
        await asyncio.sleep(0.5)
        stream.feed(SECOND * 2)
        assert text(await settling) == counted(0, 4)
        assert text(await stream.settle()) == counted(0, 6)

    run_virtually(talk())


def test_a_failure_is_told_when_settled_alone_and_the_next_try_has_all_sound() -> None:
    async def talk() -> None:
        transcriber, live = Counting(fails=True), []
        stream = open_stream(transcriber, live)
        await speak(stream, 2)
        with pytest.raises(ProviderError):
            await stream.settle()
        transcriber.fails = False
        assert text(await stream.settle()) == counted(0, 2)
        assert live == []

    run_virtually(talk())


async def test_what_waits_is_bounded_and_nothing_is_told_after_the_end() -> None:
    transcriber, live = Counting(), []
    stream = open_stream(transcriber, live)
    for _ in range(7):
        stream.feed(SECOND * 50)
    assert len(stream._part) == LONGEST_SPEECH_SECONDS * 32_000
    await stream.aclose()
    stream.feed(SECOND)
    await asyncio.sleep(0)
    assert (live, bytes(stream._part)) == ([], b"")


async def test_too_little_sound_asks_nobody() -> None:
    transcriber = Counting()
    stream = open_stream(transcriber)
    stream.feed(bytes(3000))
    assert (await stream.settle()).transcript.segments == ()
    assert transcriber.requests == []


def test_scripts_without_spaces_agree_by_character() -> None:
    class Chinese(Counting):
        async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
            await super().transcribe(request)
            end = request.chunk.offset_seconds + request.chunk.duration_seconds
            said = "现在几点了请告诉我"[: round(2 * end)]
            segment = Segment(start_seconds=0, end_seconds=end, text=said)
            return TranscriptPiece(transcript=Transcript(segments=(segment,), language="zh"), usages=())

    async def talk() -> None:
        live: list[str] = []
        stream = open_stream(Chinese(seconds=0.1), live)
        await speak(stream, 3)
        assert live == ["现在", "现在几点", "现在几点了请"]
        assert text(await stream.settle()) == "现在几点了请"

    run_virtually(talk())
