"""Contact sheets: many frames on one picture of the usual size."""

import io
from dataclasses import replace

import pytest
from PIL import Image

from bot.domain.media import Frame, FrameReason
from bot.media.sheet import SHEET_FRAMES, draw_sheet, sheet_size
from bot.providers.image_tokens import Detail, image_tokens

COLOURS = ["red", "green", "blue", "white", "yellow", "cyan", "magenta", "gray", "orange"]


def frame(at_seconds: float, colour: str, size: tuple[int, int] = (768, 432)) -> Frame:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "JPEG", quality=95)
    return Frame(
        at_seconds=at_seconds,
        since_seconds=at_seconds,
        width=size[0],
        height=size[1],
        reason=FrameReason.CHANGE,
        novelty=0.5,
        jpeg=written.getvalue(),
    )


@pytest.mark.parametrize("size", [(768, 432), (432, 768), (160, 90), (512, 512)])
async def test_nine_frames_stand_in_rows_on_a_picture_no_larger_than_one(size: tuple[int, int]) -> None:
    sheet = await draw_sheet([frame(20.0 + n, colour, size) for n, colour in enumerate(COLOURS)], edge_px=768)
    with Image.open(io.BytesIO(sheet.jpeg)) as drawn:
        assert drawn.size == (sheet.width, sheet.height) == sheet_size(*size, 768)
        assert max(drawn.size) <= 768
        for place, colour in enumerate(COLOURS):
            row, column = divmod(place, 3)
            middle = (round((column + 0.6) * sheet.width / 3), round((row + 0.7) * sheet.height / 3))
            seen, wanted = drawn.getpixel(middle), Image.new("RGB", (1, 1), colour).getpixel((0, 0))
            assert all(abs(one - other) < 24 for one, other in zip(seen, wanted, strict=True)), colour  # type: ignore[arg-type]
    assert (sheet.at_seconds, sheet.since_seconds) == (20.0, 20.0)


async def test_a_sheet_costs_the_tokens_of_one_frame() -> None:
    sheet = await draw_sheet([frame(n, colour) for n, colour in enumerate(COLOURS)], edge_px=768)
    for model in ("gpt-6-luna", "gpt-4o"):
        one = image_tokens(model, 768, 432, Detail.HIGH)
        assert image_tokens(model, sheet.width, sheet.height, Detail.HIGH) <= one


async def test_the_last_sheet_is_as_high_as_it_must_be() -> None:
    sheet = await draw_sheet([frame(n, colour) for n, colour in enumerate(COLOURS[:4])], edge_px=768)
    assert (sheet.width, sheet.height) == (768, 288)


async def test_the_times_can_be_read() -> None:
    dark = [frame(61.0 + n, "black") for n in range(2)]
    sheet = await draw_sheet(dark, edge_px=768)
    later = await draw_sheet([replace(one, at_seconds=one.at_seconds + 60) for one in dark], edge_px=768)
    with Image.open(io.BytesIO(sheet.jpeg)) as drawn:
        assert drawn.convert("L").crop((0, 0, 80, 30)).getextrema()[1] > 200  # type: ignore[operator]
    assert sheet.jpeg != later.jpeg


@pytest.mark.parametrize("count", [0, SHEET_FRAMES + 1])
async def test_no_more_and_no_fewer_than_fit(count: int) -> None:
    with pytest.raises(ValueError, match="1 to 9"):
        await draw_sheet([frame(n, "red", (32, 32)) for n in range(count)], edge_px=96)
