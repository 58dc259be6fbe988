"""A gateway and workers over PostgreSQL: questions go through a queue to whoever is free, and nothing is seen of that.

The gateway runs in the process of the test, each worker is a process of its own, started as an operator starts it.
KIBITZ_LEASE_SECONDS: how long a job stays with a worker that is not heard of; 30 is what operators have.
"""

import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bot.config import Duty
from bot.database.where import Where
from tests.databases import POSTGRESQL, only
from tests.journeys.discord.held import held
from tests.journeys.discord.outside import Process, started
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.openai_server import OpenAIEmulator
from tests.simulator.running import environment, running_bot

pytestmark = only(POSTGRESQL)

LEASE_SECONDS = float(os.environ.get("KIBITZ_LEASE_SECONDS", "1.5"))
READY = "Working on up to"
STOPPED = "Stopped. Nothing more is spent on this."

StartWorker = Callable[[], AbstractAsyncContextManager[Process]]


@pytest.fixture
def settings(where: Where) -> dict[str, object]:
    return {"DATA__URL": where.url, "QUEUE__LEASE_SECONDS": LEASE_SECONDS, "JOBS__SHUTDOWN_SECONDS": 1}


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
async def test_workers_come_and_go_and_nothing_is_seen_of_it(
    worker: StartWorker, discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, snap: Path
) -> None:
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(worker())
        with held(cloud, "answer", answers="It is green.") as mind:
            asked = await anna.post("@bot what colour?", snap, to=general)
            await discord.bot.until(lambda: mind.begun["answer"] == 1, timeout=60)
            second = await stack.enter_async_context(worker())
            first.send(signal.SIGKILL)
            killed_at = time.monotonic()
            await discord.bot.until(lambda: mind.begun["answer"] == 2, timeout=60)
            progress = await shown(discord, asked)
        answer = await discord.bot.reply(asked, settled=lambda m: m.is_settled and "green" in m.content, timeout=60)
        print(
            f"answered {time.monotonic() - killed_at:.1f} s after a worker was killed; the lease is {LEASE_SECONDS} s"
        )
        assert answer is progress
        assert len(cloud.captions) == 1, "what the first worker had paid for is not paid for again"
        with held(cloud, "answer") as mind:
            other = await anna.post("@bot hello?", to=general)
            await discord.bot.until(lambda: mind.begun["answer"] == 1, timeout=60)
            paid = len(cloud.chats)
            await anna.press(await shown(discord, other), "Cancel")
            assert (await discord.bot.reply(other, timeout=60)).content == STOPPED
        assert len(cloud.chats) == paid
        second.send(signal.SIGTERM)
        assert await second.end() == 0
        assert "Traceback" not in second.errors


async def shown(discord: DiscordServer, asked: Message) -> Message:
    """The message with the progress and the button."""
    return await discord.bot.reply(asked, settled=lambda message: any(b.label == "Cancel" for b in message.buttons))
