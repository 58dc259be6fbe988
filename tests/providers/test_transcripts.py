"""Transcripts over a socket: the vendor's times or ours, in every shape servers send."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.speech import Segment
from bot.providers.base import TranscriptRequest
from bot.providers.openai.connection import Connection
from bot.providers.openai.endpoint import Flavour
from bot.providers.openai.transcript_reply import place, read_heard, read_language
from bot.providers.openai.transcripts import OpenAITranscriber
from tests.providers.material import QUICK, as_wav, connected, tone
from tests.simulator.openai_server import HeardSegment, HonestMind, OpenAIEmulator, Rewrite, flavours
from tests.simulator.openai_server import faults as make

TWO = [
    HeardSegment(start_seconds=0.2, end_seconds=0.8, text="The blue line is last year."),
    HeardSegment(start_seconds=1.1, end_seconds=9.0, text="And this is now."),
]


@pytest.fixture
async def emulator() -> AsyncIterator[OpenAIEmulator]:
    async with OpenAIEmulator(mind=HonestMind(hears=lambda audio, call: TWO)) as server:
        yield server


@pytest.fixture
async def connection(emulator: OpenAIEmulator) -> AsyncIterator[Connection]:
    async with connected(emulator, Role.TRANSCRIPTS) as link:
        yield link


def transcriber(connection: Connection, model: str) -> OpenAITranscriber:
    return OpenAITranscriber(connection, model=model, encode=as_wav, retry=QUICK)


def times(segments: tuple[Segment, ...]) -> list[tuple[float, float]]:
    return [(round(segment.start_seconds, 3), round(segment.end_seconds, 3)) for segment in segments]


async def test_vendor_times_are_moved_and_clamped(emulator: OpenAIEmulator, connection: Connection) -> None:
    piece = await transcriber(connection, "whisper-1").transcribe(
        TranscriptRequest(chunk=tone(2.0, offset_seconds=30.0))
    )
    assert times(piece.transcript.segments) == [(30.2, 30.8), (31.1, 32.0)]
    assert [segment.text for segment in piece.transcript.segments] == [item.text for item in TWO]
    assert piece.transcript.language == "en"
    (call,) = emulator.transcriptions
    assert (call.response_format, call.granularities) == ("verbose_json", ("segment",))
    assert (call.filename, call.content_type) == ("piece.wav", "audio/wav")
    (usage,) = piece.usages
    assert usage.audio_seconds == 2.0
    assert usage.cost_usd == pytest.approx(2 / 60 * 0.006)


async def test_without_vendor_times_the_piece_is_the_segment(emulator: OpenAIEmulator, connection: Connection) -> None:
    hears = transcriber(connection, "gpt-transcribe")
    request = TranscriptRequest(
        chunk=tone(2.0, offset_seconds=30.0), previous_text="We saw it.", keywords=("Ada", "Kibitz"), language="en-GB"
    )
    pieces = await asyncio.gather(hears.transcribe(request), hears.transcribe(request))
    for piece in (*pieces, await hears.transcribe(request)):
        assert times(piece.transcript.segments) == [(30.0, 32.0)]
        assert piece.transcript.language == "en"
    statuses = [call.status for call in emulator.transcriptions]
    assert statuses.count(400) == 1, "only the first piece is refused"
    assert statuses[-1] == 200
    assert emulator.transcriptions[-1].keywords == ("Ada", "Kibitz")
    assert emulator.transcriptions[-1].languages == ("en",)
    assert emulator.transcriptions[-1].prompt == "We saw it."


@pytest.mark.parametrize("model", ["gpt-transcribe", "gpt-4o-mini-transcribe"])
async def test_openai_itself_is_not_asked_for_times(emulator: OpenAIEmulator, model: str) -> None:
    async with connected(emulator, Role.TRANSCRIPTS, flavour=Flavour.OPENAI) as link:
        await transcriber(link, model).transcribe(TranscriptRequest(chunk=tone(), keywords=("Ada",), previous_text="x"))
    assert [(call.status, call.response_format) for call in emulator.transcriptions] == [(200, "json")]


async def test_speakers_are_kept(emulator: OpenAIEmulator) -> None:
    async with connected(emulator, Role.TRANSCRIPTS, flavour=Flavour.OPENAI) as link:
        piece = await transcriber(link, "gpt-4o-transcribe-diarize").transcribe(
            TranscriptRequest(chunk=tone(), previous_text="before", keywords=("Ada",))
        )
    assert [segment.speaker for segment in piece.transcript.segments] == ["A", "A"]


@pytest.mark.parametrize(
    ("flavour", "model", "timed"),
    [
        (flavours.VLLM, "openai/whisper-large-v3", True),
        (flavours.SPEACHES, "Systran/faster-whisper-large-v3", True),
        (flavours.PARAKEET, "istupakov/parakeet-tdt-0.6b-v3-onnx", False),
        (flavours.LOCAL_AI, "whisper", True),
        (flavours.SENSE_VOICE, "any", True),
        (flavours.OPENROUTER, "openai/whisper-1", False),
        (flavours.GROQ, "whisper-large-v3", True),
        (flavours.OLLAMA, "qwen3-vl:8b", False),
        (flavours.LLAMA_CPP, "any", False),
    ],
    ids=lambda value: value.name if isinstance(value, flavours.Flavour) else "",
)
async def test_compatible_servers(flavour: flavours.Flavour, model: str, timed: bool) -> None:
    async with (
        OpenAIEmulator(flavour=flavour, mind=HonestMind(hears=lambda audio, call: TWO)) as server,
        connected(server, Role.TRANSCRIPTS) as link,
    ):
        hears = transcriber(link, model)
        for _ in range(2):
            server.requests.clear()
            piece = await hears.transcribe(TranscriptRequest(chunk=tone(2.0, offset_seconds=10.0)))
            expected = [(10.2, 10.8), (11.1, 12.0)] if timed else [(10.0, 12.0)]
            assert times(piece.transcript.segments) == expected
        assert len(server.transcriptions) == 1, "a refusal is remembered"


async def test_inventions_are_dropped(emulator: OpenAIEmulator, connection: Connection) -> None:
    emulator.fail("transcriptions", Rewrite(lambda _: "Untertitel der Amara.org-Community"))
    async with connected(emulator, Role.TRANSCRIPTS, flavour=Flavour.OPENAI) as link:
        piece = await transcriber(link, "gpt-transcribe").transcribe(TranscriptRequest(chunk=tone()))
    assert piece.transcript.segments == ()
    assert len(piece.usages) == 1, "it was paid for all the same"


async def test_silence_heard_is_no_segment(emulator: OpenAIEmulator, connection: Connection) -> None:
    emulator.fail("transcriptions", Rewrite(lambda _: ""), always=True)
    async with connected(emulator, Role.TRANSCRIPTS, flavour=Flavour.OPENAI) as link:
        piece = await transcriber(link, "gpt-transcribe").transcribe(TranscriptRequest(chunk=tone()))
    assert piece.transcript.segments == ()


async def test_a_piece_too_long_is_not_sent(emulator: OpenAIEmulator, connection: Connection) -> None:
    long = AudioChunk(rate_hz=16_000, pcm=bytes(16_000 * 2 * 601))
    with pytest.raises(ProviderError) as raised:
        await transcriber(connection, "whisper-1").transcribe(TranscriptRequest(chunk=long))
    assert raised.value.category is ProviderCategory.TOO_LARGE
    assert emulator.transcriptions == []


async def test_a_bad_file_does_not_unlearn_times(emulator: OpenAIEmulator, connection: Connection) -> None:
    hears = transcriber(connection, "whisper-1")
    bad = make.Status(
        status=400, body=json.dumps({"error": {"message": "Audio file might be corrupted", "param": "file"}})
    )
    emulator.fail("transcriptions", bad, bad)
    with pytest.raises(ProviderError):
        await hears.transcribe(TranscriptRequest(chunk=tone()))
    assert hears.capabilities.timestamps


def timed(start: object, end: object, text: str = "a", *, key: str = "text") -> dict[str, object]:
    return {"start": start, "end": end, key: text}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"text": "a b", "segments": [{"start": "0.5", "end": "1.5", "text": "a b"}]}, [(5.5, 6.5)]),
        ({"text": "a b", "segments": [{"start": 500, "end": 1500, "text": "a b"}]}, [(5.0, 8.0)]),  # milliseconds
        ({"text": "a b", "segments": [{"text": "a"}, {"start": 1, "end": 2, "text": "b"}]}, [(5.0, 8.0)]),
        ({"text": "a b", "segments": None, "words": None}, [(5.0, 8.0)]),
        ({"text": "", "segments": [], "words": []}, []),
        ({"segments": [timed(2, 2.5), timed(0, 1)]}, [(5.0, 6.0), (7.0, 7.5)]),
        ({"segments": [timed(0, 2), timed(2.9, 60.0)]}, [(5.0, 7.0), (7.9, 8.0)]),
        ({"words": [timed(0.1, 0.4, "Yes."), timed(0.5, "0.9", "No.")]}, [(5.1, 5.4), (5.5, 5.9)]),
        ({"words": [timed(0.1, 0.4, key="word"), timed(1.9, 2.2, key="word")]}, [(5.1, 5.4), (6.9, 7.2)]),
    ],
)  # fmt: skip
def test_shapes(fields: dict[str, object], expected: list[tuple[float, float]]) -> None:
    assert times(place(read_heard(fields), offset_seconds=5.0, duration_seconds=3.0)) == expected


@pytest.mark.parametrize(
    ("fields", "tag"),
    [
        ({"language": "english"}, "en"), ({"language": "de"}, "de"), ({"languages": [{"code": "zh"}]}, "zh"),
        ({"languages": []}, None), ({"language": "klingonese!"}, None), ({}, None),
    ],
)  # fmt: skip
def test_languages(fields: dict[str, object], tag: str | None) -> None:
    assert read_language(fields) == tag


def test_words_of_scripts_without_spaces_are_joined_without() -> None:
    words = [{"word": word, "start": n * 0.2, "end": n * 0.2 + 0.2} for n, word in enumerate("我们去北京")]
    (heard,) = read_heard({"words": words})
    assert heard.text == "我们去北京"


async def test_pieces_at_once_are_refused_only_once(emulator: OpenAIEmulator, connection: Connection) -> None:
    hired = transcriber(connection, "gpt-transcribe")
    pieces = [TranscriptRequest(chunk=tone(1.0, offset_seconds=float(n))) for n in range(5)]
    await asyncio.gather(*(hired.transcribe(piece) for piece in pieces))
    assert sorted(call.status or 0 for call in emulator.transcriptions) == [200] * 5 + [400]
