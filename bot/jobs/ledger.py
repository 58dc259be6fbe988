"""What may be spent and what was: money is held back before a call, at its dearest, and booked afterwards."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.engine import Database
from bot.database.tables import BookingRow, SpendingRow
from bot.domain.clock import utc_now
from bot.domain.errors import BudgetError
from bot.domain.money import Account, Allowance, CapKind
from bot.domain.sentence import sentence
from bot.jobs.bookings import FOR_ALL_TIME, Booking, BookingState, Caps, Spent, Sum, person_scope, sums_of

log = logging.getLogger(__name__)

NANO = 1_000_000_000
"""Money is counted in whole billionths of a US dollar, so that sums are exact."""

JOB = "job"
"""The role of what is held back for a whole job."""

_GIVEN_UP_AFTER = timedelta(minutes=15)
_BOOKINGS_KEPT = timedelta(days=400)
_SUMS_KEPT = timedelta(days=2)


class Ledger:
    """Each method is one transaction and raises MemoryFault. Days are those of UTC."""

    def __init__(self, database: Database, caps: Caps, *, clock: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._caps = caps
        self._clock = clock
        self._holding: set[str] = set()

    async def reserve(self, account: Account, *, role: str, model: str, usd: float) -> Booking:
        """Hold back what a call may cost at the most. What is held back for its job is used first. Raises BudgetError
        where a cap would be exceeded."""
        now, amount = self._clock(), _nano(usd)
        sums = self._sums(account, now)

        async def work(session: AsyncSession) -> Booking:
            from_hold = 0
            if account.job_id in self._holding:
                held = await _held(session, account.job_id)
                if held is not None and _booking(held).keys == tuple((one.scope, one.day) for one in sums):
                    from_hold = min(amount, held.reserved)
                    held.reserved -= from_hold
            await _take(session, sums, amount - from_hold, now)
            booking = await _open(session, account, role=role, model=model, amount=amount, sums=sums, now=now)
            return replace(booking, job_id=account.job_id, from_hold=from_hold)

        return await self._database.write(work)

    async def settle(self, booking: Booking, usd: float | None) -> None:
        """Book what a call really cost; None: not known, so what was held back. What of that came out of what is held
        back for its job, and was not needed, is held back for the job again."""
        amount = booking.amount if usd is None else _nano(usd)
        if amount > booking.amount:
            log.warning("a call to %s cost more than was held back for it", booking.model)
        await self._end(booking, amount, BookingState.PAID)

    async def release(self, booking: Booking) -> None:
        """The call cost nothing."""
        await self._end(booking, 0, BookingState.RELEASED)

    async def presume(self, booking: Booking) -> None:
        """Whether the call was made, and what it cost, is not known: book what was held back."""
        await self._database.write(lambda session: _close(session, booking, booking.amount, BookingState.PRESUMED))

    async def hold(self, account: Account, usd: float) -> None:
        """Hold back what a whole job may cost, so that its calls find their money there; in place of what was held for
        it before. Raises BudgetError."""
        now, amount = self._clock(), _nano(usd)
        sums = self._sums(account, now)

        async def work(session: AsyncSession) -> None:
            await _let_go(session, account.job_id)
            await _take(session, sums, amount, now)
            await _open(session, account, role=JOB, model="", amount=amount, sums=sums, now=now)

        self._holding.add(account.job_id)  # before, so that it is let go even where this is cancelled
        await self._database.write(work)

    async def let_go(self, job_id: str) -> None:
        """What is still held back for a job is free again."""
        if job_id in self._holding:
            self._holding.discard(job_id)
            await self._database.write(lambda session: _let_go(session, job_id))

    async def book(self, account: Account, *, role: str, model: str, usd: float) -> None:
        """Something that was paid without having asked, as plugins do."""
        now, amount = self._clock(), _nano(usd)
        sums = self._sums(account, now)

        async def work(session: AsyncSession) -> None:
            await _change(session, sums, reserved=0, spent=0)
            booking = await _open(session, account, role=role, model=model, amount=0, sums=sums, now=now)
            await _close(session, booking, amount, BookingState.PAID)

        await self._database.write(work)

    async def allowances(self, account: Account) -> tuple[Allowance, ...]:
        """The caps that hold for an account, the narrowest first."""
        now = self._clock()
        sums = self._sums(account, now)

        async def work(session: AsyncSession) -> tuple[Allowance, ...]:
            found = await _found(session, sums)
            return tuple(_allowance(one, found.get((one.scope, one.day)), now) for one in sums)

        return await self._database.read(work)

    async def room_usd(self, account: Account) -> float | None:
        """What may still be spent, what is held back for the job of the account included; None: no bound."""
        rooms = [allowance.room_usd for allowance in await self.allowances(account)]
        bounds = [room for room in rooms if room is not None]
        if not bounds:
            return None
        return min(bounds) + await self._database.read(lambda session: _held_usd(session, account.job_id))

    async def report(self, since: datetime) -> tuple[Spent, ...]:
        """What was spent from then on, by server, role and model, the dearest first."""

        async def work(session: AsyncSession) -> tuple[Spent, ...]:
            usd = func.sum(BookingRow.spent)
            what = (BookingRow.server_id, BookingRow.role, BookingRow.model)
            rows = await session.execute(
                select(*what, func.count(), usd)
                .where(BookingRow.at >= since, BookingRow.role != JOB)
                .where(BookingRow.state.in_([BookingState.PAID, BookingState.PRESUMED]))
                .group_by(*what)
                .order_by(usd.desc())
            )
            return tuple(
                Spent(server_id=server_id, role=role, model=model, calls=calls, usd=float(spent) / NANO)
                for server_id, role, model, calls, spent in rows
            )

        return await self._database.read(work)

    async def passed(self, percents: Sequence[int]) -> tuple[tuple[Allowance, int], ...]:
        """Of the caps of the day and of all, those that reached one of these parts since this was asked last, with the
        highest part that was."""
        now = self._clock()
        sums = [one for one in self._sums(Account(), now) if one.cap]

        async def work(session: AsyncSession) -> tuple[tuple[Allowance, int], ...]:
            reached: list[tuple[Allowance, int]] = []
            found = await _found(session, sums)
            for one in sums:
                row = found.get((one.scope, one.day))
                if row is None:
                    continue
                part = max((p for p in percents if row.spent * 100 >= p * (one.cap or 0)), default=0)
                before, row.told_percent = row.told_percent, part  # less after the cap was raised
                if part > before:
                    reached.append((_allowance(one, row, now), part))
            return tuple(reached)

        return await self._database.write(work)

    async def clear(self, *, all_open: bool = False) -> int:
        """Close what was left open by a process that is gone: a call is booked at its most, what was held back for a
        job is free again. `all_open`: whatever is open, because nobody else works on this database. Gives how many
        calls were. Old bookings and sums go."""
        now = self._clock()

        async def work(session: AsyncSession) -> int:
            which = BookingRow.state == BookingState.OPEN
            if not all_open:
                which &= BookingRow.until < now
            rows = (await session.scalars(select(BookingRow).where(which))).all()
            for row in rows:
                if row.role == JOB:
                    await _close(session, _booking(row), 0, BookingState.RELEASED)
                else:
                    await _close(session, _booking(row), row.reserved, BookingState.PRESUMED)
            await session.execute(delete(BookingRow).where(BookingRow.at < now - _BOOKINGS_KEPT))
            old = f"{now - _SUMS_KEPT:%Y-%m-%d}"
            await session.execute(delete(SpendingRow).where(SpendingRow.day != FOR_ALL_TIME, SpendingRow.day < old))
            return sum(row.role != JOB for row in rows)

        closed = await self._database.write(work)
        if closed:
            log.warning("%d calls of an earlier process are booked at the most they can have cost", closed)
        return closed

    async def _end(self, booking: Booking, spent: int, state: BookingState) -> None:
        left = booking.from_hold - spent

        async def work(session: AsyncSession) -> None:
            if not await _close(session, booking, spent, state):
                return
            held = await _held(session, booking.job_id) if left > 0 and booking.job_id in self._holding else None
            if held is not None and _booking(held).keys == booking.keys:
                held.reserved += left
                await _change(session, booking.sums, reserved=left, spent=0)

        await self._database.write(work)

    def _sums(self, account: Account, now: datetime) -> tuple[Sum, ...]:
        caps, day = self._caps, f"{now:%Y-%m-%d}"
        person = None if account.person_id is None else person_scope(account.person_id, day)
        bounds = {
            CapKind.PERSON_DAY: caps.person_day_usd,
            CapKind.SERVER_DAY: caps.server_day_usd,
            CapKind.DAY: caps.day_usd,
            CapKind.ALL: caps.total_usd,
        }
        return tuple(replace(one, cap=_cap(bounds[one.kind])) for one in sums_of(person, account.server_id, day))


def _booking(row: BookingRow) -> Booking:
    sums = sums_of(row.person, row.server_id, f"{row.at:%Y-%m-%d}")
    return Booking(row.booking_id, row.reserved, sums, row.model)


async def _take(session: AsyncSession, sums: Sequence[Sum], amount: int, now: datetime) -> None:
    """Hold back in every sum, or in none."""
    totals = await _change(session, sums, reserved=amount, spent=0)
    for one in sums:
        if one.cap is not None and amount > 0 and totals[one.scope] > one.cap:
            raise _exceeded(one, now)


async def _change(session: AsyncSession, sums: Sequence[Sum], *, reserved: int, spent: int) -> Mapping[str, int]:
    """Add to every sum; what is spent and held back in each then. Those that are missing are made."""
    keys = tuple_(SpendingRow.scope, SpendingRow.day)
    rows = await session.execute(
        update(SpendingRow)
        .where(keys.in_([(one.scope, one.day) for one in sums]))
        .values(reserved=SpendingRow.reserved + reserved, spent=SpendingRow.spent + spent)
        .returning(SpendingRow.scope, SpendingRow.reserved, SpendingRow.spent)
        .execution_options(synchronize_session=False)
    )
    totals = {scope: held + paid for scope, held, paid in rows}
    for one in sums:
        if one.scope not in totals:
            row = {"scope": one.scope, "day": one.day, "reserved": reserved, "spent": spent, "told_percent": 0}
            await session.execute(insert(SpendingRow).values(row))
            totals[one.scope] = reserved + spent
    return totals


async def _open(
    session: AsyncSession,
    account: Account,
    *,
    role: str,
    model: str,
    amount: int,
    sums: tuple[Sum, ...],
    now: datetime,
) -> Booking:
    row = {
        "job_id": account.job_id,
        "person": next((one.scope for one in sums if one.kind is CapKind.PERSON_DAY), None),
        "server_id": account.server_id,
        "role": role,
        "model": model,
        "state": BookingState.OPEN,
        "at": now,
        "until": now + _GIVEN_UP_AFTER,
        "reserved": amount,
        "spent": 0,
    }
    booking_id = await session.scalar(insert(BookingRow).values(row).returning(BookingRow.booking_id))
    if booking_id is None:
        raise AssertionError("an insert that succeeds tells its key")
    return Booking(booking_id, amount, sums, model)


async def _close(session: AsyncSession, booking: Booking, spent: int, state: BookingState) -> bool:
    """False: it was closed before, so nothing happens."""
    closed = await session.scalar(
        update(BookingRow)
        .where(BookingRow.booking_id == booking.booking_id, BookingRow.state == BookingState.OPEN)
        .values(state=state, spent=spent, person=None, until=None)
        .returning(BookingRow.reserved)
        .execution_options(synchronize_session=False)
    )
    if closed is not None:
        await _change(session, booking.sums, reserved=-closed, spent=spent)
    return closed is not None


async def _let_go(session: AsyncSession, job_id: str) -> None:
    held = await _held(session, job_id)
    if held is not None:
        await _close(session, _booking(held), 0, BookingState.RELEASED)


async def _held(session: AsyncSession, job_id: str) -> BookingRow | None:
    which = (BookingRow.job_id == job_id, BookingRow.state == BookingState.OPEN, BookingRow.role == JOB)
    return await session.scalar(select(BookingRow).where(*which))


async def _held_usd(session: AsyncSession, job_id: str) -> float:
    held = await _held(session, job_id) if job_id else None
    return 0.0 if held is None else held.reserved / NANO


async def _found(session: AsyncSession, sums: Sequence[Sum]) -> Mapping[tuple[str, str], SpendingRow]:
    rows = await session.scalars(select(SpendingRow).where(SpendingRow.scope.in_([one.scope for one in sums])))
    return {(row.scope, row.day): row for row in rows}


def _allowance(one: Sum, row: SpendingRow | None, now: datetime) -> Allowance:
    return Allowance(
        kind=one.kind,
        cap_usd=None if one.cap is None else one.cap / NANO,
        spent_usd=0.0 if row is None else row.spent / NANO,
        reserved_usd=0.0 if row is None else row.reserved / NANO,
        resets_at=None if one.kind is CapKind.ALL else _midnight(now),
    )


_EXCEEDED = {
    CapKind.PERSON_DAY: sentence("You have used up what one person may spend here in a day. Ask again tomorrow."),
    CapKind.SERVER_DAY: sentence("This server has used up what it may spend in a day. Ask again tomorrow."),
    CapKind.DAY: sentence("This bot has used up what it may spend in a day. Ask again tomorrow."),
    CapKind.ALL: sentence("This bot has used up all it may spend. Whoever runs it can raise the limit."),
}


def _exceeded(one: Sum, now: datetime) -> BudgetError:
    resets_at = None if one.kind is CapKind.ALL else _midnight(now)
    return BudgetError(f"budget_{one.kind.value}", _EXCEEDED[one.kind], resets_at=resets_at)


def _midnight(now: datetime) -> datetime:
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)


def _cap(usd: float | None) -> int | None:
    return None if usd is None else int(usd * NANO)


def _nano(usd: float) -> int:
    """Rounded up: what is counted is never less than what is paid."""
    return -int(-usd * NANO // 1)
