"""The true length of a file, from its packets."""

import subprocess

import pytest

from bot.media.intake import open_media
from bot.media.walk import walk
from tests import clips


async def test_both_streams_are_measured_on_their_own(tmp_path, limits):
    path = tmp_path / "clip.mkv"
    sources = ["-f", "lavfi", "-i", "testsrc2=s=64x48:r=20:d=1", "-f", "lavfi", "-i", "sine=d=4"]
    subprocess.run(["ffmpeg", "-v", "error", *sources, "-c:v", "libx264", "-c:a", "flac", path], check=True)
    walked = await walk(await open_media(path, limits), ("0", "1"), limits)
    assert walked.ends_seconds == pytest.approx((1, 4), abs=0.06)
    assert walked.pictures == 20


async def test_sound_alone(tmp_path, limits):
    path = tmp_path / "tone.ogg"
    clips.tone(path, seconds=2)
    walked = await walk(await open_media(path, limits), ("0",), limits)
    assert walked.ends_seconds == pytest.approx((2,), abs=0.06)


async def test_nothing_to_walk_through_is_unknown(tmp_path, limits):
    path = tmp_path / "noise"
    path.write_bytes(b"no media")
    assert (await walk(await open_media(path, limits), ("0", "1"), limits)).ends_seconds == (None, None)
