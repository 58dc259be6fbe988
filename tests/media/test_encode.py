"""Pieces for a transcriber and voice clips for Discord, checked by what comes out of a decoder."""

import asyncio
import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from bot.domain.errors import MediaError
from bot.domain.media import AudioChunk
from bot.media.encode import UploadForm, VoiceClipEncoder, encode_upload
from bot.media.limits import MediaLimits
from tests.media.conftest import children

LIMITS = MediaLimits()
LEAD_SECONDS = 0.1

Samples = NDArray[np.float32]


def tone(seconds: float, *, rate_hz: int, hz: int = 300, peak: float = 0.5) -> bytes:
    times = np.arange(round(seconds * rate_hz)) / rate_hz
    return np.rint((peak * 32767 * np.sin(2 * np.pi * hz * times)).clip(-32768, 32767)).astype("<i2").tobytes()


def decoded(data: bytes) -> Samples:
    """Mono, 48 kHz."""
    command = ["ffmpeg", "-v", "error", "-i", "pipe:0", "-ac", "1", "-ar", "48000", "-f", "f32le", "pipe:1"]
    return np.frombuffer(subprocess.run(command, input=data, check=True, capture_output=True).stdout, "<f4")


def described(data: bytes, path: Path) -> dict[str, str]:
    path.write_bytes(data)
    shown = "stream=codec_name,sample_rate,channels:format=duration,format_name"
    command = ["ffprobe", "-v", "error", "-show_entries", shown, "-of", "json", str(path)]
    told = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return {**told["format"], **told["streams"][0]}


def loudest_hz(samples: Samples) -> float:
    return float(np.argmax(np.abs(np.fft.rfft(samples)))) * 48_000 / len(samples)


@pytest.mark.parametrize(
    ("form", "name", "media_type", "codec", "most_bytes_per_minute"),
    [
        (UploadForm.OPUS, "sound.ogg", "audio/ogg", "opus", 200_000),
        (UploadForm.MP3, "sound.mp3", "audio/mpeg", "mp3", 490_000),
        (UploadForm.WAV, "sound.wav", "audio/wav", "pcm_s16le", 1_920_300),
    ],
)
async def test_a_piece_for_upload(
    tmp_path: Path, form: UploadForm, name: str, media_type: str, codec: str, most_bytes_per_minute: int
):
    pcm = np.random.default_rng(5).normal(0, 3000, 16_000 * 20).astype("<i2").tobytes()
    audio = await encode_upload(AudioChunk(rate_hz=16_000, pcm=pcm), LIMITS, form=form)
    assert (audio.name, audio.media_type) == (name, media_type)
    facts = described(audio.data, tmp_path / name)
    assert facts["codec_name"] == codec
    assert facts["channels"] == 1
    assert float(facts["duration"]) == pytest.approx(20, abs=0.1)
    assert len(audio.data) * 3 <= most_bytes_per_minute
    assert float(np.sqrt(np.mean(decoded(audio.data) ** 2))) == pytest.approx(3000 / 32768, rel=0.4)


async def test_pieces_are_encoded_at_once():
    chunks = [AudioChunk(rate_hz=16_000, pcm=tone(2, rate_hz=16_000, hz=hz)) for hz in (300, 500, 700)]
    audios = await asyncio.gather(*(encode_upload(chunk, LIMITS) for chunk in chunks))
    assert [round(loudest_hz(decoded(audio.data)), -1) for audio in audios] == [300, 500, 700]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 22_050, 24_000, 48_000])
