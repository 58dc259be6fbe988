"""A worker's hands: jobs begun, kept while they are worked on, stopped when nobody wants them, ended in the table."""

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

from bot.domain.errors import MemoryFault
from bot.jobs.order import Claim, Outcome, State, word_of
from bot.jobs.queue import JobQueue
from bot.jobs.table import JobTable

_log = logging.getLogger(__name__)

Report = Callable[[str, str], Awaitable[bool]]
"""Tells progress and the words so far; False: the job is not ours any more."""

Serve = Callable[[Claim, Report], Awaitable[Outcome]]
"""Does a job. Whatever it raises is tried again."""

_LOOK_SECONDS = 0.5  # a job that is cancelled stops within a second
_LONGEST_BACKOFF_SECONDS = 30.0
_PAUSE_SECONDS = 0.2


class _Why(Enum):
    """Why a job is stopped."""

    UNWANTED = auto()
    LOST = auto()
    HANDED_BACK = auto()


@dataclass(eq=False, slots=True, kw_only=True)
class _Held:
    claim: Claim
    kept_at: float
    task: "asyncio.Task[None] | None" = None
    why: _Why | None = None
    is_ending: bool = False

    def stop(self, why: _Why) -> None:
        if self.task is not None and not self.is_ending and self.why is None:
            self.why = why
            self.task.cancel()


def backoff(attempt: int) -> float:
    """Seconds before the next attempt: 1 to 30, half of it by chance."""
    return min(_LONGEST_BACKOFF_SECONDS, 2.0**attempt) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret


