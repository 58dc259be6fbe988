"""Live offline transcripts: right words soon, voices that never mix, and processes that are not left behind."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from bot.domain.errors import ProviderError
from bot.domain.timeline import NoticeCode
from bot.providers.base import StreamRequest, TranscriptPiece
from bot.providers.offline import streaming as streaming_module
from bot.providers.offline.streaming import OfflineStream, OfflineStreamingTranscriber
from tests.providers.test_offline_transcriber import say

ENGLISH = StreamRequest(language="en")


@pytest.fixture
async def transcriber() -> AsyncIterator[OfflineStreamingTranscriber]:
    made = OfflineStreamingTranscriber(workers=2)
    yield made
    await made.aclose()


def text(piece: TranscriptPiece) -> str:
    return " ".join(segment.text for segment in piece.transcript.segments)


def feed(stream: OfflineStream, samples: np.ndarray) -> None:
    pcm = samples.tobytes()
    for at in range(0, len(pcm), 1280):
        stream.feed(pcm[at : at + 1280])


async def test_words_are_told_while_they_are_spoken_and_are_of_everything(
    transcriber: OfflineStreamingTranscriber,
) -> None:
    live: list[str] = []
    stream = transcriber.open(ENGLISH, live.append)
    meeting, door = await say("the meeting starts at nine"), await say("please open the window")
    feed(stream, meeting)
    first = await stream.settle()
    assert text(first) == "the meeting starts at nine"
    assert [one.audio_seconds for one in first.usages] == [pytest.approx(len(meeting) / 16_000)]
    assert live
    assert (await stream.settle()).usages == ()
    feed(stream, door)
    second = await stream.settle()
    assert text(second) == "the meeting starts at nine please open the window"
    assert second.transcript.segments[1].start_seconds >= len(meeting) / 16_000
    assert live[-1].startswith("the meeting starts at nine ")
    await stream.aclose()


async def test_voices_at_once_do_not_mix_and_who_comes_late_waits(transcriber: OfflineStreamingTranscriber) -> None:
    sentences = ("the meeting starts at nine", "please open the window", "the answer is seven")
    sounds = [await say(sentence) for sentence in sentences]

    async def talk(samples: np.ndarray) -> str:
        stream = transcriber.open(ENGLISH, lambda _text: None)
        feed(stream, samples)
        piece = await stream.settle()
        await stream.aclose()
        return text(piece)

    assert tuple(await asyncio.gather(*map(talk, sounds))) == sentences


async def test_a_name_the_dictionary_does_not_have_is_heard(transcriber: OfflineStreamingTranscriber) -> None:
    stream = transcriber.open(StreamRequest(keywords=("Kibitz", "名前", "O'Neill 7")), lambda _text: None)
    feed(stream, await say("Kibitz, what time is it?"))
    assert text(await stream.settle()) == "kibitz what time is it"
    await stream.aclose()


async def test_another_language_gives_a_notice_and_no_process(transcriber: OfflineStreamingTranscriber) -> None:
    stream = transcriber.open(StreamRequest(language="de-DE"), lambda _text: None)
    stream.feed(bytes(32_000))
    piece = await stream.settle()
    await stream.aclose()
    assert text(piece) == ""
    assert [notice.code for notice in piece.notices] == [NoticeCode.TRANSCRIPT_MISSING]
    assert transcriber._idle == []


async def test_a_cancelled_settle_loses_no_words(transcriber: OfflineStreamingTranscriber) -> None:
    stream = transcriber.open(ENGLISH, lambda _text: None)
    feed(stream, await say("the answer is seven"))
    settling = asyncio.create_task(stream.settle())
    await asyncio.sleep(0.05)
    settling.cancel()
    await asyncio.wait([settling])
    assert text(await stream.settle()) == "the answer is seven"
    await stream.aclose()


@pytest.mark.parametrize("program", ["raise SystemExit", "print('nonsense', flush=True); input()"])
async def test_a_recogniser_that_does_not_work_is_an_error_of_settle_alone(
    program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.py"
    broken.write_text(program)
    monkeypatch.setattr(streaming_module, "_PROGRAM", str(broken))
    made = OfflineStreamingTranscriber(workers=1)
    await made.warm()
    for _ in range(2):
        stream = made.open(ENGLISH, lambda _text: None)
        stream.feed(bytes(32_000))
        with pytest.raises(ProviderError):
            await stream.settle()
        stream.feed(bytes(32_000))
        with pytest.raises(ProviderError):
            await stream.settle()
        await stream.aclose()
    await made.aclose()


async def test_one_that_takes_too_long_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = tmp_path / "stuck.py"
    stuck.write_text(
        f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()));"
        "print('{\"ready\": true}', flush=True); time.sleep(600)"
    )
    monkeypatch.setattr(streaming_module, "_PROGRAM", str(stuck))
    monkeypatch.setattr(streaming_module, "_LONGEST_FORGETTING_SECONDS", 0.1)
    made = OfflineStreamingTranscriber(workers=1, start_seconds=0.5, pace=0.0)
    stream = made.open(ENGLISH, lambda _text: None)
    for _ in range(400):  # more than all buffers between here and there hold
        stream.feed(bytes(32_000))
    assert stream._waiting_bytes <= 300 * 32_000
    with pytest.raises(ProviderError, match="recogniser_timeout"):
        await stream.settle()
    await stream.aclose()
    await made.aclose()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


async def test_closing_ends_every_process_even_one_at_work() -> None:
    made = OfflineStreamingTranscriber(workers=2)
    await made.warm()
    process = made._idle[0]._process
    stream = made.open(ENGLISH, lambda _text: None)
    stream.feed(bytes(32_000 * 20))
    await asyncio.sleep(0)
    await made.aclose()
    assert process is not None
    assert await process.wait() != 0
    with pytest.raises(ProviderError):
        await stream.settle()
    assert made._idle == []


async def test_one_without_work_is_ended() -> None:
    made = OfflineStreamingTranscriber(idle_seconds=0.05)
    await made.warm()
    process = made._idle[0]._process
    assert process is not None
    await process.wait()
    assert made._idle == []
    await made.aclose()
