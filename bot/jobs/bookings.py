"""What the ledger counts: bookings, the sums they are part of, and the caps of those."""

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.money import CapKind

FOR_ALL_TIME = ""
"""The day of a sum that has none."""


class BookingState(StrEnum):
    """Held back; paid, and what for; paid at the most, because the end of the call is not known; not paid."""

    OPEN = "open"
    PAID = "paid"
    PRESUMED = "presumed"
    RELEASED = "released"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """In US dollars; None: no bound."""

    person_day_usd: float | None = None
    server_day_usd: float | None = None
    day_usd: float | None = None
    total_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What calls of one role and model cost since a day."""

    server_id: int | None
    role: str
    model: str
    calls: int
    usd: float


@dataclass(frozen=True, slots=True)
class Sum:
    """One row of sums that a booking is part of, and the cap it is held to, in nanodollars."""

    kind: CapKind
    scope: str
    day: str
    cap: int | None = None


@dataclass(frozen=True, slots=True)
class Booking:
    """What is held back for one call, in nanodollars, and in which sums; `from_hold` of it was held for its job."""

    booking_id: int
    amount: int
    sums: tuple[Sum, ...] = field(repr=False)
    model: str = ""
    job_id: str = ""
    from_hold: int = 0

    @property
    def keys(self) -> tuple[tuple[str, str], ...]:
        """The rows of the sums. Another day, and another asker, has others."""
        return tuple((one.scope, one.day) for one in self.sums)


def person_scope(person_id: int, day: str) -> str:
    """The scope of a person's sums: another one each day, and none that names them."""
    return f"person:{hashlib.sha256(f'{person_id} {day}'.encode()).hexdigest()[:32]}"


def sums_of(person: str | None, server_id: int | None, day: str) -> tuple[Sum, ...]:
    """The narrowest first. `person` is a scope."""
    sums = [Sum(CapKind.DAY, "day", day), Sum(CapKind.ALL, "all", FOR_ALL_TIME)]
    if server_id is not None:
        sums.insert(0, Sum(CapKind.SERVER_DAY, f"server:{server_id}", day))
    if person is not None:
        sums.insert(0, Sum(CapKind.PERSON_DAY, person, day))
    return tuple(sums)
