"""Opens one picture in a sandboxed process: `python -I -S picture_worker.py SITE MAX_PIXELS EDGE_PX PATH`.

SITE is the folder Pillow lives in. Writes one line of JSON (format, width, height, frames; upright pixels) and, when
EDGE_PX is not 0, the picture as JPEG, upright, on an opaque ground, its longer edge at most EDGE_PX.
Exits with 3 for a kind that is not allowed, 4 for too many pixels, 5 for a broken file.
"""

import json
import sys
import warnings

sys.path.append(sys.argv[1])

from PIL import Image, ImageOps, ImageStat, UnidentifiedImageError

UNKNOWN_STATUS, TOO_BIG_STATUS, BROKEN_STATUS = 3, 4, 5
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_QUALITY = 85
_LIGHT = 170


def main(max_pixels: int, edge_px: int, path: str) -> int:
    """Returns the exit status."""
    Image.MAX_IMAGE_PIXELS = max_pixels
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    try:
        with Image.open(path, formats=_FORMATS) as opened:
            width, height = opened.size
            if opened.getexif().get(0x0112, 1) in {5, 6, 7, 8}:
                width, height = height, width
            facts = {
                "format": str(opened.format).lower(),
                "width": width,
                "height": height,
                "frames": getattr(opened, "n_frames", 1),
            }
            sys.stdout.buffer.write(json.dumps(facts).encode() + b"\n")
            if edge_px:
                opened.seek(0)
                opened.draft("RGB", (edge_px, edge_px))
                _opaque(ImageOps.exif_transpose(_shrunk(opened, edge_px))).save(
                    sys.stdout.buffer, "JPEG", quality=_QUALITY, subsampling=0
                )
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError):
        return TOO_BIG_STATUS
    except UnidentifiedImageError:
        return UNKNOWN_STATUS
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        IndexError,
        KeyError,
        TypeError,
        OverflowError,
        ZeroDivisionError,
    ):
        return BROKEN_STATUS
    return 0


def _shrunk(image: Image.Image, edge_px: int) -> Image.Image:
    """In colour and no larger than wanted. First of all, since every further copy of a large picture costs memory."""
    mode = "RGBA" if image.has_transparency_data else "RGB"
    coloured = image if image.mode == mode else image.convert(mode)
    coloured.thumbnail((edge_px, edge_px), Image.Resampling.LANCZOS)
    return coloured


def _opaque(layered: Image.Image) -> Image.Image:
    """On white, or on near black where what is visible is light."""
    if layered.mode == "RGB":
        return layered
    alpha = layered.getchannel("A")
    visible = alpha.point([0] * 128 + [255] * 128)
    light = bool(visible.getbbox()) and ImageStat.Stat(layered.convert("L"), visible).mean[0] > _LIGHT
    ground = Image.new("RGBA", layered.size, (24, 24, 24, 255) if light else (255, 255, 255, 255))
    ground.alpha_composite(layered)
    return ground.convert("RGB")


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]))
