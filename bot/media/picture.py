"""Still pictures, opened in a process of their own because their bytes are not ours."""

import struct
import sys
from dataclasses import dataclass
from pathlib import Path

import PIL
from pydantic import BaseModel, ValidationError

from bot.domain.errors import MediaError
from bot.domain.media import Frame, FrameReason, MediaFile
from bot.media.child import ChildFailed, ChildFault, open_child
from bot.media.limits import MediaLimits

_WORKER = Path(__file__).with_name("picture_worker.py").resolve()
_SITE = Path(PIL.__file__).resolve().parent.parent
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a")
_START_OF_FRAME = (0xC0, 0xC1, 0xC2)


class PictureFacts(BaseModel):
    """What the worker found. `width` and `height` are upright pixels."""

    format: str
    width: int
    height: int
    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    facts: PictureFacts
    jpeg: bytes


def looks_like_picture(head: bytes) -> bool:
    """Whether the first bytes are those of a JPEG, PNG, WEBP or GIF."""
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP")


async def probe_picture(file: MediaFile, limits: MediaLimits) -> PictureFacts:
    """Its kind and size, without decoding it. Raises MediaError."""
    return (await _open(file, limits, edge_px=0)).facts


async def read_picture(file: MediaFile, limits: MediaLimits) -> Frame:
    """The picture as the one frame it is, upright, at most `limits.image_edge_px` long. Raises MediaError."""
    opened = await _open(file, limits, edge_px=limits.image_edge_px)
    width, height = jpeg_size(opened.jpeg)
    return Frame(
        at_seconds=0.0,
        since_seconds=0.0,
        width=width,
        height=height,
        reason=FrameReason.FIRST,
        novelty=1.0,
        jpeg=opened.jpeg,
    )


def jpeg_size(jpeg: bytes) -> tuple[int, int]:
    """Width and height from the headers of a JPEG (ITU-T T.81, B.2). Raises MediaError when they are not there."""
    at = 2
    while at + 9 <= len(jpeg) and jpeg[at] == 0xFF:
        length = struct.unpack_from(">H", jpeg, at + 2)[0]
        if jpeg[at + 1] in _START_OF_FRAME:
            height, width = struct.unpack_from(">HH", jpeg, at + 5)
            return width, height
        at += 2 + length
    raise MediaError("media_broken", "The picture is damaged and cannot be read. Export it again and resend it.")


async def _open(file: MediaFile, limits: MediaLimits, *, edge_px: int) -> _Opened:
    argv = [sys.executable, "-I", "-S", str(_WORKER), str(_SITE), str(limits.max_pixels), str(edge_px), str(file.path)]
    readable = [file.path, _WORKER, _SITE, Path(sys.prefix), Path(sys.base_prefix)]
    try:
        async with open_child(argv, readable=readable, limits=limits, wall_seconds=limits.probe_wall_seconds) as child:
            line = await child.stdout.read_line()
            jpeg = await child.stdout.read_all()
            end = await child.finish()
        end.check()
        return _Opened(facts=PictureFacts.model_validate_json(line), jpeg=jpeg)
    except ChildFailed as failure:
        raise _refusal(failure) from failure
    except ValidationError as failure:
        raise MediaError("media_broken", "The picture is damaged. Export it again and resend it.") from failure


def _refusal(failure: ChildFailed) -> MediaError:
    if failure.fault is ChildFault.TIMEOUT:
        return MediaError("media_timeout", "The picture took too long to open. Send a smaller one.")
    if failure.status == 4:
        return MediaError("media_too_many_pixels", "The picture has too many pixels. Scale it down and resend it.")
    if failure.status == 3:
        return MediaError("media_unknown_kind", "That is not a picture I know. Send a JPEG, PNG, WEBP or GIF.")
    return MediaError("media_broken", "The picture is damaged and cannot be read. Export it again and resend it.")
