"""Forgetting for somebody: nothing of it is on the disk afterwards, however much goes at once; facts are checked."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

import pytest

from bot.database.engine import Database
from bot.database.where import Where
from bot.domain.errors import BotError
from bot.domain.recollection import Forgotten, Scope
from bot.memory.store import Memory
from bot.services.forget import MOST_FACTS, ForgetService
from tests.databases import SQLITE, holds, only

from ..database.material import BIGGEST_ID, HERE, NOON, SERVER, clip, message, minutes, source, turn

SCOPE = Scope(key=HERE)
CANARY = "canarywords"


class CountingMemory(Memory):
    """Counts how often the disk was wiped, and can be held up at it."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, clock=lambda: NOON)
        self.wipes: list[bool] = []
        self.may_wipe = asyncio.Event()
        self.may_wipe.set()

    async def wipe(self, *, copies: bool = True) -> None:
        await self.may_wipe.wait()
        self.wipes.append(copies)
        await super().wipe(copies=copies)


class Cache:
    def __init__(self) -> None:
        self.dropped: list[str] = []
        self.sweeps = 0

    async def drop(self, digests: Collection[str]) -> None:
        self.dropped += sorted(digests)

    async def sweep(self) -> None:
        self.sweeps += 1


@pytest.fixture
def memory(database: Database) -> CountingMemory:
    return CountingMemory(database)


@pytest.fixture
def cache() -> Cache:
    return Cache()


@pytest.fixture
def service(memory: CountingMemory, cache: Cache) -> ForgetService:
    return ForgetService(memory, cache, keep_days=30, fade_days=14, clock=lambda: NOON)


async def keep(memory: Memory, *numbers: int) -> None:
    for number in numbers:
        await memory.keep_turn(turn(number, source=message(number), question=CANARY, asker_id=42))


FORGETTING: dict[str, Callable[[ForgetService], Awaitable[Forgotten]]] = {
    "person": lambda service: service.person(42),
    "opt_out": lambda service: service.opt_out(42),
    "place": lambda service: service.place(HERE),
    "server": lambda service: service.server(SERVER),
    "turn": lambda service: service.turn(turn(1).job_id),
    "asked": lambda service: service.asked(42, HERE),
    "clip": lambda service: service.clip(clip(1).sha256, HERE),
}


@pytest.mark.parametrize("kind", FORGETTING)
async def test_what_is_forgotten_is_off_the_disk_and_its_files_are_dropped(
    memory: CountingMemory, service: ForgetService, cache: Cache, database: Database, where: Where, kind: str
) -> None:
    given = replace(clip(1), source=replace(source(1), message_id=0, author_id=42))
    await memory.keep_digest(given.source, given.sha256)
    await memory.keep_turn(turn(1, question=CANARY, asker_id=42, clips=(given,)))
    gone = await FORGETTING[kind](service)
    assert gone.jobs == {turn(1).job_id}
    assert (memory.wipes, cache.dropped) == ([True], [given.sha256])
    assert not await holds(where, database, CANARY)


@only(SQLITE)
async def test_hundreds_of_deleted_messages_wipe_the_disk_a_few_times(
    memory: CountingMemory, service: ForgetService
) -> None:
    await keep(memory, *range(50))
    memory.may_wipe.clear()
    await asyncio.gather(*(service.message(message(number)) for number in range(300)))
    explicit = asyncio.create_task(service.place(HERE))
    await asyncio.sleep(0)
    assert (memory.wipes, explicit.done()) == ([], False)
    memory.may_wipe.set()
    await explicit
    await service.aclose()
    assert 1 <= len(memory.wipes) <= 3


async def test_what_is_forgotten_while_the_disk_is_wiped_is_wiped_next(
    memory: CountingMemory, service: ForgetService, database: Database, where: Where
) -> None:
    await keep(memory, 1, 2)
    await service.turn(turn(1).job_id)
    await service.message(message(2))
    await service.aclose()
    assert len(memory.wipes) == 2
    assert not await holds(where, database, CANARY)


async def test_messages_of_which_nothing_is_known_leave_the_disk_alone(
    memory: CountingMemory, service: ForgetService
) -> None:
    await service.message(message(1))
    assert not await service.edited(message(1), "And now?")
    await service.aclose()
    assert memory.wipes == []


async def test_an_edited_question_is_off_the_disk(
    memory: CountingMemory, service: ForgetService, database: Database, where: Where
) -> None:
    await keep(memory, 1)
    assert await service.edited(message(1), "And now?")
    await service.aclose()
    assert not await holds(where, database, CANARY)


async def test_who_opts_out_may_opt_in_again(memory: CountingMemory, service: ForgetService) -> None:
    await service.opt_out(42)
    assert await memory.opted_out(42) == {42}
    with pytest.raises(BotError) as refused:
        await service.remember(SCOPE, 42, "We meet on Mondays")
    assert refused.value.code == "opted_out"
    await service.opt_in(42)
    assert await memory.opted_out(42) == frozenset()
    await service.remember(SCOPE, 42, "We meet on Mondays")


async def test_the_daily_upkeep_lets_copies_be(memory: CountingMemory, service: ForgetService, cache: Cache) -> None:
    await memory.keep_turn(turn(1, asked_at=NOON - minutes(60 * 24 * 31)))
    assert (await service.upkeep()).jobs == {turn(1).job_id}
    assert (memory.wipes, cache.sweeps) == ([False], 1)


async def test_a_fact_is_pinned_on_one_line_without_what_cannot_be_seen(service: ForgetService) -> None:
    fact = await service.remember(SCOPE, 42, "  We meet\u202e on\n\tMondays\x00 \u200b ")
    assert (fact.text, fact.author_id, fact.said_at, fact.key) == ("We meet on Mondays", 42, NOON, HERE)
    assert await service.remember(SCOPE, 43, "We meet on Mondays") == fact
    assert await service.fact(fact.fact_id)
    assert not await service.fact(BIGGEST_ID)


@pytest.mark.parametrize(("text", "code"), [(" \u200b\n", "fact_empty"), ("x" * 301, "fact_too_long")])
async def test_what_is_no_fact_is_refused(service: ForgetService, text: str, code: str) -> None:
    with pytest.raises(BotError) as refused:
        await service.remember(SCOPE, 42, text)
    assert refused.value.code == code


async def test_one_person_pins_so_many_in_one_place(service: ForgetService) -> None:
    for number in range(MOST_FACTS):
        await service.remember(SCOPE, 42, f"Room {number} is free")
    with pytest.raises(BotError) as refused:
        await service.remember(SCOPE, 42, "One more room is free")
    assert refused.value.code == "too_many_facts"
    await service.remember(SCOPE, 43, "One more room is free")
