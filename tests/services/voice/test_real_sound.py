"""The session with real ears, real Opus and a real voice to listen to; only the clouds and the clock are made up."""

import asyncio
import itertools
from dataclasses import dataclass

import pytest

from bot.domain.media import AudioChunk
from bot.domain.speech import Segment, Transcript
from bot.domain.voice import SILENCE_FRAME, OpusFrame
from bot.providers.base import SpeechRequest, TranscriptPiece
from bot.providers.offline import OfflineSynthesizer
from bot.voice.ears import EarLimits, Ears
from bot.voice.encoding import FrameEncoder
from bot.voice.opus import OpusDecoder, OpusEncoder
from tests.services.voice.room import ANNA, Line, Room
from tests.virtual_time import run_virtually

RATE_HZ = 16_000


@dataclass
class Deaf:
    """Takes all sound for the same words, 150 ms after they are wanted."""

    text: str = "What is the time?"
    seconds: float = 0.0

    def prepare(self) -> None: ...

    def open(self, _request, on_interim) -> "Deaf":
        return self

    def feed(self, pcm: bytes) -> None:
        self.seconds += len(pcm) / 2 / RATE_HZ

    async def settle(self) -> TranscriptPiece:
        await asyncio.sleep(0.15)
        segment = Segment(start_seconds=0, end_seconds=1, text=self.text)
        return TranscriptPiece(transcript=Transcript(segments=(segment,)), usages=())

    async def aclose(self) -> None: ...


class KeepingLine(Line):
    """Keeps the frames that sounded as well."""

    def __init__(self) -> None:
        super().__init__()
        self.frames: list[bytes] = []

    def open(self, ear, source) -> None:
        super().open(ear, self)
        self.source = source

    def read(self) -> bytes:
        frame = self.source.read()
        if frame and frame != SILENCE_FRAME:
            self.frames.append(frame)
        return frame


@pytest.fixture(scope="module")
def speech() -> list[bytes]:
    """A spoken sentence as 20 ms packets."""

    async def spoken() -> list[AudioChunk]:
        request = SpeechRequest(text="Please tell me what the time is.")
        return [item async for item in OfflineSynthesizer().speak(request) if isinstance(item, AudioChunk)]

    chunks = asyncio.run(spoken())
    encoder = OpusEncoder(chunks[0].rate_hz)
    pcm = b"".join(chunk.pcm for chunk in chunks)
    size = encoder.frame_bytes
    packets = [encoder.encode(pcm[at : at + size]) for at in range(0, len(pcm) - size + 1, size)]
    encoder.close()
    return packets


def test_a_spoken_question_gets_an_audible_answer_in_time(speech: list[bytes]) -> None:
    async def scene() -> None:
        room = Room(recogniser=Deaf())  # type: ignore[arg-type]
        room.ears = Ears(EarLimits())  # type: ignore[assignment]
        room.line = KeepingLine()
        room.encoder = FrameEncoder
        async with room:
            began = room.now
            for number, packet in enumerate(speech):
                await room.until(began + number * 0.02)
                frame = OpusFrame(
                    person_id=ANNA,
                    ssrc=5,
                    sequence=number,
                    timestamp=number * 960,
                    arrived_at=asyncio.get_running_loop().time(),
                    opus=packet,
                )
                room.session.hear([frame])
            last = room.now
            await room.until(last + 6)
            [turn] = room.follower.turns
            assert turn.question == "What is the time?"
            assert room.sounded[0] - last <= 0.85
            assert turn.timings.first_audio is not None
            assert turn.timings.first_audio <= 0.85
            decoder = OpusDecoder()
            assert all(len(decoder.decode(frame)) == 640 for frame in itertools.islice(room.line.frames, 50))
            decoder.close()
            assert room.session.status().counters["decoded"] == len(speech)

    run_virtually(scene())
    assert OpusDecoder.live == OpusEncoder.live == 0
