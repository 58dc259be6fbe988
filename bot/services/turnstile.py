"""Who is served next: so many at once, so many per person, the rest in the order they came."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.domain.errors import BotError


@dataclass(eq=False, slots=True, kw_only=True)
class _Waiter:
    person_id: int
    ahead: Callable[[int], None]
    turn: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turnstile:
    """Lets `at_once` through, at most `per_person` of one person, and refuses beyond `most_waiting`, of which one
    person may take half."""

    def __init__(self, *, at_once: int, per_person: int, most_waiting: int) -> None:
        self._at_once = at_once
        self._per_person = per_person
        self._most_waiting = most_waiting
        self._inside: Counter[int] = Counter()
        self._waiting: list[_Waiter] = []

    @asynccontextmanager
    async def turn(self, person_id: int, ahead: Callable[[int], None]) -> AsyncGenerator[None]:
        """Wait for one's turn; `ahead` is told how many come before, 0 when it has come.

        Raises BotError (code busy) when too many wait already.
        """
        if not self._may_enter(person_id) and not self._may_wait(person_id):
            raise BotError("busy", "Too many questions are waiting here. Ask again in a few minutes.")
        waiter = _Waiter(person_id=person_id, ahead=ahead)
        self._waiting.append(waiter)
        try:
            self._admit()
            await waiter.turn
            ahead(0)
            yield
        finally:
            if waiter.turn.done() and not waiter.turn.cancelled():
                self._inside[person_id] -= 1
                self._inside += Counter()
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            self._admit()

    def _may_enter(self, person_id: int) -> bool:
        return self._inside.total() < self._at_once and self._inside[person_id] < self._per_person

    def _may_wait(self, person_id: int) -> bool:
        own = sum(waiter.person_id == person_id for waiter in self._waiting)
        return len(self._waiting) < self._most_waiting and 2 * own < self._most_waiting

    def _admit(self) -> None:
        """Let in whoever may go, in order; one person's second question does not hold up the others."""
        for waiter in list(self._waiting):
            if self._may_enter(waiter.person_id):
                self._waiting.remove(waiter)
                self._inside[waiter.person_id] += 1
                waiter.turn.set_result(None)
        for place, waiter in enumerate(self._waiting, start=1):
            waiter.ahead(place)
