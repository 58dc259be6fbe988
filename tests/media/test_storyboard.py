"""The contact sheet: every frame, readable, small enough to send."""

import io

import numpy as np
import pytest
from PIL import Image

from bot.domain.media import Frame, FrameReason
from bot.media.storyboard import clock, draw_storyboard


def frame(at: float, size: tuple[int, int] = (1024, 576), *, noise: bool = False) -> Frame:
    pixels = np.random.default_rng(int(at)).integers(0, 255, (size[1], size[0], 3), np.uint8)
    image = Image.fromarray(pixels) if noise else Image.new("RGB", size, (200, 30, 30))
    written = io.BytesIO()
    image.save(written, "JPEG")
    return Frame(
        at_seconds=at,
        since_seconds=at,
        width=size[0],
        height=size[1],
        reason=FrameReason.CUT,
        novelty=1,
        jpeg=written.getvalue(),
    )


@pytest.mark.parametrize(("count", "size"), [(1, (64, 64)), (5, (1024, 576)), (30, (576, 1024)), (120, (1024, 576))])
async def test_fits_into_a_message(count, size):
    png = await draw_storyboard([frame(float(n), size) for n in range(count)])
    with Image.open(io.BytesIO(png)) as sheet:
        assert sheet.format == "PNG"
        assert sheet.width <= 2000
        assert sheet.height <= 6200
    assert len(png) < 8_000_000


async def test_noise_fits_too():
    assert len(await draw_storyboard([frame(float(n), noise=True) for n in range(20)])) < 8_000_000


async def test_each_frame_is_there():
    png = await draw_storyboard([frame(float(n)) for n in range(7)], columns=4)
    with Image.open(io.BytesIO(png)) as sheet:
        pixels = np.asarray(sheet.convert("RGB")).astype(int)
    red = (pixels[..., 0] > 150) & (pixels[..., 1] < 80)
    row = red[red.any(axis=1)][5]
    assert np.count_nonzero(np.diff(row.astype(int)) == 1) == 4


async def test_without_frames():
    with pytest.raises(ValueError, match="at least one"):
        await draw_storyboard([])


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0:00"), (42.9, "0:42"), (605, "10:05"), (3607, "1:00:07")])
def test_clock(seconds, shown):
    assert clock(seconds) == shown


def test_clock_of_a_short_clip():
    assert clock(4.28, tenths=True) == "0:04.2"
