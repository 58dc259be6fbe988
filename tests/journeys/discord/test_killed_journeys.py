"""SIGKILL at any moment of whole journeys: every question is answered, once, and nothing paid is paid again."""

import asyncio
import random
import signal
import sqlite3
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from bot.database.engine import open_database
from bot.database.where import Where
from tests.journeys.discord.killed import KILLS, KINDS, SEED, SETTINGS, Asking, answer_to
from tests.journeys.discord.outside import Process, started
from tests.simulator.discord_server import Channel, DiscordServer, Person
from tests.simulator.openai_server import HonestMind, OpenAIEmulator
from tests.simulator.running import environment

_STARTING = 0.2  # of the processes are killed while they start


@pytest.mark.timeout(90 + 60 * KILLS)
async def test_every_question_is_answered_once_and_paid_once(
    discord: DiscordServer, cloud: OpenAIEmulator, general: Channel, anna: Person, ben: Person, tmp_path: Path
) -> None:
    settings = environment(discord, cloud, tmp_path / "data", **SETTINGS)
    cloud.mind = HonestMind(answers=answer_to)
    dice = random.Random(SEED)
    asking = Asking(discord, general, anna, ben, tmp_path)
    async with AsyncExitStack() as stack:
        process = await begin(stack, tmp_path, settings, discord)
        loop = asyncio.get_running_loop()
        longest = 1.0
        for _ in KINDS:  # undisturbed, to learn how long each takes
            began = loop.time()
            await asking.done(await asking.ask())
            longest = max(longest, loop.time() - began)
        kills = 0
        while kills < KILLS:
            journey = await asking.ask()
            await asyncio.sleep(dice.uniform(0.0, 1.1 * longest))
            await kill(process, discord)
            kills += 1
            while dice.random() < _STARTING and kills < KILLS:
                process = await begin(stack, tmp_path, settings, discord, online=False)
                await asyncio.sleep(dice.uniform(0.0, 4.0))
                await kill(process, discord)
                kills += 1
            process = await begin(stack, tmp_path, settings, discord)
            await asking.done(journey)
        process.send(signal.SIGTERM)
        assert await process.end() == 0
    with closing(sqlite3.connect(tmp_path / "data" / "kibitz.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    async with open_database(Where(directory=tmp_path / "data")) as database:
        await asking.check(cloud, database)


async def begin(
    stack: AsyncExitStack, folder: Path, settings: dict[str, str], discord: DiscordServer, *, online: bool = True
) -> Process:
    process = await stack.enter_async_context(started(folder, settings))
    if online:
        await discord.bot.online(timeout=90)
    return process


async def kill(process: Process, discord: DiscordServer) -> None:
    process.send(signal.SIGKILL)
    await process.end()
    await discord.bot.until(lambda: not discord.bot.is_online)
    assert "Traceback" not in process.errors, process.errors
