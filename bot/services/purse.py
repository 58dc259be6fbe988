"""Pays calls out of the ledger, for whoever the work is done for."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial

from bot.domain.answer import Usage
from bot.domain.errors import MemoryFault
from bot.domain.money import PAYING, UNBOOKED, Book
from bot.domain.role import Role
from bot.jobs.bookings import Booking
from bot.jobs.ledger import Ledger
from bot.providers.till import Payment

log = logging.getLogger(__name__)

MOST_AT_ONCE_USD = 1_000.0
"""What no plugin spends at once, so that one that miscounts does not use up everything."""


class LedgerPurse:
    """A Purse."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def reserve(self, *, role: Role, model: str, usd: float) -> Payment:
        booking = await self._ledger.reserve(PAYING.get(), role=role.value, model=model, usd=usd)
        return _Booked(self._ledger, booking, UNBOOKED.get())

    async def book(self, usage: Usage) -> None:
        cost_usd = usage.cost_usd
        if cost_usd is not None and 0 < cost_usd < MOST_AT_ONCE_USD:
            await _later(self._ledger.book(PAYING.get(), role=usage.role.value, model=usage.model, usd=cost_usd))


class LatePurse:
    """A Purse whose ledger is opened by the first call that costs something. `open_ledger` may raise MemoryFault."""

    def __init__(self, open_ledger: Callable[[], Awaitable[Ledger]]) -> None:
        self._open_ledger = open_ledger
        self._opening = asyncio.Lock()
        self._purse: LedgerPurse | None = None

    async def reserve(self, *, role: Role, model: str, usd: float) -> Payment:
        purse = await self._opened()
        return await purse.reserve(role=role, model=model, usd=usd)

    async def book(self, usage: Usage) -> None:
        if usage.cost_usd:
            await _later(self._book(usage))

    async def _book(self, usage: Usage) -> None:
        await (await self._opened()).book(usage)

    async def _opened(self) -> LedgerPurse:
        async with self._opening:
            if self._purse is None:
                self._purse = LedgerPurse(await self._open_ledger())
            return self._purse


class _Booked:
    """A Payment. Where the ledger cannot be written now, the booking stays open and is closed at its most later: the
    call was made, and what it gave must not be lost for that. `unbooked`: where what is settled waits."""

    def __init__(self, ledger: Ledger, booking: Booking, unbooked: list[Book] | None) -> None:
        self._ledger = ledger
        self._booking = booking
        self._unbooked = unbooked

    async def settle(self, usd: float | None) -> None:
        if self._unbooked is None:
            await self._settle(usd)
        else:
            self._unbooked.append(partial(self._settle, usd))

    async def _settle(self, usd: float | None) -> None:
        await _later(self._ledger.settle(self._booking, usd))

    async def release(self) -> None:
        await _later(self._ledger.release(self._booking))

    async def presume(self) -> None:
        await _later(self._ledger.presume(self._booking))


async def _later(closing: Awaitable[None]) -> None:
    try:
        await closing
    except MemoryFault as fault:
        log.warning("what a call cost is not booked now: %s", fault.code)
