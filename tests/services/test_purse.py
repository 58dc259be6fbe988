"""Calls are booked on whoever the work is done for; a ledger that cannot be written holds up nothing that was paid."""

import pytest

from bot.database.engine import Database
from bot.domain.answer import Usage
from bot.domain.errors import MemoryFault
from bot.domain.money import Account, CapKind, paying
from bot.domain.role import Role
from bot.jobs.bookings import Caps
from bot.jobs.ledger import Ledger
from bot.services.purse import LatePurse, LedgerPurse
from tests.databases import SQLITE, only

pytestmark = only(SQLITE)
ANNA = Account(job_id="a", person_id=11, server_id=7)
CAPS = Caps(person_day_usd=1, server_day_usd=1, day_usd=1, total_usd=1)


def used(cost_usd: float | None) -> Usage:
    return Usage(role=Role.SPEECH, provider="plugin", model="theirs", cost_usd=cost_usd)


async def spent(ledger: Ledger, account: Account = ANNA) -> list[float]:
    return [round(one.spent_usd, 6) for one in await ledger.allowances(account)]


async def test_a_call_is_booked_on_whoever_it_is_for(database: Database) -> None:
    ledger = Ledger(database, CAPS)
    purse = LedgerPurse(ledger)
    with paying(ANNA):
        payment = await purse.reserve(role=Role.CHAT, model="m", usd=0.2)
        await payment.settle(0.1)
        await purse.book(used(0.05))
    assert await spent(ledger) == [0.15] * 4
    await (await purse.reserve(role=Role.CHAT, model="m", usd=0.2)).presume()
    assert await spent(ledger) == [0.15, 0.15, 0.35, 0.35], "nobody in particular: the day and all"


@pytest.mark.parametrize("cost", [None, 0.0, -1.0, float("nan"), float("inf"), 1e12])
async def test_what_cannot_be_is_not_booked(cost: float | None, database: Database) -> None:
    ledger = Ledger(database, CAPS)
    with paying(ANNA):
        await LedgerPurse(ledger).book(used(cost))
    assert await spent(ledger) == [0.0] * 4


async def test_the_ledger_is_opened_by_the_first_call_that_costs_something(database: Database) -> None:
    opened: list[Ledger] = []

    async def open_ledger() -> Ledger:
        opened.append(Ledger(database, CAPS))
        return opened[-1]

    purse = LatePurse(open_ledger)
    await purse.book(used(0.0))
    assert opened == []
    await (await purse.reserve(role=Role.CHAT, model="m", usd=0.2)).release()
    await purse.book(used(0.1))
    (ledger,) = opened
    assert [one.spent_usd for one in await ledger.allowances(Account()) if one.kind is CapKind.DAY] == [0.1]


async def test_what_was_paid_is_not_lost_for_a_ledger_that_cannot_be_written(database: Database) -> None:
    ledger = Ledger(database, CAPS)
    payment = await LedgerPurse(ledger).reserve(role=Role.CHAT, model="m", usd=0.2)
    await database.close()
    await payment.settle(0.1)
    with pytest.raises(MemoryFault):
        await LedgerPurse(ledger).reserve(role=Role.CHAT, model="m", usd=0.2)
