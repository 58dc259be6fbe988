"""Several frames on one picture of the usual size, for those who pay by the picture."""

import asyncio
import io
import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from bot.domain.media import Frame
from bot.media.storyboard import clock

SHEET_FRAMES = 9
"""How many frames a sheet holds, in rows of three."""

_COLUMNS = 3
_QUALITY = 85
_LABEL_SHARE = 0.13
_LEAST_LABEL_PX = 10
_SHORT_SECONDS = 10.0
_GROUND, _INK = (0, 0, 0), (255, 255, 255)


def sheet_size(width: int, height: int, edge_px: int) -> tuple[int, int]:
    """The size of a whole sheet of frames of this size: the longer edge at most `edge_px`."""
    scale = min(1.0, edge_px / (_COLUMNS * max(width, height)))
    return _COLUMNS * max(1, round(width * scale)), _COLUMNS * max(1, round(height * scale))


async def draw_sheet(frames: Sequence[Frame], *, edge_px: int) -> Frame:
    """The frames in rows, each with its time in its corner, as one Frame that begins with the first of them; drawn off
    the event loop. All have one size. Raises ValueError for none, or more than fit."""
    if not 0 < len(frames) <= SHEET_FRAMES:
        raise ValueError(f"a sheet holds 1 to {SHEET_FRAMES} frames")
    return await asyncio.to_thread(_draw, tuple(frames), edge_px)


def _draw(frames: tuple[Frame, ...], edge_px: int) -> Frame:
    first = frames[0]
    width, height = (edge // _COLUMNS for edge in sheet_size(first.width, first.height, edge_px))
    rows = math.ceil(len(frames) / _COLUMNS)
    sheet = Image.new("RGB", (_COLUMNS * width, rows * height), _GROUND)
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=max(_LEAST_LABEL_PX, round(height * _LABEL_SHARE)))
    tenths = frames[-1].at_seconds < _SHORT_SECONDS
    for place, frame in enumerate(frames):
        row, column = divmod(place, _COLUMNS)
        left, top = column * width, row * height
        with Image.open(io.BytesIO(frame.jpeg), formats=("JPEG",)) as still:
            sheet.paste(still.convert("RGB").resize((width, height), Image.Resampling.LANCZOS), (left, top))
        label = clock(frame.at_seconds, tenths=tenths)
        box = pen.textbbox((left + 2, top + 2), label, font=font)
        pen.rectangle((left, top, box[2] + 2, box[3] + 2), fill=_GROUND)
        pen.text((left + 2, top + 2), label, fill=_INK, font=font)
    written = io.BytesIO()
    sheet.save(written, "JPEG", quality=_QUALITY, subsampling=0)
    return Frame(
        at_seconds=first.at_seconds,
        since_seconds=first.since_seconds,
        width=sheet.width,
        height=sheet.height,
        reason=first.reason,
        novelty=max(frame.novelty for frame in frames),
        jpeg=written.getvalue(),
    )
