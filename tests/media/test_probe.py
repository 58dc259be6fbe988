"""What a file is, whatever its name says, and what is refused before any decoding."""

import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bot.domain.errors import MediaError
from bot.domain.media import MediaKind, MediaProbe
from bot.media.intake import open_media
from bot.media.limits import MediaLimits
from bot.media.probe import probe
from tests import clips


async def look(path: Path, limits: MediaLimits) -> MediaProbe:
    return await probe(await open_media(path, limits), limits)


async def code(path: Path, limits: MediaLimits) -> str:
    with pytest.raises(MediaError) as caught:
        await look(path, limits)
    assert caught.value.public.endswith(".")
    return caught.value.code


def ffmpeg(*arguments: str | Path) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)], check=True)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "gif"])
async def test_containers_of_video(tmp_path, limits, suffix):
    path = tmp_path / f"clip.{suffix}"
    clips.moving_clip(path, seconds=2)
    found = await look(path, limits)
    assert found.kind is MediaKind.VIDEO
    assert found.has_audio == (suffix != "gif")
    assert (found.video.width, found.video.height) == (320, 240)
    assert found.duration_seconds == pytest.approx(2, abs=0.05)
    assert found.video.end_seconds == pytest.approx(2, abs=0.05)
    assert found.size_bytes == path.stat().st_size


@pytest.mark.parametrize("suffix", ["wav", "mp3", "ogg", "m4a", "flac"])
async def test_containers_of_sound(tmp_path, limits, suffix):
    path = tmp_path / f"sound.{suffix}"
    clips.tone(path, seconds=2)
    found = await look(path, limits)
    assert (found.kind, found.video) == (MediaKind.AUDIO, None)
    assert (found.audio.rate_hz, found.audio.channels) == (48000, 1)
    assert found.duration_seconds == pytest.approx(2, abs=0.06)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif"])
async def test_stills(tmp_path, limits, suffix):
    path = tmp_path / "wrong.mp4"
    clips.picture(tmp_path / f"still.{suffix}")
    shutil.move(tmp_path / f"still.{suffix}", path)
    found = await look(path, limits)
    assert found.kind is MediaKind.PICTURE
    assert (found.video.width, found.video.height, found.duration_seconds) == (640, 480, 0)


async def test_a_turned_photograph_is_upright(tmp_path, limits):
    path = tmp_path / "photo.jpg"
    clips.picture(path, size=(200, 100), orientation=6)
    found = await look(path, limits)
    assert (found.video.width, found.video.height) == (100, 200)


async def test_a_turned_video_is_upright(tmp_path, limits):
    path = tmp_path / "turned.mp4"
    clips.colour_tone_clip(path, rotate=90, scenes=1, size=(640, 360))
    found = await look(path, limits)
    assert (found.video.width, found.video.height, found.video.rotation_degrees) == (640, 360, 90)


async def test_pixels_that_are_not_square(tmp_path, limits):
    path = tmp_path / "wide.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=320x240:d=1,setsar=4/3", "-c:v", "libx264", path)
    found = await look(path, limits)
    assert (found.video.width, found.video.height) == (427, 240)


async def test_an_animation_is_video_and_its_length_counts_the_last_picture(tmp_path, limits):
    path = tmp_path / "animation.gif"
    clips.animation(path, frames=4, frame_seconds=0.5)
    found = await look(path, limits)
    assert (found.kind, found.duration_seconds) == (MediaKind.VIDEO, 2)


@pytest.mark.parametrize("suffix", ["mp3", "m4a"])
async def test_cover_art_is_no_video(tmp_path, limits, suffix):
    path = tmp_path / f"music.{suffix}"
    clips.cover_art(path)
    found = await look(path, limits)
    assert (found.kind, found.video) == (MediaKind.AUDIO, None)


async def test_five_point_one(tmp_path, limits):
    path = tmp_path / "surround.m4a"
    clips.tone(path, channels=6)
    assert (await look(path, limits)).audio.channels == 6


