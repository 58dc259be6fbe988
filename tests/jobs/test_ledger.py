"""Money: never more than a cap, whoever asks at the same time; sums that agree with the bookings; nothing that names
a person once a call is over."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from bot.database.engine import Database
from bot.database.tables import BookingRow, SpendingRow
from bot.domain.errors import BudgetError
from bot.domain.money import NOBODY, Account, CapKind
from bot.jobs.bookings import Booking, BookingState, Caps
from bot.jobs.ledger import NANO, Ledger
from tests.databases import SQLITE, only

EVENING = datetime(2026, 11, 30, 23, 30, tzinfo=UTC)
MIDNIGHT = datetime(2026, 12, 1, tzinfo=UTC)
ANNA = Account(job_id="a", person_id=11, server_id=7)
BEN = Account(job_id="b", person_id=12, server_id=7)


class Clock:
    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


MakeLedger = Callable[..., Ledger]


@pytest.fixture
def ledger(database: Database, clock: Clock) -> MakeLedger:
    return lambda **caps: Ledger(database, Caps(**caps), clock=clock)


async def reserve(ledger: Ledger, account: Account, usd: float) -> Booking:
    return await ledger.reserve(account, role="chat", model="m", usd=usd)


async def room(ledger: Ledger, account: Account = NOBODY) -> float | None:
    return await ledger.room_usd(account)


async def test_what_is_held_back_is_not_there_for_others_and_what_was_not_needed_is(ledger: MakeLedger) -> None:
    money = ledger(day_usd=0.10)
    first = await reserve(money, ANNA, 0.08)
    with pytest.raises(BudgetError) as refused:
        await reserve(money, BEN, 0.03)
    assert (refused.value.code, refused.value.resets_at) == ("budget_day", MIDNIGHT)
    await money.settle(first, 0.01)
    assert await room(money) == pytest.approx(0.09)
    await money.release(await reserve(money, BEN, 0.09))
    assert await room(money) == pytest.approx(0.09)
    await money.presume(await reserve(money, BEN, 0.09))
    assert await room(money) == 0.0


async def test_each_cap_holds_for_itself_and_says_which_it_is(ledger: MakeLedger) -> None:
    money = ledger(person_day_usd=0.1, server_day_usd=0.2, day_usd=0.3, total_usd=0.4)
    await reserve(money, ANNA, 0.1)
    codes: list[str] = []
    for account in (ANNA, BEN, Account(person_id=13, server_id=7), Account(person_id=14, server_id=8), NOBODY):
        try:
            await reserve(money, account, 0.1)
        except BudgetError as refused:
            codes.append(refused.code)
    assert codes == ["budget_person_day", "budget_server_day", "budget_day"]
    assert [one.kind for one in await money.allowances(ANNA)] == list(CapKind)
    assert [one.spent_usd + one.reserved_usd for one in await money.allowances(ANNA)] == pytest.approx(
        [0.1, 0.2, 0.3, 0.3]
    )


async def test_a_new_day_has_new_money_except_of_what_is_for_all_time(ledger: MakeLedger, clock: Clock) -> None:
    money = ledger(person_day_usd=0.1, total_usd=0.15)
    late = await reserve(money, ANNA, 0.1)
    clock.now = MIDNIGHT
    await money.settle(late, 0.1)
    assert await room(money, ANNA) == pytest.approx(0.05)
    with pytest.raises(BudgetError) as refused:
        await reserve(money, ANNA, 0.06)
    assert (refused.value.code, refused.value.resets_at) == ("budget_all", None)


async def test_a_hundred_at_once_spend_no_more_than_there_is(ledger: MakeLedger) -> None:
    money = ledger(total_usd=0.10)

    async def ask(number: int) -> bool:
        try:
            booking = await reserve(money, Account(job_id=str(number), person_id=number), 0.007)
        except BudgetError:
            return False
        await asyncio.sleep(0)
        await money.settle(booking, 0.007)
        return True

    served = await asyncio.gather(*(ask(number) for number in range(100)))
    assert sum(served) == 14
    (all_time,) = [one for one in await money.allowances(NOBODY) if one.kind is CapKind.ALL]
    assert (all_time.spent_usd, all_time.reserved_usd) == (pytest.approx(0.098), 0.0)


async def test_the_calls_of_a_job_find_what_was_held_back_for_it(ledger: MakeLedger) -> None:
    money = ledger(day_usd=0.10)
    await money.hold(ANNA, 0.06)
    with pytest.raises(BudgetError):
        await reserve(money, BEN, 0.05)
    assert await room(money, ANNA) == pytest.approx(0.10), "what is held back for the job is the job's"
    first = await reserve(money, ANNA, 0.05)
    assert await room(money) == pytest.approx(0.04), "held back once, not twice"
    await money.settle(first, 0.02)
    second = await reserve(money, ANNA, 0.03)
    await money.settle(second, 0.03)
    await money.let_go("a")
    assert await room(money) == pytest.approx(0.05)


async def test_what_a_call_did_not_need_of_what_is_held_for_its_job_is_there_for_its_next(ledger: MakeLedger) -> None:
    money = ledger(day_usd=0.10)
    await money.hold(ANNA, 0.06)
    for spent in (0.01, 0.01, 0.01):
        await money.settle(await reserve(money, ANNA, 0.03), spent)
        with pytest.raises(BudgetError):
            await reserve(money, BEN, 0.05)
    await money.release(await reserve(money, ANNA, 0.03))
    await money.settle(await reserve(money, BEN, 0.04), 0.04)
    await money.settle(await reserve(money, ANNA, 0.03), 0.01)
    with pytest.raises(BudgetError):
        await reserve(money, ANNA, 0.03)
    await money.let_go("a")
    assert await room(money) == pytest.approx(0.02)


async def test_a_hold_that_is_cancelled_is_let_go(ledger: MakeLedger) -> None:
    money = ledger(day_usd=0.10)
    holding = asyncio.create_task(money.hold(ANNA, 0.06))
    await asyncio.sleep(0)
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    await money.let_go("a")
    assert await room(money) == pytest.approx(0.10)


async def test_a_hold_of_yesterday_does_not_pay_for_calls_of_today(ledger: MakeLedger, clock: Clock) -> None:
    money = ledger(day_usd=0.10)
    await money.hold(ANNA, 0.10)
    clock.now = MIDNIGHT
    booking = await reserve(money, ANNA, 0.04)
    await money.settle(booking, 0.04)
    await money.let_go("a")
    day = next(one for one in await money.allowances(NOBODY) if one.kind is CapKind.DAY)
    assert (day.spent_usd, day.reserved_usd) == (pytest.approx(0.04), 0.0)


async def test_what_a_dead_process_left_is_booked_at_its_most(
    ledger: MakeLedger, database: Database, clock: Clock
) -> None:
    dead = ledger(day_usd=1)
    await dead.hold(ANNA, 0.5)
    await reserve(dead, ANNA, 0.2)
    await reserve(dead, BEN, 0.1)
    money = ledger(day_usd=1)
    assert await money.clear() == 0, "somebody may still be at it"
    clock.now += timedelta(minutes=16)
    assert await money.clear() == 2
    assert await money.clear(all_open=True) == 0
    clock.now = EVENING
    day = next(one for one in await money.allowances(NOBODY) if one.kind is CapKind.DAY)
    assert (day.spent_usd, day.reserved_usd) == (pytest.approx(0.3), 0.0)
    states = (await database.read(lambda session: session.scalars(select(BookingRow.state)))).all()
    assert sorted(states) == [BookingState.PRESUMED, BookingState.PRESUMED, BookingState.RELEASED]


async def test_a_booking_is_closed_once(ledger: MakeLedger) -> None:
    money = ledger(day_usd=1)
    booking = await reserve(money, ANNA, 0.2)
    await money.settle(booking, 0.1)
    await money.presume(booking)
    await money.release(booking)
    assert await room(money) == pytest.approx(0.9)


async def test_what_plugins_paid_counts_and_the_report_tells_by_server_role_and_model(ledger: MakeLedger) -> None:
    money = ledger(day_usd=1)
    await money.book(ANNA, role="captions", model="theirs", usd=0.3)
    await money.settle(await reserve(money, BEN, 0.2), 0.1)
    await money.hold(BEN, 0.1)
    assert await room(money) == pytest.approx(0.5)
    told = await money.report(EVENING)
    assert [(one.server_id, one.role, one.model, one.calls, one.usd) for one in told] == [
        (7, "captions", "theirs", 1, 0.3),
        (7, "chat", "m", 1, 0.1),
    ]
    assert await money.report(MIDNIGHT) == ()


async def test_each_part_of_a_cap_is_told_once(ledger: MakeLedger, clock: Clock) -> None:
    money = ledger(person_day_usd=0.01, day_usd=1, total_usd=10)
    percents = (50, 80, 100)
    assert await money.passed(percents) == ()
    told: list[list[tuple[CapKind, int]]] = []
    for usd in (0.49, 0.01, 0.25, 0.25):
        await money.book(NOBODY, role="chat", model="m", usd=usd)
        told.append([(one.kind, part) for one, part in await money.passed(percents)])
    assert told == [[], [(CapKind.DAY, 50)], [], [(CapKind.DAY, 100)]]
    clock.now = MIDNIGHT
    await money.book(NOBODY, role="chat", model="m", usd=0.85)
    assert [(one.kind, part) for one, part in await money.passed(percents)] == [(CapKind.DAY, 80)]
    more = ledger(day_usd=1.5)
    assert await more.passed(percents) == (), "the cap was raised"
    await more.book(NOBODY, role="chat", model="m", usd=0.4)
    assert [(one.kind, part) for one, part in await more.passed(percents)] == [(CapKind.DAY, 80)], "told once more"


@only(SQLITE)
async def test_nothing_says_who_it_was_once_it_is_over(ledger: MakeLedger, database: Database) -> None:
    money = ledger(person_day_usd=1)
    someone = Account(job_id="a", person_id=987654321, server_id=7)
    await money.settle(await reserve(money, someone, 0.2), 0.1)
    rows = await database.read(lambda session: session.execute(text("SELECT * FROM bookings")))
    sums = await database.read(lambda session: session.execute(text("SELECT * FROM spending")))
    assert "987654321" not in f"{rows.all()}{sums.all()}"
    assert (await database.read(lambda session: session.scalars(select(BookingRow.person)))).all() == [None]
    assert await room(money, someone) == pytest.approx(0.9)


@only(SQLITE)
@pytest.mark.parametrize("seed", range(4))
async def test_sums_agree_with_the_bookings_whatever_happens(
    ledger: MakeLedger, database: Database, clock: Clock, seed: int
) -> None:
    dice = random.Random(seed)
    caps = {"person_day_usd": 0.3, "server_day_usd": 0.5, "day_usd": 0.8, "total_usd": 2.0}
    money = ledger(**caps)
    opened: list[Booking] = []
    for _ in range(60):
        account = Account(job_id=dice.choice("abc"), person_id=dice.choice((1, 2)), server_id=dice.choice((None, 7)))
        usd = dice.choice((0.0, 0.01, 0.05, 0.2))
        match dice.choice(("reserve", "reserve", "settle", "presume", "hold", "let_go", "tick", "clear")):
            case "reserve":
                try:
                    opened.append(await reserve(money, account, usd))
                except BudgetError:
                    continue
            case "settle" if opened:
                booking = opened.pop(dice.randrange(len(opened)))
                await money.settle(booking, dice.random() * booking.amount / NANO)
            case "presume" if opened:
                await money.presume(opened.pop())
            case "hold":
                try:
                    await money.hold(account, usd)
                except BudgetError:
                    continue
            case "let_go":
                await money.let_go(account.job_id)
            case "tick":
                clock.now += timedelta(minutes=dice.choice((1, 20, 600)))
            case "clear":
                await money.clear()
        await agrees(database, caps)


async def agrees(database: Database, caps: dict[str, float]) -> None:
    bookings = (await database.read(lambda session: session.scalars(select(BookingRow)))).all()
    sums = (await database.read(lambda session: session.scalars(select(SpendingRow)))).all()
    held = sum(row.reserved for row in bookings if row.state == BookingState.OPEN)
    spent = sum(row.spent for row in bookings)
    (in_all,) = [row for row in sums if row.scope == "all"] or [SpendingRow(reserved=0, spent=0)]
    assert (in_all.reserved, in_all.spent) == (held, spent)
    for row in sums:
        assert row.reserved >= 0
        bound = caps[{"all": "total_usd", "day": "day_usd"}.get(row.scope, f"{row.scope.split(':')[0]}_day_usd")]
        assert row.reserved + row.spent <= bound * NANO