async def test_a_voice_clip(tmp_path: Path, rate_hz: int):
    pcm = tone(1.5, rate_hz=rate_hz) + bytes(2 * rate_hz * 3 // 2)
    async with VoiceClipEncoder(LIMITS) as encoder:
        for at, end in pairwise([*range(0, len(pcm), 7_778), len(pcm)]):
            await encoder.write(AudioChunk(rate_hz=rate_hz, pcm=pcm[at:end]))
        clip = await encoder.finish()
    facts = described(clip.ogg, tmp_path / "voice.ogg")
    assert (facts["format_name"], facts["codec_name"]) == ("ogg", "opus")
    assert (facts["sample_rate"], facts["channels"]) == ("48000", 1)
    assert clip.duration_seconds == pytest.approx(3 + LEAD_SECONDS, abs=0.001)
    assert float(facts["duration"]) == pytest.approx(clip.duration_seconds, abs=0.05)
    samples = decoded(clip.ogg)
    assert len(samples) / 48_000 == pytest.approx(clip.duration_seconds, abs=0.05)
    assert round(loudest_hz(samples[9_600:67_200])) == pytest.approx(300, abs=2)
    assert len(clip.waveform) == 31
    assert set(clip.waveform[2:15]) == {255}
    assert set(clip.waveform[17:]) == {0}


async def test_full_scale_sound_does_not_clip_and_does_not_begin_with_a_click():
    pcm = (np.sign(np.frombuffer(tone(2, rate_hz=24_000), "<i2")) * 24_000).astype("<i2").tobytes()
    loud = tone(2, rate_hz=24_000, peak=1.0)
    async with VoiceClipEncoder(LIMITS) as encoder:
        await encoder.write(AudioChunk(rate_hz=24_000, pcm=pcm + loud))
        samples = decoded((await encoder.finish()).ogg)
    assert np.abs(samples[100_000:]).max() < 1
    assert np.abs(samples[:4_500]).max() < 0.02
    assert np.abs(samples[4_700:5_000]).max() < np.abs(samples[5_400:10_000]).max() / 2


async def test_sound_may_come_slowly():
    async with VoiceClipEncoder(LIMITS) as encoder:
        for _ in range(5):
            await encoder.write(AudioChunk(rate_hz=24_000, pcm=tone(0.1, rate_hz=24_000)))
            await asyncio.sleep(0.05)
        clip = await encoder.finish()
    assert clip.duration_seconds == pytest.approx(0.5 + LEAD_SECONDS)
    assert len(decoded(clip.ogg)) == pytest.approx(0.6 * 48_000, abs=2_400)


async def test_minutes_of_sound_at_once_do_not_stall():
    second = AudioChunk(rate_hz=24_000, pcm=tone(1, rate_hz=24_000))
    async with VoiceClipEncoder(LIMITS) as encoder:
        for _ in range(180):
            await encoder.write(second)
        clip = await encoder.finish()
    assert len(clip.ogg) < 180 * 8_000
    assert len(clip.waveform) == 256
    assert len(decoded(clip.ogg)) / 48_000 == pytest.approx(180.1, abs=0.05)


async def test_another_voice_of_another_rate_takes_over():
    async with VoiceClipEncoder(LIMITS) as encoder:
        await encoder.write(AudioChunk(rate_hz=24_000, pcm=tone(1, rate_hz=24_000, hz=300)))
        await encoder.write(AudioChunk(rate_hz=16_000, pcm=tone(1, rate_hz=16_000, hz=500)))
        clip = await encoder.finish()
    samples = decoded(clip.ogg)
    assert clip.duration_seconds == pytest.approx(2 + LEAD_SECONDS)
    assert loudest_hz(samples[9_600:48_000]) == pytest.approx(300, abs=3)
    assert loudest_hz(samples[57_600:96_000]) == pytest.approx(500, abs=3)


async def test_no_sound_is_no_clip():
    async with VoiceClipEncoder(LIMITS) as encoder:
        await encoder.write(AudioChunk(rate_hz=24_000, pcm=b""))
        with pytest.raises(MediaError) as caught:
            await encoder.finish()
    assert caught.value.code == "voice_empty"


async def test_an_encoder_that_cannot_work_says_so():
    starved = MediaLimits(child_memory_bytes=2**20)
    with pytest.raises(MediaError) as caught:
        await encode_upload(AudioChunk(rate_hz=16_000, pcm=tone(1, rate_hz=16_000)), starved)
    assert caught.value.code == "sound_not_encoded"
    async with VoiceClipEncoder(starved) as encoder:
        await encoder.write(AudioChunk(rate_hz=24_000, pcm=tone(1, rate_hz=24_000)))
        with pytest.raises(MediaError) as caught:
            await encoder.finish()
    assert caught.value.code == "sound_not_encoded"


async def test_without_ffmpeg_it_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(shutil, "which", lambda *_: None)
    async with VoiceClipEncoder(LIMITS) as encoder:
        with pytest.raises(MediaError) as caught:
            await encoder.write(AudioChunk(rate_hz=24_000, pcm=tone(1, rate_hz=24_000)))
    assert caught.value.code == "sound_not_encoded"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_cancelling_ends_the_encoder():
    begun, before = asyncio.Event(), children()

    async def speak() -> None:
        async with VoiceClipEncoder(LIMITS) as encoder:
            await encoder.write(AudioChunk(rate_hz=24_000, pcm=tone(1, rate_hz=24_000)))
            begun.set()
            await asyncio.sleep(60)

    speaking = asyncio.create_task(speak())
    await begun.wait()
    assert children() - before
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking
    assert children() <= before
