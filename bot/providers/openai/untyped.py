"""Reads the JSON of servers that keep to no schema: each function gives the type it is named for, or nothing."""

import math
import re
from collections.abc import Mapping, Sequence
from typing import cast


def mapping(value: object) -> Mapping[str, object]:
    """The object, or an empty one."""
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}


def sequence(value: object) -> Sequence[object]:
    """The array, or an empty one."""
    return cast("Sequence[object]", value) if isinstance(value, list) else ()


def string(value: object) -> str | None:
    """The string itself, never something turned into one; without control characters and halves of characters, which
    JSON may carry and no terminal, file or tokenizer should."""
    if not isinstance(value, str):
        return None
    whole = value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return _CONTROLS.sub("", whole)


# C0 but tab, line feed and carriage return; delete and C1.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def number(value: object) -> float | None:
    """A finite number, also when it arrives as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = float(value)
    except (ValueError, OverflowError):
        return None
    return parsed if math.isfinite(parsed) else None


def count(value: object) -> int:
    """A whole number of zero or more; zero when there is none."""
    return max(0, int(number(value) or 0))
