"""Offline transcripts: clear English is recognised with its times, everything else is not made into words."""

import asyncio
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.speech import Segment
from bot.domain.timeline import NoticeCode
from bot.providers.base import SpeechRequest, TranscriptRequest
from bot.providers.offline import transcriber as transcriber_module
from bot.providers.offline.process import RunningProcess, start_process
from bot.providers.offline.synthesizer import OfflineSynthesizer, resample
from bot.providers.offline.transcriber import OfflineTranscriber, Word, clear, sure

MEDIA = Path(__file__).parents[3] / "shared" / "media"
RATE_HZ = 16_000


async def say(text: str, *, language: str = "en") -> np.ndarray:
    """Samples at 16 kHz of a sentence."""
    spoken = OfflineSynthesizer(english_voice="rms").speak(SpeechRequest(text=text, language=language))
    pcm = b"".join([item.pcm async for item in spoken if isinstance(item, AudioChunk)])
    return resample(np.frombuffer(pcm, dtype="<i2"), from_hz=24_000, to_hz=RATE_HZ)


def quiet(seconds: float) -> np.ndarray:
    return np.random.default_rng(3).normal(0, 2, int(seconds * RATE_HZ)).astype("<i2")


def chunk(*parts: np.ndarray, offset_seconds: float = 0.0) -> AudioChunk:
    return AudioChunk(rate_hz=RATE_HZ, offset_seconds=offset_seconds, pcm=np.concatenate(parts).tobytes())


@pytest.fixture
async def transcriber():
    made = OfflineTranscriber(workers=2)
    yield made
    await made.aclose()


async def test_speech_is_recognised_at_its_place_on_the_clips_clock(transcriber: OfflineTranscriber) -> None:
    meeting, door = await say("the meeting starts at nine"), await say("please open the window")
    piece = chunk(quiet(1.0), meeting, quiet(1.5), door, quiet(0.5), offset_seconds=40.0)
    result = await transcriber.transcribe(TranscriptRequest(chunk=piece))
    first, second = result.transcript.segments
    assert (first.text, second.text) == ("the meeting starts at nine", "please open the window")
    assert first.start_seconds == pytest.approx(41.0, abs=0.3)
    assert first.end_seconds == pytest.approx(41.0 + len(meeting) / RATE_HZ, abs=0.4)
    assert second.start_seconds == pytest.approx(42.5 + len(meeting) / RATE_HZ, abs=0.3)
    assert second.end_seconds <= piece.offset_seconds + piece.duration_seconds
    assert result.transcript.language == "en"
    assert result.notices == ()
    (usage,) = result.usages
    assert (usage.cost_usd, usage.audio_seconds) == (0.0, pytest.approx(piece.duration_seconds))


async def test_equal_pieces_give_equal_words_whatever_came_before(transcriber: OfflineTranscriber) -> None:
    piece = TranscriptRequest(chunk=chunk(quiet(0.3), await say("the answer is seven"), quiet(0.3)))
    noisy = chunk(np.random.default_rng(5).normal(0, 3000, RATE_HZ).astype("<i2"), await say("welcome to the show"))
    first = await transcriber.transcribe(piece)
    await transcriber.transcribe(TranscriptRequest(chunk=noisy))
    assert await transcriber.transcribe(piece) == first
    assert len(transcriber._idle) == 1, "one process did all of it"


async def test_tones_noise_and_silence_have_no_words(transcriber: OfflineTranscriber) -> None:
    seconds = np.arange(3 * RATE_HZ) / RATE_HZ
    sounds = {
        "tone": 9000 * np.sin(2 * np.pi * 440 * seconds),
        "chord": sum(4000 * np.sin(2 * np.pi * hertz * seconds) for hertz in (220, 277, 330)),
        "noise": np.random.default_rng(2).normal(0, 4000, len(seconds)),
        "beats": 9000 * np.sin(2 * np.pi * 90 * seconds) * (np.sin(2 * np.pi * 2 * seconds) > 0),
        "silence": np.zeros(len(seconds)),
    }
    for name, samples in sounds.items():
        result = await transcriber.transcribe(TranscriptRequest(chunk=chunk(samples.astype("<i2"))))
        assert result.transcript.segments == (), name
        assert result.notices == (), name


async def test_another_language_gives_a_notice_instead_of_words(transcriber: OfflineTranscriber) -> None:
    german = await say("Guten Morgen, heute sprechen wir über die Geschichte der deutschen Sprache", language="de")
    result = await transcriber.transcribe(TranscriptRequest(chunk=chunk(german)))
    assert result.transcript.segments == ()
    assert result.transcript.language is None
    assert [notice.code for notice in result.notices] == [NoticeCode.TRANSCRIPT_MISSING]
    asked = await transcriber.transcribe(TranscriptRequest(chunk=chunk(german), language="de-DE"))
    assert asked.transcript.segments == ()
    assert asked.notices == result.notices


def word(text: str, start: float, probability: float) -> Word:
    return Word(text=text, start_seconds=start, end_seconds=start + 0.3, probability=probability)


