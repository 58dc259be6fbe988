"""A contact sheet of chosen frames with their times."""

import asyncio
import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from bot.domain.clock import clock_time
from bot.domain.media import Frame

_SHEET_WIDTH_PX = 1600
_LEAST_CELL_PX = 160
_MOST_TALL_PX = 6000
_MARGIN_PX = 12
_LABEL_PX = 22
_SHORT_SECONDS = 10.0
_MOST_BYTES = 8 * 10**6
_GROUND, _INK, _FAINT = (24, 25, 28), (242, 243, 245), (148, 155, 164)
_COLOURS = (256, 128, 64)


async def draw_storyboard(frames: Sequence[Frame], *, columns: int | None = None) -> bytes:
    """PNG, at most 1600 pixels wide and below 8 MB, drawn off the event loop.

    Each frame stands over its time ("0:42", in short clips "0:04.2") and the reason it was chosen; rows read left
    to right. `columns` None: as suits their number. Raises ValueError without frames.
    """
    if not frames:
        raise ValueError("a storyboard needs at least one frame")
    return await asyncio.to_thread(_draw, tuple(frames), columns or _columns(len(frames)))


def clock(seconds: float, *, tenths: bool = False) -> str:
    """0:42, 10:05, 1:00:07; with tenths 0:42.5."""
    shown = clock_time(seconds)
    return f"{shown}.{int(seconds * 10) % 10}" if tenths else shown


def _columns(count: int) -> int:
    return min(count, 2 if count <= 4 else 3 if count <= 9 else 4 if count <= 32 else 6)


def _draw(frames: tuple[Frame, ...], columns: int) -> bytes:
    widest = max(_LEAST_CELL_PX, *(frame.width for frame in frames))
    cell_width = min(widest, (_SHEET_WIDTH_PX - _MARGIN_PX * (columns + 1)) // columns)
    shape = max(frame.height / frame.width for frame in frames)
    rows = math.ceil(len(frames) / columns)
    label = _LABEL_PX + _MARGIN_PX
    room = (_MOST_TALL_PX - _MARGIN_PX) // rows - label - _MARGIN_PX
    cell_height = max(24, min(round(cell_width * shape), room, cell_width * 2))
    size = (
        _MARGIN_PX + columns * (cell_width + _MARGIN_PX),
        _MARGIN_PX + rows * (cell_height + label + _MARGIN_PX),
    )
    sheet = Image.new("RGB", size, _GROUND)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=_LABEL_PX)
    tenths = frames[-1].at_seconds < _SHORT_SECONDS
    small = ImageFont.load_default(size=round(_LABEL_PX * 0.7))
    for place, frame in enumerate(frames):
        row, column = divmod(place, columns)
        left = _MARGIN_PX + column * (cell_width + _MARGIN_PX)
        top = _MARGIN_PX + row * (cell_height + label + _MARGIN_PX)
        with Image.open(io.BytesIO(frame.jpeg), formats=("JPEG",)) as still:
            still.thumbnail((cell_width, cell_height), Image.Resampling.LANCZOS)
            sheet.paste(still, (left + (cell_width - still.width) // 2, top + (cell_height - still.height) // 2))
        foot = top + cell_height + label // 2
        pen.text((left, foot), clock(frame.at_seconds, tenths=tenths), fill=_INK, font=font, anchor="lm")
        pen.text((left + cell_width, foot), frame.reason.value, fill=_FAINT, font=small, anchor="rm")
    return _png(sheet)


def _png(sheet: Image.Image) -> bytes:
    """In full colour where that fits, else in as many colours as do."""
    written = _saved(sheet)
    for colours in _COLOURS:
        if len(written) <= _MOST_BYTES:
            break
        written = _saved(sheet.quantize(colours))
    return written


def _saved(image: Image.Image) -> bytes:
    target = io.BytesIO()
    image.save(target, "PNG", optimize=False)
    return target.getvalue()
