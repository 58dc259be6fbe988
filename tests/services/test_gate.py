"""Who comes in: the settings, what was decided by hand, strangers, and what another process decided."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bot.config.access import AccessSettings
from bot.database.engine import Database
from bot.domain.errors import BotError, MemoryFault
from bot.domain.standing import BlockKind, Standing
from bot.memory.house_rules import HouseRules
from bot.memory.store import Memory
from bot.services.gate import FRESH_SECONDS, Gate, Visit, paused_sentence

OWNER, ANNA, SAM = 1, 42, 43
SERVER, ELSEWHERE = 700, 800


in_a_file = pytest.mark.parametrize("where", ["sqlite"], indirect=True)
"""Where nothing of the database is tried out."""


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def gate_of(database: Database, clock: Clock | None = None, **settings: object) -> Gate:
    access = AccessSettings.model_validate(settings)
    operators: Callable[[], frozenset[int]] = lambda: frozenset({OWNER})  # noqa: E731
    return Gate(HouseRules(database), Memory(database), access, operators=operators, clock=clock or Clock())


def sharing(answer: bool, asked: list[bool] | None = None) -> Callable[[], Awaitable[bool]]:
    async def shares() -> bool:
        if asked is not None:
            asked.append(answer)
        return answer

    return shares


async def code(gate: Gate, visit: Visit, *, shares: bool = False) -> str:
    """Of the refusal; empty: they come in."""
    try:
        await gate.check(visit, sharing(shares))
    except BotError as refusal:
        return refusal.code
    return ""


def in_server(person: int, server: int = SERVER) -> Visit:
    return Visit(person_id=person, server_id=server)


def by_account(person: int, server: int | None = SERVER) -> Visit:
    return Visit(person_id=person, server_id=server, is_at_home=False)


def direct(person: int) -> Visit:
    return Visit(person_id=person, server_id=None)


@in_a_file
async def test_by_default_everybody_comes_in(database: Database) -> None:
    gate = gate_of(database)
    for visit in (in_server(ANNA), by_account(ANNA), direct(ANNA)):
        assert await code(gate, visit) == ""
    await gate.check_open()


@in_a_file
@pytest.mark.parametrize(
    ("settings", "inside", "outside"),
    [
        ({"allowed_server_ids": (SERVER,)}, in_server(ANNA), in_server(ANNA, ELSEWHERE)),
        ({"allowed_server_ids": (SERVER,)}, by_account(ANNA, ELSEWHERE), in_server(ANNA, ELSEWHERE)),
        ({"blocked_server_ids": (ELSEWHERE,)}, in_server(ANNA), in_server(ANNA, ELSEWHERE)),
        ({"blocked_server_ids": (ELSEWHERE,)}, by_account(ANNA), by_account(ANNA, ELSEWHERE)),
        ({"allowed_person_ids": (ANNA,)}, in_server(ANNA), in_server(SAM)),
        ({"blocked_person_ids": (SAM,)}, direct(ANNA), direct(SAM)),
        ({"dms": "nobody"}, in_server(ANNA), direct(ANNA)),
        ({"dms": "nobody"}, in_server(ANNA), by_account(ANNA)),
    ],
)
async def test_the_settings_say_who_comes_in(
    database: Database, settings: dict[str, object], inside: Visit, outside: Visit
) -> None:
    gate = gate_of(database, **settings)
    assert await code(gate, inside) == ""
    assert await code(gate, outside, shares=True) != ""
    assert await code(gate, Visit(person_id=OWNER, server_id=outside.server_id)) == ""


@in_a_file
async def test_members_are_asked_for_once_in_a_while(database: Database) -> None:
    clock, asked = Clock(), list[bool]()
    gate = gate_of(database, clock, dms="members")
    for _ in range(3):
        await gate.check(direct(ANNA), sharing(True, asked))
    clock.now = 10_000
    await gate.check(direct(ANNA), sharing(True, asked))
    assert len(asked) == 2
    assert await code(gate, direct(SAM)) == "dm_refused"


async def test_what_one_process_decides_holds_in_another_within_seconds(database: Database) -> None:
    clock = Clock()
    here, there = gate_of(database, clock), gate_of(database, clock)
    await there.check(in_server(ANNA))
    await here.block(BlockKind.PERSON, ANNA)
    await here.block(BlockKind.SERVER, ELSEWHERE)
    await here.pause("")
    assert await code(here, in_server(ANNA)) == "person_refused"
    clock.now = FRESH_SECONDS
    assert await code(there, direct(ANNA)) == "person_refused"
    assert await code(there, in_server(SAM, ELSEWHERE)) == "server_refused"
    assert await there.is_kept_out(ANNA)
    with pytest.raises(BotError) as paused:
        await there.check_open()
    assert paused.value.code == "paused"
    assert await here.unblock(BlockKind.PERSON, ANNA)
    assert not await here.unblock(BlockKind.PERSON, ANNA)
    assert [block.subject_id for block in await here.blocks()] == [ELSEWHERE]
    assert await here.resume()
    await here.check_open()


@in_a_file
async def test_what_was_read_before_a_decision_does_not_outlive_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    was_read, decided = asyncio.Event(), asyncio.Event()
    read, block = HouseRules.standing, HouseRules.block

    async def slow(rules: HouseRules) -> Standing:
        standing = await read(rules)
        was_read.set()
        await decided.wait()
        return standing

    async def noted(rules: HouseRules, kind: BlockKind, subject_id: int) -> None:
        await block(rules, kind, subject_id)
        decided.set()

    monkeypatch.setattr(HouseRules, "standing", slow)
    monkeypatch.setattr(HouseRules, "block", noted)
    gate = gate_of(database)
    reading = asyncio.create_task(gate.standing())
    await was_read.wait()
    await gate.block(BlockKind.PERSON, ANNA)
    await reading
    assert await code(gate, direct(ANNA)) == "person_refused"


@in_a_file
async def test_whoever_runs_the_bot_cannot_be_blocked(database: Database) -> None:
    with pytest.raises(BotError):
        await gate_of(database).block(BlockKind.PERSON, OWNER)


@in_a_file
async def test_what_is_known_holds_while_the_database_cannot_be_read(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(_self: HouseRules) -> Standing:
        raise MemoryFault("database_busy", "Busy.")

    clock = Clock()
    gate = gate_of(database, clock)
    await gate.block(BlockKind.PERSON, ANNA)
    assert await code(gate, direct(ANNA)) == "person_refused"
    monkeypatch.setattr(HouseRules, "standing", broken)
    clock.now = 100
    assert await code(gate, direct(ANNA)) == "person_refused"
    with pytest.raises(MemoryFault):
        await gate_of(database).check(direct(SAM))


async def test_a_stranger_is_one_until_they_are_met_in_a_server_or_say_otherwise(database: Database) -> None:
    gate, memory = gate_of(database), Memory(database)
    assert await gate.meet(direct(SAM), sharing(False))
    assert not await gate.meet(direct(SAM), sharing(False)), "told once"
    assert await memory.opted_out(SAM, ANNA) == {SAM}
    assert not await gate.meet(in_server(SAM), sharing(False))
    assert await memory.opted_out(SAM) == frozenset()
    assert not await gate.meet(direct(ANNA), sharing(True))
    assert await memory.opted_out(ANNA) == frozenset()
    later = gate_of(database)
    assert await later.meet(by_account(SAM, None), sharing(False))
    await memory.choose(SAM, "memory", is_given=True)
    assert await memory.opted_out(SAM) == frozenset()
    assert [kind for kind, _, _ in (await memory.holdings(SAM)).consents] == ["memory"]


@in_a_file
async def test_whoever_is_named_is_no_stranger(database: Database) -> None:
    gate = gate_of(database, allowed_person_ids=(SAM,))
    assert not await gate.meet(direct(SAM), sharing(False))
    assert not await gate.meet(direct(OWNER), sharing(False))


def test_the_reason_for_a_pause_is_one_line() -> None:
    said = paused_sentence("We\nmove \u202ehouse.")
    assert said == "I am paused for now and take no new questions: We move house."
    assert paused_sentence(" ") == "I am paused for now and take no new questions. Try again later."
