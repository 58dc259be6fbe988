"""Who pays, how much may be spent, and what has been spent."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What a call is booked on. `person_id` None: nobody in particular; `server_id` None: outside of servers.
    `is_durable`: the job is gone on with after a crash, so what its calls gave is kept until it has ended."""

    job_id: str = ""
    person_id: int | None = None
    server_id: int | None = None
    is_durable: bool = False


NOBODY = Account()
"""The bot itself: only the caps of the day and of all hold."""

PAYING: ContextVar[Account] = ContextVar("paying", default=NOBODY)
"""Who pays for the work that is done in this context; tasks inherit it from the one that made them."""


@contextmanager
def paying(account: Account) -> Generator[None]:
    """What is done in this block, and by tasks made in it, is booked on this account."""
    before = PAYING.set(account)
    try:
        yield
    finally:
        PAYING.reset(before)


Book = Callable[[], Awaitable[None]]
"""Books what a call cost. Raises nothing."""

UNBOOKED: ContextVar[list[Book] | None] = ContextVar("unbooked", default=None)
"""Where calls that begin in this context leave what books them; None: they are booked when they end."""


@contextmanager
def booked_later(unbooked: list[Book]) -> Generator[None]:
    """What calls that begin in this block cost is left to whoever first keeps what they gave."""
    before = UNBOOKED.set(unbooked)
    try:
        yield
    finally:
        UNBOOKED.reset(before)


class CapKind(StrEnum):
    """What a cap bounds: what one person, one server or everybody may spend in a day, or everybody in all."""

    PERSON_DAY = "person_day"
    SERVER_DAY = "server_day"
    DAY = "day"
    ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One cap as it stands, in US dollars. `cap_usd` None: there is none. `reserved_usd` is held back for calls under
    way, at their dearest. `resets_at` None: never."""

    kind: CapKind
    cap_usd: float | None
    spent_usd: float
    reserved_usd: float
    resets_at: datetime | None

    @property
    def room_usd(self) -> float | None:
        """What may still be spent; None: no bound."""
        return None if self.cap_usd is None else max(0.0, self.cap_usd - self.spent_usd - self.reserved_usd)
