"""A worker in a process of its own, for tests that kill it: `python -m tests.jobs.working` with its orders in JSON.

It says what it begins. A job ends when its name is written to its input; one that is not named runs for ever. `skew`
sets every clock that its libraries read wrong by so many seconds.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.config import QueueSettings
from bot.database.engine import open_database
from bot.database.where import Where
from bot.jobs.engines import open_queue, owner_name
from bot.jobs.order import Claim, Outcome
from bot.jobs.runner import Report, Runner
from bot.jobs.table import JobTable


async def work(folder: str, url: str | None, queue: dict[str, object], skew: float) -> None:
    done: dict[str, asyncio.Event] = {}

    async def serve(claim: Claim, _: Report) -> Outcome:
        print(f"begun {claim.job_id} {claim.attempt}", flush=True)
        await done.setdefault(claim.job_id, asyncio.Event()).wait()
        return Outcome(result="by the process")

    def wrong() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=skew)

    settings = QueueSettings.model_validate(queue)
    async with open_database(Where(directory=Path(folder), url=url)) as database:
        engine = open_queue(settings, database, database_url=url or "")
        table = JobTable(database, clock=wrong)
        runner = Runner(table, engine, serve, owner=owner_name(), at_once=2, lease_seconds=settings.lease_seconds)
        working = asyncio.create_task(runner.work(grace_seconds=0))
        while line := await asyncio.to_thread(sys.stdin.readline):
            done.setdefault(line.strip(), asyncio.Event()).set()
        runner.stop()
        await working


def main() -> None:
    orders = json.loads(sys.argv[1])
    right = time.time
    time.time = lambda: right() + orders["skew"]
    asyncio.run(work(**orders))


if __name__ == "__main__":
    main()
