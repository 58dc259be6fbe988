"""Pictures in a request: decoding data URLs, and what a picture costs in tokens."""

import base64
import binascii
import io
import math
import re
from dataclasses import dataclass, field

from PIL import Image, UnidentifiedImageError

from tests.simulator.openai_server.refusals import Refusal

_DATA_URL = re.compile(r"data:(?P<type>[\w.+/-]+);base64,(?P<data>.*)", re.DOTALL)
_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}
PATCH_LIMIT = 30_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenImage:
    """One picture of a request. `before` is the text that stands directly before it, `tokens` the estimate of
    `image_tokens`, `detail` what was sent (None: nothing)."""

    media_type: str
    width: int
    height: int
    size_bytes: int
    detail: str | None
    tokens: int
    before: str
    data: bytes = field(repr=False)

    def open(self) -> Image.Image:
        """The picture as RGB."""
        return Image.open(io.BytesIO(self.data)).convert("RGB")


def decode_image(url: str, *, param: str, skim: bool = False) -> tuple[str, int, int, bytes]:
    """Media type, width, height and bytes of a data URL; raises Refusal unless it is a real, still picture. `skim`:
    the header is enough."""
    if url.startswith(("http://", "https://")):
        raise Refusal(400, "Error while downloading the image.", param=param, code="invalid_image_url")
    match = _DATA_URL.fullmatch(url)
    if match is None:
        raise Refusal(
            400,
            "Invalid image data: expected a base64-encoded data URL with an image MIME type "
            "(e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU=').",
            param=param,
            code="invalid_value",
        )
    if match["type"] not in _FORMATS.values():
        raise Refusal(
            400, "Invalid MIME type. Only image types are supported.", param=param, code="invalid_image_format"
        )
    try:
        data = base64.b64decode(match["data"], validate=True)
        with Image.open(io.BytesIO(data)) as image:
            if not skim:
                image.load()
            kind, size, frames = image.format, image.size, getattr(image, "n_frames", 1)
    except (binascii.Error, UnidentifiedImageError, OSError, SyntaxError) as error:
        raise _unsupported_image(param) from error
    if kind not in _FORMATS or _FORMATS[kind] != match["type"] or frames > 1:
        raise _unsupported_image(param)
    return match["type"], size[0], size[1], data


def _unsupported_image(param: str) -> Refusal:
    return Refusal(
        400,
        "You uploaded an unsupported image. Please make sure your image is valid and has one of the following "
        "formats: ['png', 'jpeg', 'gif', 'webp'].",
        param=param,
        code="invalid_image_format",
    )


def patch_count(width: int, height: int) -> int:
    """32-pixel patches that cover a picture."""
    return math.ceil(width / 32) * math.ceil(height / 32)


def image_tokens(model: str, width: int, height: int, detail: str | None) -> int:
    """Estimated input tokens of one picture, by the published formulas: patches for gpt-5.4 and later and
    gpt-4.1-mini, tiles for the models before. Unknown models count as gpt-6. `detail` None means `auto`."""
    detail = detail or "auto"
    if model.startswith("gpt-4.1-mini"):
        return _patches(width, height, side=2048, patches=6_144, percent=162)
    if model.startswith("gpt-5.1"):
        return _tiles(width, height, detail, base=70, tile=140)
    if model.startswith("gpt-4o-mini"):
        return _tiles(width, height, detail, base=2_833, tile=5_667)
    if model.startswith(("gpt-4o", "gpt-4.1", "gpt-4-turbo")):
        return _tiles(width, height, detail, base=85, tile=170)
    if model.startswith("gpt-5.4"):
        return _patches(width, height, side=2048, patches=6_144 if detail == "low" else 2_500)
    if detail == "low":
        return _patches(width, height, side=512, patches=PATCH_LIMIT)
    if detail == "high":
        return _patches(width, height, side=2048, patches=2_500)
    if model.startswith("gpt-5.5"):
        return _patches(width, height, side=6_000, patches=10_000)
    return _patches(width, height, side=None, patches=PATCH_LIMIT)


def _patches(width: float, height: float, *, side: int | None, patches: int, percent: int = 120) -> int:
    if side is not None and max(width, height) > side:
        width, height = width * side / max(width, height), height * side / max(width, height)
    if math.ceil(width / 32) * math.ceil(height / 32) > patches:
        scale = math.sqrt(32 * 32 * patches / (width * height))
        across, down = width * scale / 32, height * scale / 32
        scale *= min(math.floor(across) / across, math.floor(down) / down)
        width, height = width * scale, height * scale
    count = math.ceil(round(width / 32, 6)) * math.ceil(round(height / 32, 6))
    return -(-percent * count // 100)


def _tiles(width: float, height: float, detail: str, *, base: int, tile: int) -> int:
    if detail == "low":
        return base
    scale = min(1.0, 2048 / max(width, height))
    scale *= min(1.0, 768 / (min(width, height) * scale))
    return base + tile * math.ceil(round(width * scale, 6) / 512) * math.ceil(round(height * scale, 6) / 512)
