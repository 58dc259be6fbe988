"""A gateway and workers over PostgreSQL: questions go through a queue to whoever is free, and nothing is seen of that.

The gateway runs in the process of the test, each worker is a process of its own, started as an operator starts it.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bot.config import Duty
from bot.database.where import Where
from tests.databases import POSTGRESQL, only
from tests.journeys.discord.held import held
from tests.journeys.discord.outside import Process, started
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Person
from tests.simulator.openai_server import HonestMind, OpenAIEmulator
from tests.simulator.running import environment, running_bot

pytestmark = only(POSTGRESQL)

READY = "Working on up to"
STOPPED = "Stopped. Nothing more is spent on this."

StartWorker = Callable[[], AbstractAsyncContextManager[Process]]


@pytest.fixture
def settings(where: Where) -> dict[str, object]:
    return {"DATA__URL": where.url, "QUEUE__LEASE_SECONDS": 1.5, "JOBS__SHUTDOWN_SECONDS": 1}


@pytest.fixture
async def worker(
    discord: DiscordServer, cloud: OpenAIEmulator, settings: dict[str, object], tmp_path: Path
) -> StartWorker:
    names = iter(range(9))

    @asynccontextmanager
    async def start() -> AsyncIterator[Process]:
        folder = tmp_path / f"worker-{next(names)}"
        folder.mkdir()
        told = environment(discord, cloud, folder / "data", **settings)
        async with started(folder, told, "bot", "run", "--role", "worker") as process:
            await process.says(READY)
            yield process

    return start


@pytest.fixture
async def gateway(
    discord: DiscordServer, cloud: OpenAIEmulator, club: Guild, settings: dict[str, object], tmp_path: Path
) -> AsyncIterator[None]:
    async with running_bot(discord, cloud, tmp_path / "data", duty=Duty.GATEWAY, **settings):
        yield


@pytest.mark.usefixtures("gateway")
async def test_a_worker_that_is_killed_is_followed_by_another_and_one_that_is_told_to_stop_hands_back(
    worker: StartWorker, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(worker())
        with held(cloud, "answer", answers="It is green.") as mind:
            asked = await anna.post("@bot what colour?", snap, to=general)
            await discord.bot.until(lambda: mind.begun["answer"] == 1, timeout=30)
            second = await stack.enter_async_context(worker())
            first.send(signal.SIGKILL)
            await discord.bot.until(lambda: mind.begun["answer"] == 2, timeout=30)
            progress = await discord.bot.reply(asked, settled=lambda m: any(b.label == "Cancel" for b in m.buttons))
        answer = await discord.bot.reply(asked, settled=lambda m: m.is_settled and "green" in m.content, timeout=30)
        assert answer is progress
        assert len(cloud.captions) == 1, "what the first worker had paid for is not paid for again"
        print(answer.content, second.errors)
