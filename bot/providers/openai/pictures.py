"""Pictures as chat completions take them: a time in words, then the still as a data URL."""

import base64
import io
from collections.abc import Sequence
from dataclasses import replace

from PIL import Image

from bot.domain.media import Frame
from bot.providers.image_tokens import Detail, image_tokens
from bot.providers.openai.capabilities import Capabilities
from bot.providers.openai.caption_reply import time_label

_SHRUNK_SIDE = 512
_JPEG_QUALITY = 80


def picture_parts(frames: Sequence[Frame], detail: Detail, capabilities: Capabilities) -> list[dict[str, object]]:
    """For each frame a text part with its time and an image part."""
    parts: list[dict[str, object]] = []
    for frame in frames:
        url = f"data:image/jpeg;base64,{base64.b64encode(frame.jpeg).decode()}"
        image = {"url": url, "detail": detail.value} if capabilities.accepts("detail") else {"url": url}
        parts.append({"type": "text", "text": time_label(frame.at_seconds)})
        parts.append({"type": "image_url", "image_url": image})
    return parts


def picture_tokens(model: str, frames: Sequence[Frame], detail: Detail) -> int:
    """An estimate of what the frames cost as input."""
    return sum(image_tokens(model, frame.width, frame.height, detail) for frame in frames)


def shrink(frame: Frame) -> Frame:
    """The frame with at most 512 pixels a side, encoded afresh. Takes CPU time: run it in a thread."""
    with Image.open(io.BytesIO(frame.jpeg)) as still:
        small = still.convert("RGB")
    small.thumbnail((_SHRUNK_SIDE, _SHRUNK_SIDE))
    encoded = io.BytesIO()
    small.save(encoded, "JPEG", quality=_JPEG_QUALITY)
    return replace(frame, width=small.width, height=small.height, jpeg=encoded.getvalue())
