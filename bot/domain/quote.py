"""What something would cost, told before it is paid, and what the person said to that."""

from dataclasses import dataclass
from enum import StrEnum


class Consent(StrEnum):
    """Whether somebody agreed to what their question costs: not asked yet, agreed, or agreed to less."""

    UNASKED = "unasked"
    AGREED = "agreed"
    LESS = "less"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An estimate in US dollars, and what it is for. `less_usd` is what it would cost with fewer frames; None: that
    would not save much."""

    cost_usd: float
    sound_seconds: float = 0.0
    frames: int = 0
    less_usd: float | None = None


def dollars(amount_usd: float) -> str:
    """`$12.30`, `$0.23`, `$0.023`, `$0.0023`: as many digits as say something."""
    digits = 2 if amount_usd >= 0.1 or amount_usd <= 0 else 3 if amount_usd >= 0.01 else 4
    return f"${amount_usd:.{digits}f}"
