"""Files at which processes died: known by their digest, refused to everybody for a day."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from bot.database.engine import Database
from bot.database.tables import OpenedFileRow, QuarantineRow
from bot.domain.conversation import PlaceSettings
from bot.domain.errors import MediaError
from bot.jobs.intake import Intake
from bot.jobs.order import MOST_ATTEMPTS, Order
from bot.jobs.quarantine import Quarantine
from bot.jobs.table import JobTable
from bot.memory.store import Memory

from ..database.material import NOON, ask

POISON, HARMLESS = "a" * 64, "b" * 64
OTHER = "0" * 12


class House:
    def __init__(self, database: Database) -> None:
        self.now: datetime = NOON
        self.database = database
        self.intake = Intake(database, clock=lambda: self.now)
        self.quarantine = Quarantine(database, clock=lambda: self.now)

    async def dies_at(self, job_id: str) -> None:
        """As often as may be, the first time with another file as well."""
        for attempt in range(MOST_ATTEMPTS):
            await self.intake.claimed(job_id)
            if attempt == 0:
                await self.quarantine.check(job_id, HARMLESS)
            await self.quarantine.check(job_id, POISON)

    async def refuses(self, sha256: str) -> bool:
        try:
            await self.quarantine.check(OTHER, sha256)
        except MediaError as error:
            return error.code == "media_quarantined"
        return False

    async def count(self, table: type[OpenedFileRow] | type[QuarantineRow]) -> int | None:
        return await self.database.read(lambda session: session.scalar(select(func.count()).select_from(table)))


@pytest.fixture
async def house(database: Database) -> House:
    made = House(database)
    await made.intake.accept(ask(1), reply_to=None)
    return made


async def test_what_was_opened_each_time_is_refused_for_a_day(house: House) -> None:
    await house.dies_at(ask(1).job_id)
    assert not await house.refuses(POISON)
    await house.intake.gave_up(ask(1).job_id)
    await house.intake.finished(ask(1).job_id)
    assert await house.count(OpenedFileRow) == 0
    assert await house.refuses(POISON)
    assert not await house.refuses(HARMLESS)
    house.now += timedelta(hours=23, minutes=59)
    assert await house.refuses(POISON)
    house.now += timedelta(minutes=1)
    assert not await house.refuses(POISON)
    assert await house.count(QuarantineRow) == 0


async def test_what_is_opened_several_times_at_one_attempt_is_not_refused(house: House) -> None:
    """As for another look, or where a clip is there twice; and where it was opened later, but not at each attempt."""
    for _ in range(MOST_ATTEMPTS):
        await house.quarantine.check(ask(1).job_id, POISON)  # nobody has begun it
    await house.intake.claimed(ask(1).job_id)
    for _ in range(MOST_ATTEMPTS):
        await house.quarantine.check(ask(1).job_id, POISON)
    for _ in range(MOST_ATTEMPTS - 1):
        await house.intake.claimed(ask(1).job_id)
        for _ in range(MOST_ATTEMPTS):
            await house.quarantine.check(ask(1).job_id, HARMLESS)
    await house.intake.gave_up(ask(1).job_id)
    assert not await house.refuses(POISON)
    assert not await house.refuses(HARMLESS)


async def test_restarts_that_were_meant_are_not_counted(house: House) -> None:
    job_id = ask(1).job_id
    for _ in range(MOST_ATTEMPTS):
        await house.intake.claimed(job_id)
        for sha256 in (POISON, HARMLESS):
            await house.quarantine.check(job_id, sha256)
        await house.intake.handed_back(job_id)
        await house.intake.claimed(job_id)
        await house.quarantine.check(job_id, POISON)
    await house.intake.gave_up(job_id)
    assert await house.refuses(POISON)
    assert not await house.refuses(HARMLESS)


async def test_a_second_one_prolongs_it(house: House) -> None:
    await house.intake.accept(ask(2), reply_to=None)
    for number in (1, 2):
        await house.dies_at(ask(number).job_id)
    for number in (1, 2):
        await house.intake.gave_up(ask(number).job_id)
        house.now += timedelta(hours=20)
    assert await house.refuses(POISON)
    assert await house.count(QuarantineRow) == 1


async def test_only_what_waits_or_is_worked_on_is_counted(house: House) -> None:
    await house.quarantine.check(OTHER, POISON)
    await house.intake.finished(ask(1).job_id)
    await house.quarantine.check(ask(1).job_id, POISON)
    assert await house.count(OpenedFileRow) == 0


async def test_what_was_opened_is_forgotten_with_the_question_and_the_quarantine_stays(house: House) -> None:
    await house.intake.accept(ask(2), reply_to=None)
    await house.dies_at(ask(1).job_id)
    await house.intake.gave_up(ask(1).job_id)
    await house.intake.claimed(ask(2).job_id)
    await house.quarantine.check(ask(2).job_id, HARMLESS)
    assert await house.count(OpenedFileRow) == 3
    await Memory(house.database).forget_person(ask(1).asker_id)
    assert await house.count(OpenedFileRow) == 0
    assert await house.refuses(POISON)


async def test_gateways_that_die_while_workers_live_prove_nothing(house: House) -> None:
    table = JobTable(house.database)
    await table.put(Order(ask=ask(1), place=PlaceSettings()))
    await table.claim("a worker", lease_seconds=60)
    await house.dies_at(ask(1).job_id)
    await house.intake.gave_up(ask(1).job_id)
    assert not await house.refuses(POISON)


async def test_upkeep_takes_what_is_over(house: House) -> None:
    await house.dies_at(ask(1).job_id)
    await house.intake.gave_up(ask(1).job_id)
    long_ago = NOON - timedelta(days=30)
    for hours, left in ((23, 1), (24, 0)):
        then = NOON + timedelta(hours=hours)
        await Memory(house.database, clock=lambda then=then: then).prune(turns_before=long_ago, clips_before=long_ago)
        assert await house.count(QuarantineRow) == left
