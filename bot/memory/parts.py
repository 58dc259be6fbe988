"""Many values in few enough at a time for one statement."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item", str, int)

_PART = 1000
"""Both databases take about 32,000 values in one statement; what is gained beyond this is little."""


def in_parts(values: Iterable[Item]) -> Iterator[list[Item]]:
    """In order."""
    wanted = list(values)
    return (wanted[at : at + _PART] for at in range(0, len(wanted), _PART))