class Runner:
    """One worker. A lease is prolonged three times in its length; when that fails for the whole of it, the job belongs
    to somebody else and is stopped here."""

    def __init__(
        self,
        table: JobTable,
        queue: JobQueue,
        serve: Serve,
        *,
        owner: str,
        at_once: int,
        lease_seconds: float,
        pause: Callable[[int], float] = backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._table = table
        self._queue = queue
        self._serve = serve
        self._owner = owner
        self._at_once = at_once
        self._lease_seconds = lease_seconds
        self._pause = pause
        self._clock = clock
        self._busy = 0
        self._freed = asyncio.Event()
        self._held: dict[str, _Held] = {}
        self._outlived: set[str] = set()  # their leases ended before they did
        self._until = asyncio.Event()
        self._seen_at = clock()

    @property
    def running(self) -> int:
        """How many jobs are worked on."""
        return len(self._held)

    @property
    def unseen_seconds(self) -> float:
        """How long ago the table was seen."""
        return self._clock() - self._seen_at

    @property
    def sees_its_table(self) -> bool:
        """Whether what is worked on is surely still ours."""
        return self.unseen_seconds < self._lease_seconds

    def stop(self) -> None:
        """Begin nothing more."""
        self._until.set()
        self._freed.set()

    async def work(self, *, grace_seconds: float) -> None:
        """Until `stop`; what runs then may take so long, and what does not end is handed back."""
        watching = asyncio.create_task(self._watch(), name="leases")
        try:
            await self._queue.attend(self._begin, at_once=self._at_once, until=self._until)
            await self._drain(grace_seconds)
        finally:
            self.stop()
            await self._drain(0)
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _begin(self) -> "asyncio.Task[None] | None":
        while self._busy >= self._at_once and not self._until.is_set():
            self._freed.clear()
            await self._freed.wait()
        if self._until.is_set():
            return None
        self._busy += 1
        held: _Held | None = None
        try:
            now = self._clock()
            claim = await self._table.claim(self._owner, lease_seconds=self._lease_seconds)
            if claim is None:
                return None
            self._held[claim.job_id] = held = _Held(claim=claim, kept_at=now)
            held.task = asyncio.create_task(self._do(held), name=f"job {claim.job_id}")
            return held.task
        finally:
            if held is None:
                self._free()

    async def _do(self, held: _Held) -> None:
        claim = held.claim
        try:
            is_ours = await self._settle(held, await self._outcome(held))
        except MemoryFault as fault:
            _log.warning("job %s: its end was not written, so it will be begun again: %s", claim.job_id, fault.code)
            self._outlived.add(claim.job_id)
        else:
            if not is_ours:
                self._outlived.add(claim.job_id)
        finally:
            self._held.pop(claim.job_id, None)
            self._free()

    def _free(self) -> None:
        self._busy -= 1
        self._freed.set()

    async def _outcome(self, held: _Held) -> Outcome | None:
        """None: it was stopped, or failed in a way that may not repeat."""
        claim = held.claim
        try:
            return await self._serve(claim, partial(self._report, claim))
        except asyncio.CancelledError:
            if held.why is None:
                raise
        except Exception:  # noqa: BLE001 - whatever it was, the worker goes on and the job is tried again
            _log.exception("job %s failed at attempt %d", claim.job_id, claim.attempt)
        return None

    async def _settle(self, held: _Held, outcome: Outcome | None) -> bool:
        """In the table, within the lease: afterwards it is not ours to say. False: it was not."""
        held.is_ending = True
        while True:
            try:
                return await self._write(held, outcome)
            except MemoryFault:
                if self._clock() - held.kept_at > self._lease_seconds:
                    raise
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _write(self, held: _Held, outcome: Outcome | None) -> bool:
        claim, owner, is_ours = held.claim, self._owner, False
        if outcome is not None:
            state = State.DONE if outcome.error is None else State.FAILED
            is_ours = await self._table.end(claim, owner, state, outcome)
        elif held.why is _Why.UNWANTED:
            is_ours = await self._table.end(claim, owner, State.CANCELLED, Outcome())
        elif held.why is None:
            seconds = self._pause(claim.attempt)
            is_ours = await self._table.again(claim, owner, seconds=seconds)
            await self._queue.announce([word_of(claim.job_id, claim.attempt, "/again")], delay_seconds=seconds)
        elif held.why is _Why.HANDED_BACK:
            is_ours = await self._table.again(claim, owner, seconds=0, counts=False)
            await self._queue.announce([word_of(claim.job_id, claim.attempt, "/back")])
        return is_ours

    async def _report(self, claim: Claim, progress: str, text: str) -> bool:
        return await self._table.report(claim, self._owner, progress=progress, text=text)

    async def _drain(self, seconds: float) -> None:
        tasks = {held.task for held in self._held.values() if held.task is not None}
        if tasks and seconds > 0:
            await asyncio.wait(tasks, timeout=seconds)
        for held in list(self._held.values()):
            held.stop(_Why.HANDED_BACK)
        while tasks := {held.task for held in self._held.values() if held.task is not None}:
            await asyncio.wait(tasks)

    async def _watch(self) -> None:
        """While this runs nobody else takes what is held, and what nobody wants stops."""
        tidied_at = -self._lease_seconds
        while True:
            try:
                await self._look()
                if self._clock() - tidied_at >= self._lease_seconds / 3:
                    tidied_at = self._clock()
                    await self._queue.announce(await self._table.tidy())
                self._seen_at = self._clock()
            except MemoryFault as fault:
                _log.warning("the table of jobs was not seen: %s", fault.code)
                self._let_go()
            await asyncio.sleep(min(_LOOK_SECONDS, self._lease_seconds / 6))

    async def _look(self) -> None:
        if outlived := set(self._outlived):
            await self._table.outlived(outlived)
            self._outlived -= outlived
        held = {job_id: one for job_id, one in self._held.items() if not one.is_ending}
        if not held:
            return
        now = self._clock()
        wanted = await self._table.wanted(self._owner, held)
        for job_id, one in held.items():
            if job_id not in wanted:
                one.stop(_Why.UNWANTED)
        due = [one.claim.job_id for one in held.values() if now - one.kept_at >= self._lease_seconds / 3]
        if due:
            for job_id in await self._table.keep(self._owner, due, lease_seconds=self._lease_seconds):
                held[job_id].kept_at = now

    def _let_go(self) -> None:
        """Of what is surely not ours any more."""
        for held in list(self._held.values()):
            if self._clock() - held.kept_at > self._lease_seconds:
                held.stop(_Why.LOST)
