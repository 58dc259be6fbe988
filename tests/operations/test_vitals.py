"""The checks: what each calls well, where its limit is, and that none of them takes the others with it."""

import asyncio
from pathlib import Path

import pytest

from bot.domain.errors import MemoryFault
from bot.operations.vitals import (
    DatabaseCheck,
    DiskCheck,
    Finding,
    GatewayCheck,
    JobsCheck,
    LoopCheck,
    Vitals,
    free_share_of,
)


async def is_well(check: object) -> bool:
    finding: Finding = await check()  # type: ignore[operator]
    return finding.is_well


@pytest.mark.parametrize(("age", "well"), [(0.0, True), (4.9, True), (5.0, False), (60.0, False)])
async def test_the_loop_ticks(age: float, well: bool) -> None:
    assert await is_well(LoopCheck(lambda: age)) is well


@pytest.mark.parametrize(
    ("ages", "well"),
    [
        ({0: 12.0, 1: 41.0}, True),
        ({0: 12.0, 1: 89.9}, True),
        ({0: 12.0, 1: 90.0}, False),
        ({0: None}, True),
        ({0: None, 1: None}, True),
        ({0: None, 1: 95.0}, False),
        ({}, True),
    ],
)
async def test_a_gateway_that_is_silent_is_ill_and_one_that_is_away_is_not(
    ages: dict[int, float | None], well: bool
) -> None:
    assert await is_well(GatewayCheck(lambda: ages)) is well


@pytest.mark.parametrize(("age", "overdue", "well"), [(9.9, 0, True), (10.0, 0, False), (1.0, 1, False)])
async def test_loops_go_round_and_questions_end(age: float, overdue: int, well: bool) -> None:
    assert await is_well(JobsCheck({"runner": lambda: age, "other": lambda: 0.0}, lambda: overdue)) is well


@pytest.mark.parametrize(("free", "well"), [(0.5, True), (0.051, True), (0.05, False), (0.03, False), (0.0, False)])
async def test_the_fullest_disk_counts(tmp_path: Path, free: float, well: bool) -> None:
    shares = {tmp_path: 0.9, tmp_path / "data": free}
    assert await is_well(DiskCheck(tuple(shares), shares.__getitem__)) is well


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    assert 0 < free_share_of(tmp_path / "not" / "yet") <= 1


class Database:
    """Writes end when they are let go."""

    def __init__(self) -> None:
        self.writes = 0
        self.may_end = asyncio.Event()

    async def write(self) -> None:
        self.writes += 1
        await self.may_end.wait()


async def test_a_write_that_hangs_is_ill_and_is_not_joined_by_others() -> None:
    database = Database()
    check = DatabaseCheck(database.write, seconds=0.01)
    assert [await is_well(check) for _ in range(3)] == [False] * 3
    assert database.writes == 1
    database.may_end.set()
    while not await is_well(DatabaseCheck(database.write, seconds=5.0)):
        pass
    await check.aclose()


async def test_a_write_that_took_too_long_is_ill_although_it_ended() -> None:
    now = [0.0]

    async def write() -> None:
        now[0] += 1.5

    assert not await is_well(DatabaseCheck(write, clock=lambda: now[0]))


async def test_a_write_that_fails_says_the_code_alone() -> None:
    async def write() -> None:
        raise MemoryFault("database_full", "The disk is full.")

    finding = await DatabaseCheck(write)()
    assert (finding.is_well, finding.says) == (False, "a write failed: database_full")


class Told:
    """A check that says what it is told to, and counts."""

    name = "told"

    def __init__(self, what: Finding | Exception | None) -> None:
        self._what = what
        self.asked = 0

    async def __call__(self) -> Finding:
        self.asked += 1
        if isinstance(self._what, Exception):
            raise self._what
        if self._what is None:
            await asyncio.Event().wait()
        assert self._what is not None
        return self._what


WELL = Finding(name="told", is_well=True, says="")


@pytest.mark.parametrize("what", [None, LookupError("words of somebody")])
async def test_a_check_that_fails_or_hangs_is_not_passed_and_the_others_are_made(what: Exception | None) -> None:
    vitals = Vitals([Told(what), Told(WELL)], seconds=0.01)
    health = await vitals.health()
    assert [finding.is_well for finding in health.findings] == [False, True]
    assert not health.is_alive
    assert "somebody" not in repr(health)


async def test_many_who_ask_at_once_cause_one_check_and_a_later_one_another() -> None:
    now, check = [0.0], Told(WELL)
    vitals = Vitals([check], clock=lambda: now[0])
    await asyncio.gather(*(vitals.health() for _ in range(20)))
    assert check.asked == 1
    now[0] = 1.0
    await vitals.health()
    assert check.asked == 2


async def test_what_is_alive_may_not_be_ready_and_says_why() -> None:
    connected = [False]
    vitals = Vitals([Told(WELL)], {"Discord is not connected": lambda: connected[0]})
    health = await vitals.health()
    assert (health.is_alive, health.is_ready, health.not_ready) == (True, False, ("Discord is not connected",))
    connected[0] = True
    assert (await vitals.health()).is_ready
    assert not (await Vitals([Told(LookupError())], {}).health()).is_ready
