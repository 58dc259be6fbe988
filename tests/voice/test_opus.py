"""Opus both ways by the real libopus: what is no Opus is refused, what is closed stays closed, nothing is left over."""

import gc
import random

import numpy as np
import pytest

from bot.domain.errors import VoiceError
from bot.domain.voice import SILENCE_FRAME
from bot.voice import opus
from bot.voice.opus import ENCODER_RATES_HZ, BadFrameError, OpusDecoder, OpusEncoder
from tests.voice.speech import Mouth, say


def samples_of(pcm: bytes) -> np.ndarray:
    return np.frombuffer(pcm, dtype="<i2").astype(float)


@pytest.mark.parametrize("rate_hz", ENCODER_RATES_HZ)
def test_what_is_encoded_at_any_rate_is_heard_again(rate_hz: int) -> None:
    seconds = np.arange(rate_hz) / rate_hz
    tone = (8000 * np.sin(2 * np.pi * 440 * seconds)).astype("<i2").tobytes()
    encoder, decoder = OpusEncoder(rate_hz), OpusDecoder()
    size = encoder.frame_bytes
    assert size == rate_hz // 50 * 2
    heard = b"".join(decoder.decode(encoder.encode(tone[at : at + size])) for at in range(0, len(tone), size))
    assert len(heard) == 2 * 16_000
    spectrum = np.abs(np.fft.rfft(samples_of(heard)[8_000:]))
    assert int(spectrum.argmax()) * 2 == 440
    encoder.close()
    decoder.close()


def test_frames_of_10_20_40_and_60_ms_and_silence_have_their_length() -> None:
    decoder = OpusDecoder()
    frame = next(iter(Mouth().frames(say("yes"), 0.0))).opus
    assert len(decoder.decode(frame)) == 640
    assert len(decoder.decode(SILENCE_FRAME)) == 640
    two_in_one = bytes([frame[0] | 1]) + frame[1:] + frame[1:]  # RFC 6716, 3.2.3: two frames of equal size
    assert len(decoder.decode(two_in_one)) == 1280
    decoder.close()


def test_a_lost_frame_comes_back_from_the_next_one() -> None:
    frames = [frame.opus for frame in Mouth(has_fec=True).frames(say("the red car was faster"), 0.0)]
    whole, holed, made_up = OpusDecoder(), OpusDecoder(), OpusDecoder()
    original: list[bytes] = []
    recovered: list[bytes] = []
    concealed: list[bytes] = []
    for number, frame in enumerate(frames[:-6]):
        original.append(whole.decode(frame))
        if number % 5 == 4:
            recovered.append(holed.recover(frames[number + 1], 320))
            concealed.append(made_up.conceal(320))
        else:
            recovered.append(holed.decode(frame))
            concealed.append(made_up.decode(frame))
    lost = [number for number in range(len(original)) if number % 5 == 4]
    assert all(len(recovered[number]) == len(concealed[number]) == 640 for number in lost)

    def error(parts: list[bytes]) -> float:
        return sum(float(np.square(samples_of(parts[n]) - samples_of(original[n])).sum()) for n in lost)

    assert error(recovered) < error(concealed) / 2
    for decoder in (whole, holed, made_up):
        decoder.close()


def test_what_is_made_up_fades_and_is_never_longer_than_a_packet() -> None:
    decoder = OpusDecoder()
    for frame in Mouth().frames(say("a long vowel"), 0.0)[:20]:
        decoder.decode(frame.opus)
    loud = [float(np.abs(samples_of(decoder.conceal(320))).max()) for _ in range(15)]
    assert loud[-1] < loud[0] / 4
    assert len(decoder.conceal(10**9)) == 1920 * 2
    assert len(decoder.conceal(-5)) == 40 * 2
    assert len(decoder.conceal(100)) == 80 * 2
    decoder.close()


def test_what_is_no_opus_is_a_bad_frame_and_the_next_is_decoded() -> None:
    decoder = OpusDecoder()
    pick = random.Random(1)
    bad = 0
    for _ in range(3000):
        rubbish = pick.randbytes(pick.randrange(0, 1500))
        try:
            assert len(decoder.decode(rubbish)) <= 1920 * 2
        except BadFrameError:
            bad += 1
        try:
            decoder.recover(rubbish, pick.randrange(0, 4000))
        except BadFrameError:
            bad += 1
    assert bad > 100
    with pytest.raises(BadFrameError):
        decoder.decode(b"")
    assert len(decoder.decode(SILENCE_FRAME)) == 640
    decoder.close()


def test_closing_twice_is_closing_once_and_what_is_forgotten_closes_itself() -> None:
    gc.collect()
    before = OpusDecoder.live, OpusEncoder.live
    decoder, encoder = OpusDecoder(), OpusEncoder(48_000)
    assert (OpusDecoder.live, OpusEncoder.live) == (before[0] + 1, before[1] + 1)
    for _ in range(2):
        decoder.close()
        encoder.close()
    assert (OpusDecoder.live, OpusEncoder.live) == before
    with pytest.raises(ValueError, match="closed"):
        decoder.decode(SILENCE_FRAME)
    with pytest.raises(ValueError, match="closed"):
        encoder.encode(bytes(encoder.frame_bytes))
    forgotten = OpusDecoder()
    assert OpusDecoder.live == before[0] + 1
    del forgotten
    gc.collect()
    assert OpusDecoder.live == before[0]


def test_a_rate_or_a_length_that_opus_does_not_take_is_refused() -> None:
    with pytest.raises(ValueError, match="22050"):
        OpusEncoder(22_050)
    with pytest.raises(ValueError, match="11025"):
        OpusDecoder(11_025)
    encoder = OpusEncoder(16_000)
    with pytest.raises(ValueError, match="20 ms"):
        encoder.encode(bytes(100))
    encoder.close()


def test_without_libopus_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opus, "_NAMES", ("libopus-of-nobody.so",))
    monkeypatch.setattr(opus.ctypes.util, "find_library", lambda _name: None)
    opus._library.cache_clear()
    try:
        with pytest.raises(VoiceError) as caught:
            opus.ensure_opus()
        assert caught.value.code == "opus_missing"
        assert "libopus0" in str(caught.value.public)
    finally:
        monkeypatch.undo()
        opus._library.cache_clear()
    opus.ensure_opus()
