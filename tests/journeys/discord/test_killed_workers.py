"""SIGKILL of workers under SAQ at any moment of whole journeys: another goes on with what they had, and whoever asks
sees nothing of it. The gateway runs in the process of the test, each worker in one of its own."""

import asyncio
import random
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from bot.config import Duty
from bot.database.engine import Database
from bot.database.where import Where
from tests.databases import POSTGRESQL, only
from tests.journeys.discord.killed import KILLS, SEED, SETTINGS, Asking, answer_to
from tests.journeys.discord.outside import Process, started
from tests.redis_server import empty
from tests.simulator.discord_server import Channel, DiscordServer, Person
from tests.simulator.openai_server import HonestMind, OpenAIEmulator
from tests.simulator.running import environment, running_bot

_WORKERS = 2
_LEASE_SECONDS = 4
_ROUNDS_UNDISTURBED = 2
_READY = "Working on up to"


@pytest.fixture(params=["redis", "postgresql"])
def queue(request: pytest.FixtureRequest) -> dict[str, object]:
    """Each worker has one question at a time, so two questions keep both busy."""
    chosen: dict[str, object] = {
        "QUEUE__ENGINE": "saq",
        "QUEUE__AT_ONCE": 1,
        "QUEUE__LEASE_SECONDS": _LEASE_SECONDS,
    }
    if request.param == "redis":
        chosen["QUEUE__URL"] = url = request.getfixturevalue("redis")
        empty(url)
    return chosen


@only(POSTGRESQL)
@pytest.mark.timeout(90 + 60 * KILLS)
async def test_every_question_is_answered_once_and_paid_once(
    queue: dict[str, object],
    where: Where,
    database: Database,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    general: Channel,
    anna: Person,
    ben: Person,
    tmp_path: Path,
) -> None:
    settings = {**SETTINGS, **queue, "DATA__URL": where.url}
    cloud.mind = HonestMind(answers=answer_to)
    dice = random.Random(SEED)
    asking = Asking(discord, general, anna, ben, tmp_path)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(running_bot(discord, cloud, tmp_path / "data", duty=Duty.GATEWAY, **settings))

        async def begin() -> Process:
            folder = tmp_path / "worker"
            folder.mkdir(exist_ok=True)
            told = environment(discord, cloud, folder / "data", **settings)
            return await stack.enter_async_context(started(folder, told, "bot", "run", "--role", "worker"))

        workers = [await begin() for _ in range(_WORKERS)]
        for worker in workers:
            await worker.says(_READY)
        loop = asyncio.get_running_loop()
        longest = 1.0
        for number in range(_ROUNDS_UNDISTURBED + KILLS):
            began = loop.time()
            journeys = [await asking.ask() for _ in range(_WORKERS)]
            if number >= _ROUNDS_UNDISTURBED:
                await asyncio.sleep(dice.uniform(0.0, 1.1 * longest))
                await kill(workers.pop(dice.randrange(_WORKERS)))
                workers.append(await begin())
            for journey in journeys:
                await asking.done(journey)
            if number < _ROUNDS_UNDISTURBED:  # to learn how long they take
                longest = max(longest, loop.time() - began)
        for worker in workers:
            await worker.says(_READY)
            worker.send(signal.SIGTERM)
            assert await worker.end() == 0
            assert "Traceback" not in worker.errors, worker.errors
    await asking.check(cloud, database)


async def kill(worker: Process) -> None:
    worker.send(signal.SIGKILL)
    await worker.end()
    assert "Traceback" not in worker.errors, worker.errors
