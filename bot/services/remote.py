"""Work done in other processes: ordered through a queue, followed in the database, handed over as if done here."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.domain.answer import WantedCall
from bot.domain.ask import Ask
from bot.domain.conversation import PlaceSettings
from bot.domain.errors import BotError, MemoryFault
from bot.domain.events import RunListener
from bot.jobs.order import Order, Outcome, Standing, State, word_of
from bot.jobs.queue import JobQueue
from bot.jobs.table import ENDED, JobTable
from bot.services.chat import Done
from bot.services.parcel import unpack_done, unpack_error, unpack_event
from bot.services.works import Works
from bot.tasks import Tasks

_log = logging.getLogger(__name__)

_LOOK_SECONDS = 0.25
_STOP_SECONDS = 3.0  # a worker that lives stops within one
_AFTER_THOSE_WITHOUT_CLIPS = 1


@dataclass(eq=False, slots=True, kw_only=True)
class _Followed:
    """A job of ours on its way. `revision` is what was passed on last, of this `run` `number` events and `text`."""

    listener: RunListener
    end: "asyncio.Future[State]"
    is_ordered: bool = False
    revision: int = 0
    run: str = ""
    number: int = 0
    text: str = field(default="", repr=False)


class RemoteWorks:
    """See Works and Elsewhere. `own` does what needs no worker. `is_leaving`: this process ends, so work that another
    will ask for again goes on without it."""

    def __init__(
        self,
        table: JobTable,
        queue: JobQueue,
        own: Works,
        *,
        lease_seconds: float,
        is_leaving: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._queue = queue
        self._own = own
        self._lease_seconds = lease_seconds
        self._is_leaving = is_leaving
        self._clock = clock
        self._followed: dict[str, _Followed] = {}
        self._news = asyncio.Event()
        self._tasks = Tasks()

    def start(self) -> None:
        """Follow what is ordered from now on."""
        self._tasks.spawn(self._follow(), name="following jobs")
        self._tasks.spawn(self._tidy(), name="tidying jobs")
        self._tasks.spawn(self._table.database.listen(ENDED, self._news.set), name="listening for ends")

    async def aclose(self) -> None:
        """Follow nothing more."""
        await self._tasks.finish(0)

    async def serve(self, ask: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        """Ordered once: who asks again for the same job gets what comes of it."""
        job_id = ask.job_id
        followed = _Followed(listener=listener, end=asyncio.get_running_loop().create_future())
        self._followed[job_id] = followed
        try:
            state = await self._table.put(Order(ask=ask, place=place, priority=_priority(ask)))
            if state is State.QUEUED:
                await self._queue.announce([word_of(job_id, 0)])
            if state is not State.LOST:
                followed.is_ordered = True
                self._news.set()
                state = await followed.end
            outcome = await self._table.outcome(job_id) or Outcome()
        except asyncio.CancelledError:
            await asyncio.shield(asyncio.create_task(self._give_up(job_id), name=f"giving up {job_id}"))
            raise
        finally:
            self._followed.pop(job_id, None)
        stays = False
        try:
            done = _handed_over(state, outcome)
            stays = done.quote is None  # until the job is finished; what has a price is ordered once more
            return done
        finally:
            if not stays:
                await self._drop(job_id)

    async def carry_out(self, call: WantedCall, ask: Ask) -> str:
        """In this process, which has the same plugins."""
        return await self._own.carry_out(call, ask)

    async def _drop(self, job_id: str) -> None:
        try:
            await self._table.drop(job_id)
        except MemoryFault as fault:
            _log.warning("job %s: it was not taken out of the table: %s", job_id, fault.code)

    async def stop(self, which: Callable[[Ask], bool]) -> None:
        """What other gateways ordered ends here, too; nothing is kept of it after this returns, unless its worker
        cannot be reached."""
        ids = [ask.job_id for ask in await self.elsewhere() if which(ask)]
        if ids:
            await self._table.cancel(ids)
            await self._stopped(ids)

    async def elsewhere(self) -> tuple[Ask, ...]:
        """What other gateways ordered and have not got yet."""
        return tuple(ask for ask in await self._table.asks() if ask.job_id not in self._followed)

    async def _give_up(self, job_id: str) -> None:
        """Whoever asked wants it no more; or this process ends."""
        try:
            if self._is_leaving():
                return
            await self._table.cancel([job_id])
            await self._stopped([job_id])
            await self._table.drop(job_id)
        except MemoryFault as fault:
            _log.warning("job %s: it could not be cancelled: %s", job_id, fault.code)

    async def _stopped(self, job_ids: list[str]) -> None:
        until = self._clock() + _STOP_SECONDS
        while self._clock() < until:
            standings = await self._table.standings(job_ids)
            if not any(one.state is State.RUNNING for one in standings.values()):
                return
            await asyncio.sleep(0.05)
        _log.warning("a worker did not stop in time; its lease ends in %.0f s", self._lease_seconds)

    async def _follow(self) -> None:
        seen_at = self._clock()
        while True:
            if self._followed:
                try:
                    await self._look()
                    seen_at = self._clock()
                except MemoryFault as fault:
                    if self._clock() - seen_at > self._lease_seconds:
                        self._fail(fault)
            else:
                seen_at = self._clock()
                await self._news.wait()
            self._news.clear()
            try:
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._news.wait()
            except TimeoutError:
                pass

    async def _look(self) -> None:
        """One question to the database for all that is followed, and one for each that has news."""
        followed = {job_id: one for job_id, one in self._followed.items() if one.is_ordered}
        standings = await self._table.standings(followed)
        for job_id, one in followed.items():
            standing = standings.get(job_id)
            if one.end.done():
                continue
            if standing is None:
                one.end.set_result(State.LOST)
            elif standing.revision != one.revision or standing.state not in _UNDER_WAY:
                await self._pass_on(one, standing)

    async def _pass_on(self, one: _Followed, standing: Standing) -> None:
        shown = await self._table.shown(standing.job_id)
        if shown is not None:
            _tell(one, json.loads(shown.progress), shown.text)
        one.revision = standing.revision
        if standing.state not in _UNDER_WAY and not one.end.done():
            one.end.set_result(standing.state)

    async def _tidy(self) -> None:
        while True:
            try:
                await self._queue.announce(await self._table.tidy())
            except MemoryFault as fault:
                _log.warning("the table of jobs was not tidied: %s", fault.code)
            await asyncio.sleep(self._lease_seconds / 3)

    def _fail(self, fault: MemoryFault) -> None:
        for one in self._followed.values():
            if not one.end.done():
                one.end.set_exception(fault)


_UNDER_WAY = (State.QUEUED, State.RUNNING)


def _tell(one: _Followed, progress: dict[str, Any], text: str) -> None:
    """What is new. Another run begins with the event that it has started, and with no words."""
    run = progress.get("run", one.run)
    if run != one.run:
        one.run, one.number, one.text = run, 0, ""
    for packed in progress.get("events", ()):
        if packed["number"] > one.number:
            one.number = packed["number"]
            event = unpack_event({name: value for name, value in packed.items() if name != "number"})
            if event is not None:
                one.listener.event(event)
    if len(text) > len(one.text):
        one.listener.text(text[len(one.text) :])
        one.text = text


def _priority(ask: Ask) -> int:
    """What takes a moment goes before what takes minutes."""
    return 0 if not ask.clips and ask.voice_question is None else _AFTER_THOSE_WITHOUT_CLIPS


def _handed_over(state: State, outcome: Outcome) -> Done:
    match state:
        case State.DONE if outcome.result is not None:
            return unpack_done(outcome.result, outcome.data or b"")
        case State.FAILED if outcome.error is not None:
            raise unpack_error(outcome.error)
        case State.DEAD if outcome.error is None:
            raise BotError("gave_up", "I was interrupted at this several times. Ask again, or try a shorter clip.")
        case State.DEAD:
            raise RuntimeError("it failed in each worker that tried it; their logs say why")
        case _:
            raise BotError("withdrawn", "The question was deleted, so there is nothing to answer.")
