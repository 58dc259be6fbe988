"""Voices of any rate as 20 ms frames: no dead air in front, no click, nothing cut off, all of it there again."""

from collections.abc import Sequence

import numpy as np
import pytest
import soxr

from bot.domain.media import AudioChunk
from bot.voice.encoding import FrameEncoder, _Sentence
from bot.voice.opus import OpusDecoder, OpusEncoder
from tests.voice.speech import RATE_HZ, Samples, quiet, say


def chunks(samples: Samples, rate_hz: int, seconds: float = 0.07) -> list[AudioChunk]:
    given = samples if rate_hz == RATE_HZ else soxr.resample(samples, RATE_HZ, rate_hz)
    size = round(seconds * rate_hz)
    return [
        AudioChunk(rate_hz=rate_hz, pcm=given[at : at + size].astype("<i2").tobytes())
        for at in range(0, len(given), size)
    ]


def encoded(encoder: FrameEncoder, given: Sequence[AudioChunk]) -> list[bytes]:
    return [frame for chunk in given for frame in encoder.add(chunk)] + encoder.end()


def decoded(frames: Sequence[bytes]) -> Samples:
    decoder = OpusDecoder()
    pcm = b"".join(decoder.decode(frame) for frame in frames)
    decoder.close()
    return np.frombuffer(pcm, dtype="<i2")


def sound_span(samples: Samples) -> tuple[float, float]:
    """Where the sound begins and ends, in seconds."""
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 150)
    return int(loud[0]) / RATE_HZ, int(loud[-1]) / RATE_HZ


@pytest.fixture
def encoder():
    made = FrameEncoder()
    yield made
    made.close()


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_what_is_said_is_heard_whole_and_soon(encoder: FrameEncoder, rate_hz: int) -> None:
    said = say("where did the blue car go", "rms")
    heard = decoded(encoded(encoder, chunks(np.concatenate([quiet(0.4), said, quiet(0.7)]), rate_hz)))
    begins, ends = sound_span(heard)
    assert begins < 0.05
    assert ends - begins == pytest.approx(len(said) / RATE_HZ, abs=0.04)
    assert len(heard) / RATE_HZ < len(said) / RATE_HZ + 0.25
    spoken = np.abs(np.fft.rfft(said.astype(float), 65_536))[:8_000]
    again = np.abs(np.fft.rfft(heard.astype(float), 65_536))[:8_000]
    assert float(np.corrcoef(spoken, again)[0, 1]) > 0.9


@pytest.mark.parametrize("seconds", [0.003, 0.02, 5.0])
def test_the_size_of_the_chunks_does_not_matter(encoder: FrameEncoder, seconds: float) -> None:
    said = np.concatenate([quiet(0.3), say("red car"), quiet(0.2), say("blue car"), quiet(0.3)])
    other = FrameEncoder()
    assert encoded(encoder, chunks(said, 24_000, seconds)) == encoded(other, chunks(said, 24_000))
    other.close()


def test_pauses_inside_stay_and_long_ones_are_not_held_back(encoder: FrameEncoder) -> None:
    said = np.concatenate([say("red car"), quiet(2.5), say("blue car")])
    frames: list[bytes] = []
    for number, chunk in enumerate(chunks(said, 16_000, 0.1)):
        frames += encoder.add(chunk)
        assert len(frames) * 0.02 >= (number + 1) * 0.1 - 1.05
    heard = decoded(frames + encoder.end())
    begins, ends = sound_span(heard)
    assert ends - begins == pytest.approx(len(said) / RATE_HZ, abs=0.03)


def test_the_first_frames_come_with_the_first_sound(encoder: FrameEncoder) -> None:
    said = say("where did the blue car go")
    assert encoder.add(AudioChunk(rate_hz=16_000, pcm=bytes(32_000))) == []
    assert len(encoder.add(AudioChunk(rate_hz=16_000, pcm=said[:3200].tobytes()))) >= 8


def test_an_abrupt_sound_has_no_click_and_is_not_cut(encoder: FrameEncoder) -> None:
    steady = 12_000 * np.sin(2 * np.pi * 300 * np.arange(RATE_HZ // 2 + 7) / RATE_HZ + 1.5)
    pcm = np.concatenate([*(sentence := _Sentence(16_000)).add(steady.astype(np.int16)), *sentence.end()])
    last = int(np.flatnonzero(pcm)[-1])
    assert max(abs(int(pcm[0])), abs(int(pcm[last]))) < 500
    heard = decoded(encoded(encoder, chunks(steady.astype(np.int16), 16_000)))
    assert len(heard) >= len(steady) + 320
    begins, ends = sound_span(heard)
    assert ends - begins == pytest.approx(0.5, abs=0.03)
    assert np.abs(heard[-160:]).max() < 150


@pytest.mark.parametrize("given", [[], [b""], [bytes(9_600)], [bytes(2)] * 3])
def test_of_silence_nothing_is_said(encoder: FrameEncoder, given: list[bytes]) -> None:
    assert encoded(encoder, [AudioChunk(rate_hz=24_000, pcm=pcm) for pcm in given]) == []


def test_one_sentence_after_another_also_of_another_rate_and_after_one_was_left(encoder: FrameEncoder) -> None:
    first = encoded(encoder, chunks(say("red car"), 24_000))
    encoder.add(chunks(say("blue car"), 24_000, 9)[0])
    encoder.cancel()
    assert encoder.end() == []
    second = encoded(encoder, chunks(say("red car"), 44_100))
    assert len(first) == len(second)
    assert sound_span(decoded(second))[0] < 0.05


def test_an_encoder_that_is_closed_leaves_nothing_behind() -> None:
    before = OpusEncoder.live
    encoder = FrameEncoder()
    for rate_hz in (16_000, 24_000, 22_050):
        encoded(encoder, chunks(say("red car"), rate_hz))
    assert OpusEncoder.live == before + 3
    encoder.add(chunks(say("red car"), 16_000)[0])
    encoder.close()
    encoder.close()
    assert OpusEncoder.live == before
