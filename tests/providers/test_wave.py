"""Sound bytes become samples, however they are cut and whatever their header says."""

import io
import wave
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.providers.openai.wave import PcmReader, UnplayableSoundError

SAMPLES = bytes(range(1, 201))


def wav(*, rate_hz: int = 22_050, channels: int = 1, width: int = 2) -> bytes:
    packed = io.BytesIO()
    with wave.open(packed, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate_hz)
        writer.writeframes(SAMPLES)
    return packed.getvalue()


def read(data: bytes, cuts: list[int]) -> tuple[bytes, int]:
    reader = PcmReader(24_000)
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [reader.feed(data[a:b]) for a, b in pairwise(borders)]
    assert all(len(piece) % 2 == 0 for piece in pieces)
    return b"".join(pieces), reader.rate_hz


@given(st.lists(st.integers(0, 400), max_size=10))
def test_pcm(cuts: list[int]) -> None:
    assert read(SAMPLES, cuts) == (SAMPLES, 24_000)
    assert read(SAMPLES[:-1], cuts) == (SAMPLES[:-2], 24_000)


@given(st.lists(st.integers(0, 400), max_size=10))
def test_wav(cuts: list[int]) -> None:
    assert read(wav(), cuts) == (SAMPLES, 22_050)


def test_wav_of_unknown_length_with_other_parts_first() -> None:
    plain = wav()
    header = plain[:36] + b"LIST\x05\0\0\0INFO!\0" + b"data\xff\xff\xff\xff"
    assert read(header + SAMPLES, [40, 60]) == (SAMPLES, 22_050)


def test_stereo_becomes_mono() -> None:
    left = b"".join(SAMPLES[at : at + 2] for at in range(0, len(SAMPLES), 4))
    assert read(wav(channels=2), [101, 103]) == (left, 22_050)


@pytest.mark.parametrize("data", [wav(width=1), b"OggS" + bytes(40), b"fLaC" + bytes(40), b"ID3\x04" + bytes(40)])
def test_what_cannot_be_played(data: bytes) -> None:
    with pytest.raises(UnplayableSoundError):
        PcmReader(24_000).feed(data)
