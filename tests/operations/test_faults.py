"""Five faults, each of which makes the bot ill the next time it is asked; an outage of Discord does not."""

import asyncio
import shutil
import sqlite3
import threading
import time
from collections import namedtuple
from collections.abc import AsyncGenerator, Generator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

import bot.app
from bot.cli.health import report_health
from bot.config import Settings
from bot.database.engine import open_database
from bot.database.where import Where
from bot.discord_io.client import KibitzClient
from bot.operations import vitals
from bot.operations.beacon import Told, ask, beacons
from bot.operations.snapshot import Sources
from tests.discord_io.bots import online
from tests.discord_io.bots import settings as simulated
from tests.operations.test_server import served, settings
from tests.simulator.discord_server import DiscordServer

USAGE = namedtuple("USAGE", ("total", "used", "free"))


@pytest.fixture(autouse=True)
def looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vitals, "_FRESH_SECONDS", 0.0)


async def told(folder: Path) -> Told:
    """What the process on this data says of itself."""
    (beacon,) = beacons(folder)
    return await asyncio.to_thread(ask, beacon, seconds=10)


async def problems(folder: Path) -> list[str]:
    """The names of the checks that are not passed."""
    return [problem.partition(":")[0] for problem in (await told(folder)).problems or ("no answer",)]


async def test_a_database_that_another_process_has_locked(tmp_path: Path) -> None:
    async with (
        open_database(Where(directory=tmp_path)) as database,
        served(settings(tmp_path), Sources(write=database.prove)),
    ):
        assert (await told(tmp_path)).problems == ()
        with closing(sqlite3.connect(tmp_path / "kibitz.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            assert await problems(tmp_path) == ["database"]
            other.execute("ROLLBACK")
        async with asyncio.timeout(20):
            while (await told(tmp_path)).problems:
                pass


@contextmanager
def a_loop_of_its_own(chosen: Settings) -> Generator[asyncio.AbstractEventLoop]:
    """A bot that serves its health on another thread."""
    loop, ready, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with served(chosen):
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), name="a bot")
    thread.start()
    assert ready.wait(30)
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def test_an_event_loop_that_stands_still(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = settings(tmp_path)
    with a_loop_of_its_own(chosen) as loop:
        assert report_health(chosen) == 0
        goes_on = threading.Event()
        loop.call_soon_threadsafe(goes_on.wait)
        assert report_health(chosen, seconds=0.3) == 1
        assert "The process bot does not answer" in capsys.readouterr().err
        goes_on.set()
        assert report_health(chosen) == 0


async def test_a_loop_that_takes_no_questions_any_more(tmp_path: Path) -> None:
    age = [0.4]
    async with served(settings(tmp_path), Sources(rounds={"runner": lambda: age[0]})):
        assert (await told(tmp_path)).problems == ()
        age[0] = 12.0
        assert (await told(tmp_path)).problems == ("jobs: runner stands still for 12 s",)


@asynccontextmanager
async def a_bot(server: DiscordServer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[KibitzClient]:
    """The real one on a simulated Discord, with its health served."""
    monkeypatch.setattr(bot.app, "_SIGN_IN_SECONDS", 0.0)
    chosen = simulated(server, folder).model_copy(update={"status": settings(folder).status})
    async with online(chosen, server) as client:
        await server.bot.until(lambda: beacons(folder) != (), timeout=20, what="the server of health")
        yield client


async def test_the_whole_bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its disk, its questions and its gateway; then Discord goes away, which is no fault of the bot's."""
    async with AsyncExitStack() as outside:
        server = await outside.enter_async_context(DiscordServer())
        server.guild("Friends")
        async with a_bot(server, tmp_path, monkeypatch) as client:
            well = await told(tmp_path)
            assert (well.problems, well.is_ready) == ((), True)

            with monkeypatch.context() as patched:
                patched.setattr(shutil, "disk_usage", lambda _folder: USAGE(100, 97, 3))
                assert await problems(tmp_path) == ["disk"]

            desk = client.house.desk
            desk._turns["0123456789ab"] = time.monotonic() - desk._settings.max_seconds - 61
            assert await problems(tmp_path) == ["jobs"]
            desk._turns.clear()

            age = client.ack_ages()[0]
            assert age is not None
            assert age < 60
            keeper: Any = client._get_websocket(shard_id=0)._keep_alive
            keeper._last_ack -= 95
            assert await problems(tmp_path) == ["gateway"]
            keeper.ack()
            assert (await told(tmp_path)).problems == ()

            await outside.aclose()
            await server.bot.until(lambda: client.ack_ages() == {0: None}, timeout=20, what="the loss of Discord")
            gone = await told(tmp_path)
            assert (gone.problems, gone.is_ready) == ((), False)
    assert beacons(tmp_path) == ()