async def test_a_live_recording_without_a_length(tmp_path, limits):
    clips.moving_clip(tmp_path / "clip.mkv", seconds=2)
    path = tmp_path / "live.webm"
    source = tmp_path / "clip.webm"
    clips.moving_clip(source, seconds=2)
    with path.open("wb") as target:
        subprocess.run(
            ["ffmpeg", "-nostdin", "-v", "error", "-i", source, "-c", "copy", "-live", "1", "-f", "webm", "pipe:1"],
            check=True,
            stdout=target,
        )
    assert (await look(path, limits)).duration_seconds == pytest.approx(2, abs=0.1)


async def test_streams_that_start_at_different_times(tmp_path, limits):
    path = tmp_path / "offset.mkv"
    video = ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=2")
    late = ("-itsoffset", "1.5", "-f", "lavfi", "-i", "sine=d=2")
    ffmpeg(*video, *late, "-c:v", "libx264", "-c:a", "flac", path)
    found = await look(path, limits)
    assert found.video.start_seconds == pytest.approx(0, abs=0.05)
    assert found.audio.start_seconds == pytest.approx(1.5, abs=0.05)
    assert found.duration_seconds == pytest.approx(3.5, abs=0.05)


async def test_the_largest_video_and_the_default_sound_of_many(tmp_path, limits):
    path = tmp_path / "many.mkv"
    sources = [
        part
        for source in ("testsrc2=s=160x120:d=1", "testsrc2=s=320x240:d=1", "sine=d=1", "sine=d=1:f=880")
        for part in ("-f", "lavfi", "-i", source)
    ]
    maps = [part for n in range(4) for part in ("-map", str(n))]
    plain = ("-disposition:v", "0", "-disposition:a:0", "0", "-disposition:a:1", "default")
    ffmpeg(*sources, *maps, "-c:v", "libx264", "-c:a", "flac", *plain, path)
    found = await look(path, limits)
    assert (found.video.index, found.video.width, found.audio.index) == (1, 320, 3)


async def test_latin_1_in_the_tags(tmp_path, limits):
    clips.tone(tmp_path / "sound.mp3", seconds=1)
    title = b"TIT2" + struct.pack(">IH", 6, 0) + b"\x00caf\xe9\xff"
    body = title.ljust(64, b"\0")
    data = (tmp_path / "sound.mp3").read_bytes()
    path = tmp_path / "tagged.mp3"
    path.write_bytes(b"ID3\x03\x00\x00" + bytes([0, 0, 0, len(body)]) + body + data)
    assert (await look(path, limits)).kind is MediaKind.AUDIO


async def test_a_header_that_says_49_days(tmp_path, limits):
    path = tmp_path / "lying.mp4"
    clips.moving_clip(path, seconds=2)
    data = bytearray(path.read_bytes())
    for box, at in ((b"mvhd", 20), (b"mdhd", 20)):
        place = data.find(box)
        while place > 0:
            struct.pack_into(">I", data, place + at, 2**32 - 1)
            place = data.find(box, place + 4)
    path.write_bytes(data)
    assert (await look(path, limits)).duration_seconds == pytest.approx(2, abs=0.1)


async def test_limits_are_refused_with_their_code(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=2)
    assert await code(path, replace(limits, max_seconds=1)) == "media_too_long"
    assert await code(path, replace(limits, max_pixels=320 * 239)) == "media_too_many_pixels"
    assert await code(path, replace(limits, max_streams=1)) == "media_too_many_streams"
    assert await code(path, replace(limits, probe_wall_seconds=0.001)) == "media_timeout"
    picture = tmp_path / "still.png"
    clips.picture(picture)
    assert await code(picture, replace(limits, max_pixels=640 * 479)) == "media_too_many_pixels"


