"""Who is served next."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from bot.domain.errors import BotError
from bot.services.turnstile import Turnstile


class Visit:
    """One person's wish to go through, held inside until told to leave."""

    def __init__(self, turnstile: Turnstile, person_id: int, server_id: int | None = None) -> None:
        self.told: list[int] = []
        self._leave = asyncio.Event()
        self.task = asyncio.create_task(self._go(turnstile, person_id, server_id))

    async def _go(self, turnstile: Turnstile, person_id: int, server_id: int | None) -> None:
        async with turnstile.turn(person_id, self.told.append, server_id=server_id):
            await self._leave.wait()

    @property
    def is_inside(self) -> bool:
        return self.told[-1:] == [0] and not self.task.done()

    async def leave(self) -> None:
        self._leave.set()
        await self.task
        await settle()


def gate(*, at_once: int, per_server: int = 9, per_person: int = 1, most_waiting: int = 9, own: int = 9) -> Turnstile:
    return Turnstile(
        at_once=at_once,
        per_server=per_server,
        per_person=per_person,
        most_waiting=most_waiting,
        most_waiting_per_person=own,
    )


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@asynccontextmanager
async def visits(turnstile: Turnstile, *people: int | tuple[int, int]) -> AsyncGenerator[list[Visit]]:
    """People outside of servers, or (person, server)."""
    came = [Visit(turnstile, *(who if isinstance(who, tuple) else (who,))) for who in people]
    await settle()
    yield came
    for visit in came:
        visit.task.cancel()
    await asyncio.gather(*(visit.task for visit in came), return_exceptions=True)


async def test_so_many_at_once_and_the_rest_in_order_knowing_their_place() -> None:
    async with visits(gate(at_once=2), 1, 2, 3, 4) as (one, two, three, four):
        assert [visit.is_inside for visit in (one, two, three, four)] == [True, True, False, False]
        assert (three.told[-1], four.told[-1]) == (1, 2)
        await two.leave()
        assert three.is_inside
        assert four.told[-1] == 1


async def test_a_second_question_of_one_person_does_not_hold_up_others() -> None:
    async with visits(gate(at_once=2), 1, 1, 2) as (first, second, other):
        assert (first.is_inside, second.is_inside, other.is_inside) == (True, False, True)
        await first.leave()
        assert second.is_inside


async def test_who_gives_up_leaves_the_line_and_the_place() -> None:
    async with visits(gate(at_once=1), 1, 2, 3) as (one, two, three):
        two.task.cancel()
        await settle()
        assert three.told[-1] == 1
        one.task.cancel()
        await settle()
        assert three.is_inside


async def test_beyond_the_longest_line_nobody_waits() -> None:
    turnstile = gate(at_once=1, most_waiting=1)
    async with visits(turnstile, 1, 2) as (one, _two):
        with pytest.raises(BotError) as refused:
            async with turnstile.turn(3, lambda _ahead: None, server_id=None):
                pytest.fail("there was no room")
        assert refused.value.code == "busy"
        await one.leave()
        three = Visit(turnstile, 3)
        await settle()
        assert three.told == [1], "there is room in the line again"
        three.task.cancel()
        await asyncio.gather(three.task, return_exceptions=True)


async def test_one_person_may_not_fill_the_line() -> None:
    turnstile = gate(at_once=1, own=2)
    async with visits(turnstile, 1, 1, 1):
        with pytest.raises(BotError) as refused:
            async with turnstile.turn(1, lambda _ahead: None, server_id=7):
                pytest.fail("two of theirs wait already")
        assert refused.value.code == "busy"
        other = Visit(turnstile, 2)
        await settle()
        assert other.told == [1], "who had no turn yet comes before the next of somebody who had"
        other.task.cancel()
        await asyncio.gather(other.task, return_exceptions=True)


async def test_a_busy_server_does_not_hold_up_a_quiet_one() -> None:
    busy = [(person, 100) for person in range(1, 21)]
    async with visits(gate(at_once=2, most_waiting=30), *busy, (50, 200), (60, 300)) as came:
        *crowd, quiet, last = came
        assert sum(visit.is_inside for visit in crowd) == 2
        assert (quiet.told[-1], last.told[-1]) == (1, 2), "they come next, whatever waits before them"
        await crowd[0].leave()
        assert quiet.is_inside
        await crowd[1].leave()
        assert last.is_inside
        await quiet.leave()
        assert crowd[2].is_inside


async def test_one_server_does_not_take_every_place() -> None:
    async with visits(gate(at_once=4, per_server=2), (1, 100), (2, 100), (3, 100), (4, 200)) as came:
        assert [visit.is_inside for visit in came] == [True, True, False, True]
        await came[0].leave()
        assert came[2].is_inside


async def test_servers_take_turns_one_by_one() -> None:
    waiting = [(1, 100), (2, 100), (3, 100), (4, 200), (5, 200), (6, 300)]
    async with visits(gate(at_once=1), (9, 100), *waiting) as came:
        order: list[int] = []
        inside = came[0]
        for _ in waiting:
            await inside.leave()
            (inside,) = [visit for visit in came if visit.is_inside]
            order.append(waiting[came.index(inside) - 1][1])
        assert order == [200, 300, 100, 200, 100, 100]
