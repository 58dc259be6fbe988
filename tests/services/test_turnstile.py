"""Who is served next."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from bot.domain.errors import BotError
from bot.services.turnstile import Turnstile


class Visit:
    """One person's wish to go through, held inside until told to leave."""

    def __init__(self, turnstile: Turnstile, person_id: int) -> None:
        self.told: list[int] = []
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._go(turnstile, person_id))

    async def _go(self, turnstile: Turnstile, person_id: int) -> None:
        async with turnstile.turn(person_id, self.told.append):
            await self._leave.wait()

    @property
    def is_inside(self) -> bool:
        return self.told[-1:] == [0] and not self.task.done()

    async def leave(self) -> None:
        self._leave.set()
        await self.task
        await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def visits(turnstile: Turnstile, *people: int) -> AsyncGenerator[list[Visit]]:
    came = [Visit(turnstile, person) for person in people]
    await settle()
    yield came
    for visit in came:
        visit.task.cancel()
    await asyncio.gather(*(visit.task for visit in came), return_exceptions=True)


async def test_so_many_at_once_and_the_rest_in_order_knowing_their_place() -> None:
    async with visits(Turnstile(at_once=2, per_person=1, most_waiting=9), 1, 2, 3, 4) as (one, two, three, four):
        assert [visit.is_inside for visit in (one, two, three, four)] == [True, True, False, False]
        assert (three.told[-1], four.told[-1]) == (1, 2)
        await two.leave()
        assert three.is_inside
        assert four.told[-1] == 1


async def test_a_second_question_of_one_person_does_not_hold_up_others() -> None:
    async with visits(Turnstile(at_once=2, per_person=1, most_waiting=9), 1, 1, 2) as (first, second, other):
        assert (first.is_inside, second.is_inside, other.is_inside) == (True, False, True)
        await first.leave()
        assert second.is_inside


async def test_who_gives_up_leaves_the_line_and_the_place() -> None:
    async with visits(Turnstile(at_once=1, per_person=1, most_waiting=9), 1, 2, 3) as (one, two, three):
        two.task.cancel()
        await settle()
        assert three.told[-1] == 1
        one.task.cancel()
        await settle()
        assert three.is_inside


async def test_beyond_the_longest_line_nobody_waits() -> None:
    turnstile = Turnstile(at_once=1, per_person=1, most_waiting=1)
    async with visits(turnstile, 1, 2) as (one, _two):
        with pytest.raises(BotError) as refused:
            async with turnstile.turn(3, lambda _ahead: None):
                pytest.fail("there was no room")
        assert refused.value.code == "busy"
        await one.leave()
        three = Visit(turnstile, 3)
        await settle()
        assert three.told == [1], "there is room in the line again"
        three.task.cancel()
        await asyncio.gather(three.task, return_exceptions=True)