async def test_two_hundred_and_fifty_streams(tmp_path, limits):
    path = tmp_path / "streams.mkv"
    clips.tone(tmp_path / "tone.wav", seconds=0.2)
    ffmpeg("-i", tmp_path / "tone.wav", *["-map", "0:a"] * 250, "-c", "copy", path)
    assert await code(path, limits) == "media_too_many_streams"


@pytest.mark.parametrize(("suffix", "codec"), [("mkv", "ffv1"), ("mkv", "magicyuv"), ("mov", "rawvideo")])
async def test_codecs_off_the_list(tmp_path, limits, suffix, codec):
    path = tmp_path / f"clip.{suffix}"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.5", "-c:v", codec, path)
    assert await code(path, limits) == "media_codec_refused"


@pytest.mark.parametrize(
    ("suffix", "arguments"),
    [("avi", ["-c:v", "magicyuv"]), ("flv", ["-c:v", "flv"]), ("ts", ["-c:v", "mpeg2video"])],
)
async def test_containers_off_the_list(tmp_path, limits, suffix, arguments):
    path = tmp_path / f"clip.{suffix}"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=0.5", *arguments, path)
    assert await code(path, limits) == "media_unknown_kind"


async def test_damaged_files_are_told_from_strange_ones(tmp_path, limits):
    clips.moving_clip(tmp_path / "clip.mp4", seconds=2)
    whole = (tmp_path / "clip.mp4").read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole[: len(whole) // 2])
    assert await code(cut, limits) == "media_broken"
    half = tmp_path / "half.png"
    clips.picture(tmp_path / "still.png")
    half.write_bytes((tmp_path / "still.png").read_bytes()[:60])
    assert await code(half, limits) == "media_broken"


STRANGE = {
    "random": bytes((n * 197 + n // 7) % 256 for n in range(20000)),
    "one byte": b"x",
    "text": b"just some words\n" * 50,
    "html": b"<html><body><video src='http://127.0.0.1:9/a.mp4'></video></body></html>",
    "hls": b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
    "concat": b"ffconcat version 1.0\nfile /etc/hostname\n",
    "sdp": b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "dash": b"<?xml version='1.0'?><MPD xmlns='urn:mpeg:dash:schema:mpd:2011' type='static'><Period/></MPD>",
    "script": b"#!/bin/sh\necho hello\n",
    "fits": b"SIMPLE  =                    T".ljust(2880),
}


@pytest.mark.parametrize("name", STRANGE)
async def test_what_is_no_media(tmp_path, limits, name):
    path = tmp_path / "clip.mp4"
    path.write_bytes(STRANGE[name])
    assert await code(path, limits) in {"media_unknown_kind", "media_broken"}


async def test_a_playlist_does_not_open_another_local_clip(tmp_path, limits):
    clips.moving_clip(tmp_path / "other.mp4", seconds=1)
    path = tmp_path / "clip.mp4"
    path.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{tmp_path}/other.mp4\n#EXT-X-ENDLIST\n")
    assert await code(path, limits) == "media_unknown_kind"


@pytest.mark.parametrize("name", ["-i evil", "n%03d", "concat:x", "http:x", "new\nline", "r\u202etl", "$(touch pwn)"])
async def test_hostile_names(tmp_path, limits, name):
    clips.tone(tmp_path / "tone.wav", seconds=0.5)
    path = tmp_path / name
    shutil.move(tmp_path / "tone.wav", path)
    assert (await look(path, limits)).kind is MediaKind.AUDIO
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


async def test_the_real_clips(shared, limits):
    videos = await look(shared / "tears-of-steel-battle-clip.webm", limits)
    assert videos.duration_seconds == pytest.approx(70.5, abs=0.1)
    assert (await look(shared / "edge" / "cheese-on-toast.mp3", limits)).container == "mov"
    assert (await look(shared / "edge" / "no_duration.webm", limits)).duration_seconds == pytest.approx(4.94, abs=0.1)
