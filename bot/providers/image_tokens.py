"""How many input tokens a picture costs, by the vendor's published formulas for each family of models."""

import math
import re
from dataclasses import dataclass
from enum import StrEnum

_PATCH = 32
_TILE = 512


class Detail(StrEnum):
    """How closely a picture is looked at. Always sent: what a server assumes without it differs by model."""

    LOW = "low"
    HIGH = "high"
    ORIGINAL = "original"
    AUTO = "auto"


@dataclass(frozen=True, slots=True)
class _Box:
    """The picture is shrunk to fit `side` x `side` pixels and then to `patches` patches; None: unlimited."""

    side: int | None
    patches: int | None


@dataclass(frozen=True, slots=True)
class _Patches:
    """ceil(factor * patches of 32x32 pixels), after shrinking to the box of the detail."""

    factor: float
    low: _Box
    high: _Box
    original: _Box

    def count(self, width: int, height: int, detail: Detail) -> int:
        box = {Detail.LOW: self.low, Detail.HIGH: self.high}.get(detail, self.original)
        fitted = _fit(width, height, box.side)
        across, down = _patches(*_fit_patches(*fitted, box.patches))
        # Rounding first: 1.2 has no exact binary form and must not lift a whole number to the next.
        return math.ceil(round(self.factor * across * down, 6))


@dataclass(frozen=True, slots=True)
class _Tiles:
    """base + per_tile * tiles of 512x512 pixels, after fitting 2048 and a short side of 768; low detail: base."""

    base: int
    per_tile: int

    def count(self, width: int, height: int, detail: Detail) -> int:
        if detail is Detail.LOW:
            return self.base
        wide, high = _fit(width, height, 2048)
        shrink = min(1.0, 768 / min(wide, high))
        return self.base + self.per_tile * math.ceil(wide * shrink / _TILE) * math.ceil(high * shrink / _TILE)


_SMALL = _Box(512, None)
_WIDE = _Box(2048, 2_500)
_DEEP = _Box(2048, 6_144)
_CURRENT = _Patches(1.2, low=_SMALL, high=_WIDE, original=_Box(None, None))

# First match wins; the most specific names stand first. Unknown models count like current ones.
_FAMILIES: tuple[tuple[re.Pattern[str], _Patches | _Tiles], ...] = (
    (re.compile(r"gpt-5\.5"), _Patches(1.2, low=_SMALL, high=_WIDE, original=_Box(6000, 10_000))),
    (re.compile(r"gpt-5\.4"), _Patches(1.2, low=_DEEP, high=_WIDE, original=_WIDE)),
    (re.compile(r"gpt-5\.1"), _Tiles(70, 140)),
    (re.compile(r"gpt-4\.1-mini"), _Patches(1.62, low=_DEEP, high=_DEEP, original=_DEEP)),
    (re.compile(r"gpt-4o-mini"), _Tiles(2833, 5667)),
    (re.compile(r"gpt-4(o|\.1|-turbo)"), _Tiles(85, 170)),
)


def image_tokens(model: str, width: int, height: int, detail: Detail) -> int:
    """Input tokens of one picture of `width` x `height` pixels. An estimate: servers bill what they bill."""
    for name, family in _FAMILIES:
        if name.match(model.removeprefix("openai/")):
            return family.count(width, height, detail)
    return _CURRENT.count(width, height, detail)


def _fit(width: float, height: float, side: int | None) -> tuple[float, float]:
    if side is None:
        return width, height
    shrink = min(1.0, side / max(width, height))
    return width * shrink, height * shrink


def _fit_patches(width: float, height: float, limit: int | None) -> tuple[float, float]:
    """Shrink to at most `limit` patches, one side ending on a patch border."""
    across, down = _patches(width, height)
    if limit is None or across * down <= limit:
        return width, height
    shrink = math.sqrt(_PATCH * _PATCH * limit / (width * height))
    wide, high = width * shrink / _PATCH, height * shrink / _PATCH
    shrink *= min(math.floor(wide) / wide, math.floor(high) / high)
    return width * shrink, height * shrink


def _patches(width: float, height: float) -> tuple[int, int]:
    return math.ceil(round(width / _PATCH, 6)), math.ceil(round(height / _PATCH, 6))
