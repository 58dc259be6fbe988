"""Choices hold everywhere, can be changed, and stay when a person is forgotten."""

from datetime import timedelta

from bot.memory.consents import MEMORY
from bot.memory.store import Memory

from ..database.material import NOON
from .conftest import Clock


async def test_nobody_has_opted_out_who_did_not_choose(memory: Memory) -> None:
    await memory.choose(2, MEMORY, is_given=False)
    await memory.choose(3, MEMORY, is_given=True)
    await memory.choose(4, "voice", is_given=False)
    assert await memory.opted_out() == frozenset()
    assert await memory.opted_out(1, 2, 3, 4) == {2}


async def test_the_last_choice_holds_and_stays(memory: Memory, clock: Clock) -> None:
    await memory.choose(1, MEMORY, is_given=False)
    await memory.forget_person(1)
    assert await memory.opted_out(1) == {1}
    clock.pass_by(days=1)
    await memory.choose(1, MEMORY, is_given=True)
    assert await memory.opted_out(1) == frozenset()
    assert (await memory.holdings(1)).consents == ((MEMORY, True, NOON + timedelta(days=1)),)
