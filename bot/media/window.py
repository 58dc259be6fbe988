"""A stretch of a clip, opened again: pictures at even times, larger and closer together, or its sound."""

import io
from collections.abc import AsyncGenerator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bot.domain.errors import MediaError
from bot.domain.media import AudioChunk, Frame, FrameReason, MediaFile, MediaKind, MediaProbe
from bot.media.audio import RATE_HZ, SoundCutter
from bot.media.child import ChildFailed, ChildFault, open_child
from bot.media.frames import frame_size, refusal_of
from bot.media.graph import ffmpeg_argv, media_input, output, picture_input
from bot.media.limits import MediaLimits
from bot.media.picture import read_picture
from bot.media.selector import Pixels

_QUALITY = 88
_SAME_MEAN = 0.4
_SAME_MOST = 24
_TINY = (160, 90)
_LEAST_STEP_SECONDS = 0.04
_HELD_SECONDS = 1.0


async def window_frames(
    file: MediaFile,
    probe: MediaProbe,
    limits: MediaLimits,
    *,
    start_seconds: float,
    end_seconds: float,
    most: int,
    edge_px: int,
) -> tuple[Frame, ...]:
    """The pictures on the screen at up to `most` even times from start to end, without those that look like the one
    before. `at_seconds` is the time that was looked at. Raises MediaError when there is none."""
    if probe.video is None:
        raise MediaError("media_no_picture", "There is only sound in this file, no picture to show.")
    if probe.kind is MediaKind.PICTURE:
        return (await read_picture(file, replace(limits, image_edge_px=edge_px)),)
    length = max(0.0, end_seconds - start_seconds)
    count = max(1, min(most, int(length / _LEAST_STEP_SECONDS) + 1))
    step = length / (count - 1) if count > 1 else 1.0
    width, height = frame_size(probe.video.width, probe.video.height, edge_px)
    # Decoding begins at the key frame before the start, so that what stands on the screen then is known; "up" gives
    # each time the last picture that had begun by then, and the last of the clip is held.
    source = picture_input(file.path, limits, probe.video, ss=round(start_seconds, 3), noaccurate_seek=None)
    even = source.filter("tpad", stop_mode="clone", stop_duration=_HELD_SECONDS).filter(
        "fps", fps=f"{round(1000 / step)}/1000", round="up", start_time=0
    )
    scaled = even.filter("scale", width, height, flags="bicubic").filter("format", "rgb24")
    argv = ffmpeg_argv(output(scaled, f="rawvideo", fps_mode="passthrough", vframes=count))
    found: list[Frame] = []
    before: NDArray[np.int16] | None = None
    try:
        async with open_child(
            argv,
            readable=[file.path],
            limits=limits,
            wall_seconds=limits.decode_wall(probe.duration_seconds),
            max_output_bytes=width * height * 3 * (count + 1),
        ) as child:
            for place in range(count):
                record = await child.stdout.read_record(width * height * 3)
                if not record:
                    break
                pixels = np.frombuffer(record, np.uint8).reshape(height, width, 3)
                tiny = np.asarray(Image.fromarray(pixels).resize(_TINY, Image.Resampling.BOX), np.int16)
                if before is None or not _is_same(before, tiny):
                    found.append(_frame(pixels, start_seconds + place * step, is_first=not found))
                before = tiny
            end = await child.finish()
    except ChildFailed as failure:
        raise refusal_of(failure) from failure
    if not found:
        raise refusal_of(ChildFailed(end.fault or ChildFault.STATUS, end.complaint, status=end.status))
    return tuple(found)


async def window_sound(
    file: MediaFile, probe: MediaProbe, limits: MediaLimits, *, start_seconds: float, end_seconds: float
) -> AsyncGenerator[AudioChunk]:
    """What is not silent between start and end, on the clip's clock, in order. Raises MediaError."""
    if probe.audio is None:
        raise MediaError("media_no_sound", "There is no sound in this file to listen to.")
    length = max(0.1, end_seconds - start_seconds)
    source = media_input(file.path, limits, ss=round(start_seconds, 3), t=round(length, 3))[str(probe.audio.index)]
    mono = source.filter("aformat", sample_fmts="s16", channel_layouts="mono", sample_rates=RATE_HZ)
    on_clock = mono.filter("aresample", RATE_HZ, **{"async": 1, "first_pts": 0})
    argv = ffmpeg_argv(output(on_clock, format="s16le", t=round(length, 3)))
    cutter = SoundCutter()
    try:
        async with open_child(
            argv,
            readable=[file.path],
            limits=limits,
            wall_seconds=limits.decode_wall(probe.duration_seconds),
            max_output_bytes=round(length * RATE_HZ + RATE_HZ) * 2,
        ) as child:
            while pcm := await child.stdout.read():
                for item in cutter.feed(pcm):
                    if isinstance(item, AudioChunk):
                        yield _moved(item, start_seconds)
            await child.finish()
    except ChildFailed as failure:
        raise MediaError(
            "media_sound_unreadable", "The sound of this file cannot be read. Convert it to MP3 or WAV."
        ) from failure
    for item in cutter.finish():
        if isinstance(item, AudioChunk):
            yield _moved(item, start_seconds)


def _moved(chunk: AudioChunk, by_seconds: float) -> AudioChunk:
    return replace(chunk, offset_seconds=chunk.offset_seconds + by_seconds)


def _is_same(one: NDArray[np.int16], other: NDArray[np.int16]) -> bool:
    difference = np.abs(one - other)
    return float(difference.mean()) < _SAME_MEAN and int(difference.max()) < _SAME_MOST


def _frame(pixels: Pixels, at_seconds: float, *, is_first: bool) -> Frame:
    written = io.BytesIO()
    Image.fromarray(pixels).save(written, "JPEG", quality=_QUALITY, subsampling=0)
    height, width, _ = pixels.shape
    return Frame(
        at_seconds=round(at_seconds, 3),
        since_seconds=round(at_seconds, 3),
        width=width,
        height=height,
        reason=FrameReason.FIRST if is_first else FrameReason.CHANGE,
        novelty=1.0,
        jpeg=written.getvalue(),
    )
