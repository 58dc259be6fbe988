"""Choices hold everywhere and can be changed; when a person is forgotten a no stays, and a yes to being heard goes."""

from datetime import timedelta

from bot.memory.consents import MEMORY, VOICE
from bot.memory.store import Memory

from ..database.material import NOON
from .conftest import Clock


async def test_nobody_has_opted_out_who_did_not_choose(memory: Memory) -> None:
    await memory.choose(2, MEMORY, is_given=False)
    await memory.choose(3, MEMORY, is_given=True)
    await memory.choose(4, VOICE, is_given=False)
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


async def test_nobody_is_heard_who_did_not_agree(memory: Memory) -> None:
    await memory.choose(1, MEMORY, is_given=True)
    await memory.choose(2, VOICE, is_given=False)
    await memory.choose(3, VOICE, is_given=True)
    assert await memory.audible() == frozenset()
    assert await memory.audible(1, 2, 3) == {3}
    assert await memory.unasked(1, 2, 3) == {1}


async def test_a_yes_to_being_heard_goes_with_what_is_forgotten_and_a_no_stays(memory: Memory) -> None:
    await memory.choose(1, VOICE, is_given=True)
    await memory.choose(2, VOICE, is_given=False)
    await memory.choose(3, VOICE, is_given=True)
    await memory.forget_person(1)
    await memory.forget_person(2)
    assert await memory.audible(1, 2, 3) == {3}
    assert await memory.unasked(1, 2, 3) == {1}
    assert (await memory.holdings(1)).consents == ()
