"""What a benchmark reports: rows for `build/bench.json` and tables for people."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measured value. `reference` is in the same unit: what the value is compared with, None without one.

    `target` is the largest ratio of value to reference that will do, None for what is only reported.
    """

    name: str
    value: float
    unit: str
    reference: float | None = None
    target: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.reference if self.reference else None

    @property
    def holds(self) -> bool | None:
        if self.target is None:
            return None
        return self.ratio is not None and self.ratio <= self.target

    def as_json(self) -> dict[str, Any]:
        numbers = {**asdict(self), "ratio": self.ratio, "holds": self.holds}
        keys = ("name", "value", "unit", "reference", "ratio", "target", "holds")
        return {key: round(numbers[key], 4) if isinstance(numbers[key], float) else numbers[key] for key in keys}


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """`text` is printed as it is."""

    text: str
    rows: tuple[Row, ...]


def table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Columns under a head, the first to the left, the others to the right."""
    widths = [max(len(line[column]) for line in (head, *lines)) for column in range(len(head))]

    def draw(cells: Sequence[str]) -> str:
        first, *rest = (
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join((first, *rest)).rstrip()

    return "\n".join((draw(head), "  ".join("-" * width for width in widths), *map(draw, lines)))


def verdicts(rows: Sequence[Row]) -> str:
    """The rows that have a target, one line each."""
    lines = [
        (
            row.name,
            f"{row.value:.2f} {row.unit}",
            f"{row.reference:.2f}" if row.reference is not None else "-",
            f"{row.ratio:.3f}" if row.ratio is not None else "-",
            f"<= {row.target:.3f}",
            "holds" if row.holds else "MISSED",
        )
        for row in rows
        if row.target is not None
    ]
    return table(("target", "value", "reference", "ratio", "wanted", ""), lines)
