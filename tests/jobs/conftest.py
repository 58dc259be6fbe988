"""Every engine of queues, each on its real server, with a table of jobs beside it."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from bot.config import QueueSettings
from bot.database.engine import Database, open_database
from bot.database.where import Where
from bot.domain.conversation import PlaceSettings
from bot.jobs.engines import open_queue, owner_name
from bot.jobs.intake import Intake
from bot.jobs.order import Claim, Order, Outcome, Standing, State, word_of
from bot.jobs.queue import JobQueue
from bot.jobs.runner import Report, Runner
from bot.jobs.table import JobTable
from tests.postgres import Cluster
from tests.redis_server import empty

from ..database.material import ask, message

ENGINES = ("builtin-sqlite", "builtin-postgresql", "saq-redis", "saq-postgresql")
LEASE_SECONDS = 30.0
"""Long enough for a machine that has much else to do."""

_UNDER_WAY = {State.QUEUED, State.RUNNING}

Serve = Callable[[Claim, Report], Awaitable[Outcome]]


class Process:
    """A worker that can be killed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def begins(self) -> str:
        """The next job it begins."""
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            return (await self._process.stdout.readline()).decode().split()[1]

    def end(self, job_id: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{job_id}\n".encode())

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()


@dataclass(slots=True)
class Bench:
    """One engine at work. `served` tells which attempts at which jobs were begun here, in order."""

    database: Database
    where: Where
    settings: QueueSettings
    table: JobTable
    served: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    queues: list[JobQueue] = field(default_factory=list[JobQueue])

    def queue(self) -> JobQueue:
        """As a process of its own would have one; on SQLite there is one process."""
        if self.where.url is None and self.queues:
            return self.queues[0]
        made = open_queue(self.settings, self.database, database_url=self.where.url or "")
        self.queues.append(made)
        return made

    async def put(self, number: int, *, priority: int = 0) -> str:
        """Asked, ordered and announced."""
        asked = replace(ask(number), source=message(number))
        await Intake(self.database).accept(asked, reply_to=None)
        state = await self.table.put(Order(ask=asked, place=PlaceSettings(), priority=priority))
        if state is State.QUEUED:
            await (self.queues[0] if self.queues else self.queue()).announce([word_of(asked.job_id, 0)])
        return asked.job_id

    @asynccontextmanager
    async def worker(
        self, serve: Serve, *, at_once: int = 2, grace_seconds: float = 0, pause: Callable[[int], float] = lambda _: 0
    ) -> AsyncIterator[Runner]:
        """At work for as long as the block lasts, then told to stop."""

        async def noted(claim: Claim, report: Report) -> Outcome:
            self.served.append((claim.job_id, claim.attempt))
            return await serve(claim, report)

        runner = Runner(
            self.table,
            self.queue(),
            noted,
            owner=owner_name(),
            at_once=at_once,
            lease_seconds=self.settings.lease_seconds,
            pause=pause,
        )
        working = asyncio.create_task(runner.work(grace_seconds=grace_seconds))
        try:
            yield runner
        finally:
            runner.stop()
            await working

    @asynccontextmanager
    async def process(self, *, skew: float) -> AsyncIterator[Process]:
        """A worker in a process of its own, whose clock is wrong by `skew` seconds."""
        orders = {
            "folder": str(self.where.directory),
            "url": self.where.url,
            "queue": self.settings.model_dump(mode="json", exclude={"url"}) | {"url": self._url()},
            "skew": skew,
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.jobs.working",
            json.dumps(orders),
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        running = Process(process)
        try:
            yield running
        finally:
            if process.returncode is None:
                await running.kill()

    def _url(self) -> str | None:
        return None if self.settings.url is None else self.settings.url.get_secret_value()

    async def standing(self, job_id: str) -> Standing:
        return (await self.table.standings([job_id]))[job_id]

    async def until(self, job_id: str, *states: State) -> Standing:
        """Wait until it is in one of these."""
        async with asyncio.timeout(30):
            while True:
                standing = await self.standing(job_id)
                if standing.state in states:
                    return standing
                await asyncio.sleep(0.02)

    async def until_all(self, job_ids: list[str], state: State) -> None:
        """Wait until all have come to an end, which is this one."""
        async with asyncio.timeout(600):
            while True:
                states = {one.state for one in (await self.table.standings(job_ids)).values()}
                if not states & _UNDER_WAY:
                    break
                await asyncio.sleep(0.05)
        assert states == {state}

    def lease(self, seconds: float) -> None:
        """From now on, of workers and queues that are made."""
        self.settings = self.settings.model_copy(update={"lease_seconds": seconds})


@pytest.fixture(params=ENGINES)
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    engine, _, server = request.param.partition("-")
    chosen: dict[str, object] = {"engine": engine, "lease_seconds": LEASE_SECONDS}
    if server == "redis":
        chosen["url"] = request.getfixturevalue("redis")
        empty(str(chosen["url"]))
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    if server == "sqlite":
        shutil.copy(request.getfixturevalue("migrated"), directory / "kibitz.db")
        where, closing = Where(directory=directory), None
    else:
        cluster: Cluster = request.getfixturevalue("postgres")
        closing = cluster.database()
        where = Where(directory=directory, url=closing.__enter__())
    try:
        async with open_database(where) as database:
            made = Bench(database, where, QueueSettings.model_validate(chosen), JobTable(database))
            yield made
            for queue in made.queues:
                await queue.aclose()
    finally:
        if closing is not None:
            closing.__exit__(None, None, None)
