"""Backups on a schedule, and the drill: everything comes back from one that was made while somebody wrote."""

import asyncio
import os
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.config import DataSettings
from bot.database.backup import back_up, restore
from bot.database.check import problems_of
from bot.database.copies import backups_of, oldest_begun
from bot.database.engine import Database, open_database
from bot.database.where import Where
from bot.domain.recollection import Scope
from bot.domain.sentence import Sentence
from bot.memory.house_rules import HouseRules
from bot.memory.store import Memory
from bot.services import backups
from bot.services.backups import FIRST_SECONDS, Backups

from ..database.material import HERE, turn

WRITTEN_MEGABYTES = int(os.environ.get("KIBITZ_BACKUP_MEGABYTES", "0"))
"""About how large the database of the drill is; how long writers wait is judged from 50 on, on a machine at rest."""

in_a_file = pytest.mark.parametrize("where", ["sqlite"], indirect=True)


class House:
    """Backups by a clock that the test turns."""

    def __init__(self, where: Where, database: Database, **settings: object) -> None:
        self.now = datetime.now(UTC)
        self.told: list[Sentence] = []
        self.rules = HouseRules(database)
        self.where = where
        self.backups = Backups(
            where,
            self.rules,
            DataSettings.model_validate(settings),
            tell=self.told.append,
            clock=lambda: self.now,
            sleep=self.slept,
        )
        self.sleeps: list[float] = []

    async def slept(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += timedelta(seconds=seconds)
        if len(self.sleeps) > 70:
            raise asyncio.CancelledError

    def files(self) -> list[str]:
        return sorted(path.name for path in self.where.backups.glob("*.db"))

    async def look(self, *, hours: float = 0) -> list[str]:
        self.now += timedelta(hours=hours)
        await self.backups.look()
        return self.files()


async def test_one_is_made_when_it_is_time_and_the_oldest_goes(where: Where, database: Database) -> None:
    house = House(where, database, backup_hours=6, backup_keep=2)
    first = await house.look()
    assert len(first) == 1
    assert await house.look(hours=5.9) == first
    second = await house.look(hours=0.1)
    third = await house.look(hours=6)
    assert (len(second), len(third)) == (2, 2)
    assert first[0] not in third
    noted = await house.rules.backup()
    assert (noted.made_at, noted.failure) == (house.now, "")
    assert noted.size_bytes == (where.backups / third[-1]).stat().st_size > 0
    again = House(where, database, backup_hours=6, backup_keep=2)
    assert await again.look() == third, "another process knows when it was"


@in_a_file
async def test_none_is_made_at_the_start_nor_where_it_is_switched_off(where: Where, database: Database) -> None:
    house = House(where, database, backup_hours=1)
    with pytest.raises(asyncio.CancelledError):
        await house.backups.run()
    assert house.sleeps[0] == FIRST_SECONDS
    assert len(house.files()) == 2, "one at first, one an hour later"
    house.backups.apply(DataSettings(backup_hours=0))
    assert await house.look(hours=100) == house.files()


@in_a_file
async def test_a_file_that_goes_while_it_is_looked_at_ends_nothing(
    where: Where, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Where] = []

    def gone(where: Where) -> datetime | None:
        looks.append(where)
        if len(looks) == 1:
            raise FileNotFoundError
        return oldest_begun(where)

    memory, house = Memory(database), House(where, database, backup_hours=24)
    await memory.keep_turn(turn(1))
    await memory.forget_place(HERE)
    await memory.wipe()
    monkeypatch.setattr(backups, "oldest_begun", gone)
    with pytest.raises(asyncio.CancelledError):
        await house.backups.run()
    assert len(looks) > 1
    assert len(house.files()) == 1


@in_a_file
async def test_a_failure_is_told_once_and_tried_again(where: Where, database: Database) -> None:
    house = House(where, database, backup_hours=24)
    where.backups.write_text("in the way")
    for minutes in (0, 1, 14, 1, 20):
        await house.look(hours=minutes / 60)
    assert [said.template for said in house.told] == ["The database could not be backed up. {why}"]
    noted = await house.rules.backup()
    assert (noted.made_at, noted.failure) == (None, "backup_unwritten")
    where.backups.unlink()
    assert len(await house.look(hours=1)) == 1
    assert (await house.rules.backup()).failure == ""


async def test_what_is_forgotten_elsewhere_goes_from_the_backups_here(where: Where, database: Database) -> None:
    memory, house = Memory(database), House(where, database)
    word = "zanzibar"
    await memory.keep_turn(turn(1, question=f"Where is {word}?"))
    [before] = await house.look()
    assert word.encode() in (where.backups / before).read_bytes()
    hidden = where.backups.rename(where.directory / "elsewhere")  # as on another machine
    await memory.forget_place(HERE)
    await memory.wipe()
    hidden.rename(where.backups)
    [after] = await house.look()
    assert after != before
    assert word.encode() not in (where.backups / after).read_bytes()


@in_a_file
async def test_a_backup_that_was_begun_before_keeps_nothing_that_was_forgotten_meanwhile(
    where: Where, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The copy is made, and has its name only after the words were forgotten."""
    memory, word = Memory(database), "zanzibar"
    await memory.keep_turn(turn(1, question=f"Where is {word}?"))
    await back_up(where)
    copied, forgotten = asyncio.Event(), asyncio.Event()
    to_thread = asyncio.to_thread

    async def slowly(work: Callable[..., object], *args: object, **more: object) -> object:
        if getattr(work, "__name__", "") == "_put" and not copied.is_set():
            copied.set()
            await forgotten.wait()
        return await to_thread(work, *args, **more)

    monkeypatch.setattr("bot.database.backup.asyncio.to_thread", slowly)
    making = asyncio.create_task(back_up(where))
    await copied.wait()
    await memory.forget_place(HERE)
    wiping = asyncio.create_task(memory.wipe())
    await asyncio.sleep(0.1)
    forgotten.set()
    await asyncio.gather(making, wiping)
    left = b"".join(path.read_bytes() for path in backups_of(where))
    assert left
    assert word.encode() not in left


@in_a_file
async def test_the_drill(where: Where, database: Database, tmp_path: Path) -> None:
    memory, house = Memory(database), House(where, database)
    padding = " ".join(f"word{number}" for number in range(400))
    await memory.keep_turn(turn(0, answer="The keeper of the lighthouse is called Ingeborg."))
    for number in range(1, 1 + max(20, WRITTEN_MEGABYTES * 100)):
        await memory.keep_turn(turn(number, answer=f"Number {number}. {padding}"))
    waits: list[float] = []
    done = asyncio.Event()

    async def write() -> None:
        number = 10**6
        while not done.is_set():
            number += 1
            began = time.perf_counter()
            await memory.keep_turn(turn(number, answer="Written meanwhile."))
            waits.append(time.perf_counter() - began)

    writing = asyncio.create_task(write())
    await asyncio.sleep(0.05)
    files = await house.look()
    done.set()
    await writing
    made, noted = where.backups / files[0], await house.rules.backup()
    fresh = Where(directory=tmp_path / "fresh")
    assert await restore(fresh, made) > 20
    assert not await problems_of(fresh)
    async with open_database(fresh) as restored:
        [found] = await Memory(restored).search(Scope(key=HERE), "Who keeps the lighthouse?")
        assert found.turn is not None
        assert found.turn.answer == "The keeper of the lighthouse is called Ingeborg."
        assert (await HouseRules(restored).backup()).made_at is None, "it was noted after it was made"
    if WRITTEN_MEGABYTES >= 50:
        p99 = statistics.quantiles(waits, n=100)[98]
        print(f"{noted.size_bytes / 1e6:.0f} MB in {noted.seconds:.2f} s, {len(waits)} writes, p99 {p99 * 1e3:.1f} ms")
        assert p99 <= 0.05
        assert noted.seconds <= 5 * noted.size_bytes / 1e8