def test_guesses_are_dropped_and_pauses_part_phrases() -> None:
    heard = [word("go", 0.0, 0.9), word("on", 0.4, 0.6), word("then", 1.3, 0.7), word("stop", 1.7, 0.6)]
    guessed = [word("the", 4.0, 0.3), word("store", 4.4, 0.5), word("body", 4.8, 0.4)]
    kept, unclear = clear([heard, guessed])
    assert [[one.text for one in phrase] for phrase in kept] == [["go", "on"], ["then", "stop"]]
    assert unclear
    assert clear([heard])[1] is False
    assert not sure([word("yes", 0.0, 0.6)]), "one word alone must be surer than a sentence"
    assert not sure([])


async def test_pieces_run_side_by_side_but_not_more_than_the_pool(transcriber: OfflineTranscriber) -> None:
    piece = TranscriptRequest(chunk=chunk(await say("the answer is seven")))
    results = await asyncio.gather(*(transcriber.transcribe(piece) for _ in range(5)))
    assert {result.transcript.segments[0].text for result in results} == {"the answer is seven"}
    assert len(transcriber._idle) == 2


def alive(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


async def gone(process_id: int) -> bool:
    for _ in range(500):
        if not alive(process_id):
            return True
        await asyncio.sleep(0.01)
    return False


def process_id(worker: transcriber_module._Worker) -> int:
    assert worker._process is not None
    return worker._process._process.pid


async def test_an_idle_recogniser_ends_and_the_next_piece_starts_another() -> None:
    transcriber = OfflineTranscriber(idle_seconds=0.05)
    request = TranscriptRequest(chunk=chunk(quiet(0.5)))
    await transcriber.transcribe(request)
    first = process_id(transcriber._idle[0])
    assert await gone(first)
    assert transcriber._idle == []
    await transcriber.transcribe(request)
    second = process_id(transcriber._idle[0])
    assert second != first
    await transcriber.aclose()
    assert not alive(second)


async def test_a_cancelled_piece_takes_its_process_along(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: asyncio.Queue[RunningProcess] = asyncio.Queue()

    async def recorded(*args, **keywords):
        started = await start_process(*args, **keywords)
        begun.put_nowait(started)
        return started

    speech = await say("the house is on the left side of the street")
    monkeypatch.setattr(transcriber_module, "start_process", recorded)
    transcriber = OfflineTranscriber()
    task = asyncio.create_task(transcriber.transcribe(TranscriptRequest(chunk=chunk(*[speech] * 10))))
    started = await begun.get()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not alive(started._process.pid)
    assert transcriber._idle == []


async def test_a_recogniser_that_takes_too_long_is_killed() -> None:
    transcriber = OfflineTranscriber(start_seconds=0.01, pace=0.0)
    with pytest.raises(ProviderError) as caught:
        await transcriber.transcribe(TranscriptRequest(chunk=chunk(quiet(1.0))))
    assert caught.value.code == "recogniser_timeout"
    assert transcriber._idle == []


@pytest.mark.parametrize("program", ["import sys; sys.exit(3)", "print('nonsense', flush=True); input()"])
async def test_a_broken_recogniser_is_an_error_without_its_words(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "broken.py"
    script.write_text(program)
    monkeypatch.setattr(transcriber_module, "_PROGRAM", str(script))
    transcriber = OfflineTranscriber()
    with pytest.raises(ProviderError) as caught:
        await transcriber.transcribe(TranscriptRequest(chunk=chunk(quiet(1.0))))
    assert caught.value.category is ProviderCategory.SERVER
    assert "nonsense" not in str(caught.value)
    await transcriber.aclose()


async def test_other_rates_are_refused(transcriber: OfflineTranscriber) -> None:
    with pytest.raises(ProviderError) as caught:
        await transcriber.transcribe(TranscriptRequest(chunk=AudioChunk(rate_hz=48_000, pcm=bytes(96_000))))
    assert caught.value.category is ProviderCategory.BAD_REQUEST


def real(name: str) -> AudioChunk:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(MEDIA / name), "-t", "4", "-ac", "1", "-ar", "16000"]
    done = subprocess.run([*command, "-f", "s16le", "-"], check=True, capture_output=True)
    return AudioChunk(rate_hz=RATE_HZ, pcm=done.stdout)


@pytest.mark.skipif(not MEDIA.is_dir(), reason="the folder of real media is not there")
async def test_real_recordings(transcriber: OfflineTranscriber) -> None:
    async def words(name: str) -> tuple[Segment, ...]:
        return (await transcriber.transcribe(TranscriptRequest(chunk=real(name)))).transcript.segments

    assert [segment.text for segment in await words("whatstheweatherlike.wav")] == ["what's the weather like"]
    assert [segment.text for segment in await words("LJ001-0008.wav")] == ["has never been surpassed"]
    for name in ("t-rex-roar.mp3", "guitar.mp3", "stream-of-water.mp4", "es_test_clip.wav", "voices-around-a-fire.mp3"):
        assert await words(name) == (), name
