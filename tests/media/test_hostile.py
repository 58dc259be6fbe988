"""Broken and hostile files end in frames or sound or a MediaError; nothing hangs, crashes or stays behind."""

import asyncio
import random
import struct
import subprocess
import tempfile
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from bot.domain.errors import MediaError
from bot.domain.media import Frame
from bot.media.audio import AudioEnd, cut_audio
from bot.media.frames import FramesEnd, sample_frames
from bot.media.intake import open_media
from bot.media.limits import MediaLimits
from bot.media.probe import probe
from bot.media.workspace import Workspace
from tests import clips

SUFFIXES = ("mp4", "mov", "mkv", "webm", "gif", "ogg", "mp3", "wav", "m4a", "flac", "jpg", "png", "webp")
CASES_PER_SUFFIX = 9
AT_ONCE = 3


async def outcome(path: Path, limits: MediaLimits) -> str:
    """ "frames", "sound", or the code of the refusal. Anything else is an error of ours."""
    try:
        file = await open_media(path, limits)
        found = await probe(file, limits)
        if found.has_video:
            items = [item async for item in sample_frames(file, found, limits)]
            assert isinstance(items[-1], FramesEnd)
            assert any(isinstance(item, Frame) for item in items)
        if found.has_audio:
            sounds = [item async for item in cut_audio(file, found, limits)]
            assert isinstance(sounds[-1], AudioEnd)
    except MediaError as error:
        return error.code
    return "frames" if found.has_video else "sound"


@cache
def sample(suffix: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"sample.{suffix}")
        if suffix in {"jpg", "png", "webp"}:
            clips.picture(path, size=(160, 120))
        elif suffix in {"mp4", "mov", "mkv", "webm"}:
            clips.moving_clip(path, seconds=1, fps=15, size=(160, 120))
        elif suffix == "gif":
            clips.animation(path, frames=5, size=(160, 120))
        else:
            clips.tone(path, seconds=1)
        return path.read_bytes()


def damage(data: bytes, dice: random.Random) -> bytes:
    """Cut it short, or change bytes: many anywhere, a few in the headers, a block of zeros, or a repeated part."""
    kind = dice.choice(("cut", "flips", "head", "zeros", "double"))
    place = dice.randrange(len(data))
    broken = bytearray(data)
    if kind == "cut":
        del broken[max(1, place) :]
    elif kind == "flips":
        for _ in range(dice.choice((1, 10, 200))):
            broken[dice.randrange(len(broken))] ^= 1 << dice.randrange(8)
    elif kind == "head":
        for _ in range(dice.choice((1, 5, 30))):
            broken[dice.randrange(min(600, len(broken)))] = dice.randrange(256)
    elif kind == "zeros":
        length = min(len(broken) - place, dice.choice((4, 100, 5000)))
        broken[place : place + length] = bytes(length)
    else:
        broken[place:place] = data[place : place + 2000]
    return bytes(broken)


@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_random_damage(tmp_path, limits, suffix):
    await damaged(tmp_path, limits, suffix, CASES_PER_SUFFIX, seed=2026)


async def damaged(root: Path, limits: MediaLimits, suffix: str, count: int, *, seed: int) -> Counter[str]:
    dice = random.Random(f"{seed} {suffix}")
    turns = asyncio.Semaphore(AT_ONCE)

    async def case(data: bytes) -> str:
        async with turns:
            with Workspace(root) as workspace:
                path = workspace.path / "clip"
                path.write_bytes(data)
                before = set(workspace.path.iterdir())
                found = await outcome(path, limits)
                assert set(workspace.path.iterdir()) == before
                return found

    cases = [damage(sample(suffix), dice) for _ in range(count)]
    outcomes = await asyncio.gather(*(case(data) for data in cases))
    assert list(root.iterdir()) == []
    return Counter(outcomes)


@pytest.mark.parametrize("suffix", SUFFIXES)
async def test_the_undamaged_ones_are_usable(tmp_path, limits, suffix):
    path = tmp_path / "clip"
    path.write_bytes(sample(suffix))
    assert await outcome(path, limits) in {"frames", "sound"}


async def test_pixel_bombs(tmp_path, limits):
    path = tmp_path / "bomb.mkv"
    png = tmp_path / "bomb.png"
    png.write_bytes(black_png(16000))
    subprocess.run(["ffmpeg", "-v", "error", "-i", png, "-c", "copy", path], check=True)
    assert await outcome(path, limits) == "media_too_many_pixels"
    assert await outcome(png, limits) == "media_too_many_pixels"


async def test_three_hours_of_silence_are_refused_unheard(tmp_path, limits):
    path = tmp_path / "silence.flac"
    source = "anullsrc=r=8000:cl=mono:d=10800"
    subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-compression_level", "0", path], check=True)
    assert await outcome(path, limits) == "media_too_long"


async def test_headers_that_claim_too_much(tmp_path, limits):
    path = tmp_path / "clip"
    whole = sample("mp4")
    for box, at, value in ((b"mdhd", 16, 0), (b"stts", 8, 2**32 - 1), (b"stsz", 12, 2**31 - 1), (b"stco", 8, 2**31)):
        data = bytearray(whole)
        struct.pack_into(">I", data, data.find(box) + at, value)
        path.write_bytes(data)
        await outcome(path, limits)
    nested = b"".join(struct.pack(">I4s", 8 * (20000 - n), b"moov") for n in range(20000))
    path.write_bytes(struct.pack(">I4s4sI", 16, b"ftyp", b"isom", 0) + nested)
    assert (await outcome(path, limits)).startswith("media_")


async def test_a_packed_index_does_not_unpack_to_gigabytes(tmp_path, limits):
    packed = zlib.compress(bytes(200 * 2**20), 9)
    cmvd = struct.pack(">I4sI", 12 + len(packed), b"cmvd", 200 * 2**20) + packed
    cmov = struct.pack(">I4s", 8 + 12 + len(cmvd), b"cmov") + struct.pack(">I4s4s", 12, b"dcom", b"zlib") + cmvd
    path = tmp_path / "clip.mov"
    path.write_bytes(
        struct.pack(">I4s4sI", 16, b"ftyp", b"qt  ", 0) + struct.pack(">I4s", 8 + len(cmov), b"moov") + cmov
    )
    assert (await outcome(path, limits)).startswith("media_")


async def test_a_tag_that_claims_256_megabytes(tmp_path, limits):
    path = tmp_path / "clip.mp3"
    path.write_bytes(b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f" + sample("mp3"))
    assert (await outcome(path, limits)).startswith("media_")


async def test_a_wav_that_lies_about_its_size(tmp_path, limits):
    data = bytearray(sample("wav"))
    struct.pack_into("<I", data, 4, 2**32 - 1)
    struct.pack_into("<I", data, data.find(b"data") + 4, 2**32 - 1)
    path = tmp_path / "clip.wav"
    path.write_bytes(data)
    assert await outcome(path, limits) == "sound"


async def test_a_polyglot_is_what_its_first_bytes_say(tmp_path, limits):
    path = tmp_path / "clip.zip"
    path.write_bytes(sample("mp4") + b"PK\x05\x06" + bytes(18))
    assert await outcome(path, limits) == "frames"


def black_png(side: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    rows = zlib.compress(bytes((1 + side // 8) * side), 9)
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
