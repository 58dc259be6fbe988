"""What can truly be measured in a picture: how bright it is, which colours it has, how much of it changed."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from PIL import Image, ImageChops

_THUMBNAIL = (64, 36)
_DARK, _BRIGHT = 60.0, 180.0  # mean luma, 0 to 255
_PLAIN, _MOSTLY, _SOME = 0.95, 0.6, 0.2  # shares of the picture
_EVEN = 20.0  # standard deviation per channel, 0 to 255
_MOST_COLOURS = 3
# Mean difference of two thumbnails per channel, 0 to 255.
_STILL, _LITTLE, _MUCH = 1.5, 8.0, 32.0
# Largest mean difference of a block of 8x8 pixels: noise of compression stays below, a changed letter does not.
_SAME_BLOCK = 6
_BLOCK_PX = 8
# Edges of neighbouring pixels (luma), and how dense they are in a cell that may hold letters.
_EDGE = 28
_CELL_PX = 8
_CELL_SHARE = 0.12

_NAMES = np.array(
    ["black", "grey", "white", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown"]
)
_BLACK, _GREY, _WHITE, _RED, _ORANGE, _YELLOW, _GREEN, _CYAN, _BLUE, _PURPLE, _PINK, _BROWN = range(12)
_HUE_ENDS = np.array([15, 45, 70, 165, 195, 255, 310, 345])  # degrees; red goes on after the last


class Change(StrEnum):
    """How much of a picture differs from the one before."""

    NONE = "none"
    LITTLE = "little"
    MUCH = "much"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A picture reduced to what is compared and described."""

    thumbnail: Image.Image
    grey: Image.Image


def look(image: Image.Image) -> Look:
    """Reduce an RGB picture."""
    return Look(thumbnail=image.resize(_THUMBNAIL, Image.Resampling.BOX), grey=image.convert("L"))


def describe(seen: Look) -> str:
    """One plain sentence on brightness and colours; equal pictures give equal sentences."""
    shares = _shares(seen.thumbnail)
    (first, most), *rest = shares
    if most >= _PLAIN and float(np.asarray(seen.thumbnail, dtype=np.float32).std(axis=(0, 1)).max()) < _EVEN:
        return f"A plain {first} picture."
    luma = float(np.asarray(seen.thumbnail.convert("L"), dtype=np.float32).mean())
    tone = "A dark picture" if luma < _DARK else "A bright picture" if luma > _BRIGHT else "A picture"
    if most >= _MOSTLY:
        second = [name for name, share in rest[:1] if share >= _SOME]
        return f"{tone}, mostly {first}{''.join(f' with {name}' for name in second)}."
    names = [name for name, share in shares[:_MOST_COLOURS] if share >= _SOME]
    if len(names) > 1:
        return f"{tone}, {', '.join(names[:-1])} and {names[-1]}."
    return f"{tone} of many colours, most of it {first}."


def compare(before: Look, after: Look) -> Change:
    """How much changed from one picture to the next."""
    if before.grey.size != after.grey.size:
        return Change.OTHER
    one = np.asarray(before.thumbnail, dtype=np.float32)
    difference = float(np.abs(one - np.asarray(after.thumbnail, dtype=np.float32)).mean())
    if difference < _STILL:
        return Change.NONE
    return Change.LITTLE if difference < _LITTLE else Change.MUCH if difference < _MUCH else Change.OTHER


def same_text(before: Look, after: Look) -> bool:
    """True when no part as large as a letter changed, so what was read still stands."""
    if before.grey.size != after.grey.size:
        return False
    blocks = ImageChops.difference(before.grey, after.grey).reduce(_BLOCK_PX)
    return int(np.asarray(blocks).max()) < _SAME_BLOCK


def may_hold_text(grey: Image.Image) -> bool:
    """False when no two neighbouring cells have the edge density of letters; textures pass, plain areas do not."""
    pixels = np.asarray(grey, dtype=np.int16)
    edges = np.abs(np.diff(pixels, axis=1)) > _EDGE
    rows, columns = edges.shape[0] // _CELL_PX, edges.shape[1] // _CELL_PX
    if rows == 0 or columns == 0:
        return False
    cells = edges[: rows * _CELL_PX, : columns * _CELL_PX].reshape(rows, _CELL_PX, columns, _CELL_PX)
    dense = cells.mean(axis=(1, 3)) >= _CELL_SHARE
    return bool((dense[:, 1:] & dense[:, :-1]).any())


def _shares(thumbnail: Image.Image) -> list[tuple[str, float]]:
    """Names of colours with the share of pixels that have them, largest first, ties by name."""
    hsv = np.asarray(thumbnail.convert("HSV"), dtype=np.float32)
    hue, saturation, value = hsv[..., 0] * (360 / 256), hsv[..., 1] / 255, hsv[..., 2] / 255
    index = np.searchsorted(_HUE_ENDS, hue, side="right") + _RED
    index = np.where(index > _PINK, _RED, index)
    reddish, orange = index == _RED, index == _ORANGE
    index = np.where(orange & (value < 0.7), _BROWN, index)
    index = np.where(reddish & (value < 0.7) & (saturation < 0.8), _BROWN, index)
    index = np.where((reddish | orange) & (value > 0.8) & (saturation < 0.45), _PINK, index)
    index = np.where((index == _PURPLE) & (value > 0.7) & (hue > 285), _PINK, index)
    pale = saturation < np.where(value > 0.6, 0.14, 0.22)
    index = np.where(pale, np.where(value > 0.8, _WHITE, _GREY), index)
    index = np.where(value < 0.18, _BLACK, index)
    counts = np.bincount(index.ravel(), minlength=len(_NAMES))
    shares = [(str(name), float(count) / index.size) for name, count in zip(_NAMES, counts, strict=True) if count]
    return sorted(shares, key=lambda item: (-item[1], item[0]))
