"""Who is served next: so many at once, so many per server and person, one server after the other."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.domain.errors import BotError


@dataclass(eq=False, slots=True, kw_only=True)
class _Waiter:
    person_id: int
    place: Hashable
    ahead: Callable[[int], None]
    turn: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Turnstile:
    """Lets `at_once` through, at most `per_server` of one server and `per_person` of one person, and refuses beyond
    `most_waiting`, of which `most_waiting_per_person` may be of one. Servers take turns, so that a busy one does not
    hold up the others; within one it is first come, first served."""

    def __init__(
        self, *, at_once: int, per_server: int, per_person: int, most_waiting: int, most_waiting_per_person: int
    ) -> None:
        self._at_once = at_once
        self._per_server = per_server
        self._per_person = per_person
        self._most_waiting = most_waiting
        self._most_waiting_per_person = most_waiting_per_person
        self._people: Counter[int] = Counter()
        self._places: Counter[Hashable] = Counter()
        self._served: dict[Hashable, int] = {}  # when a place had its last turn, of those that wait or are inside
        self._turns = 0
        self._waiting: list[_Waiter] = []

    @asynccontextmanager
    async def turn(
        self, person_id: int, ahead: Callable[[int], None], *, server_id: int | None
    ) -> AsyncGenerator[None]:
        """Wait for one's turn; `ahead` is told how many come before, 0 when it has come. `server_id` None: a person
        outside of servers is a place of their own.

        Raises BotError (code busy) when too many wait already.
        """
        place = ("person", person_id) if server_id is None else ("server", server_id)
        waiter = _Waiter(person_id=person_id, place=place, ahead=ahead)
        if not self._may_enter(waiter) and not self._may_wait(person_id):
            raise BotError("busy", "Too many questions are waiting here. Ask again in a few minutes.")
        self._waiting.append(waiter)
        try:
            self._admit()
            await waiter.turn
            ahead(0)
            yield
        finally:
            if waiter.turn.done() and not waiter.turn.cancelled():
                self._people[person_id] -= 1
                self._places[place] -= 1
                self._people += Counter()
                self._places += Counter()
            if waiter in self._waiting:
                self._waiting.remove(waiter)
            self._admit()

    def _may_enter(self, waiter: _Waiter) -> bool:
        return (
            not waiter.turn.done()  # who gave up just now still stands in line
            and self._people.total() < self._at_once
            and self._places[waiter.place] < self._per_server
            and self._people[waiter.person_id] < self._per_person
        )

    def _may_wait(self, person_id: int) -> bool:
        own = sum(waiter.person_id == person_id for waiter in self._waiting)
        return len(self._waiting) < self._most_waiting and own < self._most_waiting_per_person

    def _admit(self) -> None:
        """Let in whoever may go; a second question of one person, or of a busy server, does not hold up the others."""
        while (chosen := next(filter(self._may_enter, self._in_order()), None)) is not None:
            self._waiting.remove(chosen)
            self._people[chosen.person_id] += 1
            self._places[chosen.place] += 1
            self._turns += 1
            self._served[chosen.place] = self._turns
            chosen.turn.set_result(None)
        here = {waiter.place for waiter in self._waiting} | self._places.keys()
        self._served = {place: at for place, at in self._served.items() if place in here}
        for place, waiter in enumerate(self._in_order(), start=1):
            waiter.ahead(place)

    def _in_order(self) -> list[_Waiter]:
        """As they would be let in now: each place's first, the place that waits longest before the others, then each
        place's second, and so on."""
        rounds: Counter[Hashable] = Counter()
        ranked: list[tuple[int, int, int, _Waiter]] = []
        for came, waiter in enumerate(self._waiting):
            ranked.append((rounds[waiter.place], self._served.get(waiter.place, 0), came, waiter))
            rounds[waiter.place] += 1
        return [waiter for *_, waiter in sorted(ranked, key=lambda rank: rank[:3])]
