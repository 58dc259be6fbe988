"""Writes to a database in children that are killed at moments of chance, and tells what came of it.

`python -m tests.database.dying DIRECTORY URL KIND COUNT SEED` loads everything once and then forks.
A child says on a pipe what it begins (+) and what was acknowledged (=). Prints one JSON object: how many were killed,
what was begun, acknowledged and interrupted, and every contradiction found afterwards.
"""

import asyncio
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import alembic.command  # noqa: F401 - loaded once here, not in every child
import asyncpg

from bot.database.backup import back_up
from bot.database.check import problems_of
from bot.database.engine import Database, open_database
from bot.database.upgrade import MIGRATIONS, REVISION, revision_of, upgrade
from bot.database.where import Where
from bot.domain.conversation import ConversationKey, Turn
from bot.domain.timeline import Caption
from bot.domain.understanding import Seen
from bot.jobs.intake import Intake
from bot.memory.store import Memory

from .everything import contents
from .material import CHANNEL, NOON, SERVER, ask, clip, message, turn

SEEN = Seen(captions=(Caption(at_seconds=0.0, since_seconds=0.0, text="words " * 200),))
STEPS = ("turn", "accept", "turn", "seen", "finish", "forget", "voice", "accept", "turn", "wipe")
_MOST_ACKNOWLEDGED = 4
_LONGEST_STEP_SECONDS = 0.01


Say = Callable[[str], None]
Work = Callable[[Say], Coroutine[Any, Any, None]]


class Told:
    """What one child said before it died."""

    def __init__(self, text: str) -> None:
        begun = [line[1:] for line in text.splitlines() if line.startswith("+")]
        self.kept = [line[1:] for line in text.splitlines() if line.startswith("=")]
        self.interrupted = begun[len(self.kept) :]

    def has(self, step: str, number: int) -> bool | None:
        """Whether it must be there; None: either will do."""
        told = f"{step} {number}"
        return True if told in self.kept else None if told in self.interrupted else False


def place(child: int) -> ConversationKey:
    return ConversationKey(server_id=SERVER, channel_id=CHANNEL + child)


def a_turn(child: int, number: int) -> Turn:
    return turn(number, place(child), answer="words " * 300, clips=(clip(2 * number), clip(2 * number + 1)))


def step_of(child: int, number: int) -> str:
    """Children begin at different ones."""
    return STEPS[(number + child) % len(STEPS)]


async def write(where: Where, child: int, say: Say) -> None:
    """Until somebody ends it."""
    async with open_database(where) as database:
        say("!")
        for number in range(child * 1000, child * 1000 + 1000):
            step = step_of(child, number)
            say(f"+{step} {number}")
            await take(database, child, step, number)
            say(f"={step} {number}")


async def take(database: Database, child: int, step: str, number: int) -> None:
    """What is finished or forgotten was kept three steps before."""
    memory, intake = Memory(database), Intake(database)
    match step:
        case "turn":
            await memory.keep_turn(a_turn(child, number))
        case "accept":
            await intake.accept(ask(number, place(child), source=message(number)), reply_to=None)
        case "seen":
            await memory.keep_seen(clip(10**7 + number).sha256, "r", SEEN, fresh_until=None)
        case "finish":
            await intake.finished(ask(number - 3).job_id)
        case "forget":
            await memory.forget_turn(turn(number - 3).job_id)
        case "voice":
            await memory.change_settings(SERVER, place(child).channel_id, {"voice": str(number)})
        case _:
            await database.wipe()


async def contradictions(where: Where, child: int, told: Told) -> list[str]:
    """What is there though it must not be, or is not there though it must, of one child's work."""
    found = list(await problems_of(where))
    async with open_database(where) as database:
        memory, intake = Memory(database), Intake(database)
        turns = {one.job_id: one for one in await memory.recent(place(child), since=NOON, limit=1000)}
        open_jobs = {one.ask.job_id for one in await intake.unfinished()}
        voice = (await memory.settings_for(SERVER, place(child).channel_id)).voice
        for number in range(child * 1000, child * 1000 + len(told.kept) + 1):
            step, job_id = step_of(child, number), turn(number).job_id
            is_there = told.has(step, number)
            match step:
                case "turn":
                    is_forgotten = told.has("forget", number + 3)
                    wanted = [a_turn(child, number)] if is_there is not False and is_forgotten is not True else []
                    wanted += [None] if not is_there or is_forgotten is not False else []
                    is_right = turns.pop(job_id, None) in wanted
                case "accept":
                    is_done = told.has("finish", number + 3)
                    is_open = job_id in open_jobs
                    is_right = not is_open if is_done or is_there is False else is_open or None in (is_done, is_there)
                case "seen":
                    seen = await memory.seen(clip(10**7 + number).sha256, "r")
                    is_right = seen == SEEN if is_there else seen in (None, SEEN)
                case "voice":
                    is_right = voice == str(number) or told.has("voice", number + 10) is not False or not is_there
                case _:
                    continue
            if not is_right:
                found.append(f"{step} {number} of child {child}: acknowledged {is_there}")
    return found + [f"turn {job_id} came from nowhere" for job_id in turns]


def kill_one(work: Work, seconds: float, *, after: int = 0) -> tuple[Told, bool]:
    """The child is killed this long after it said that it is ready and that so much was acknowledged; False: it was
    done before."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            asyncio.run(work(lambda line: (os.write(writing, f"{line}\n".encode()), None)[1]))
        finally:
            os._exit(0)
    os.close(writing)
    text = b""
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while b"!" not in text or text.count(b"=") < after:
            more = pipe.read(4096)
            assert more, "it died by itself"
            text += more
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        while more := pipe.read(4096):
            text += more
    return Told(text.decode()), os.WIFSIGNALED(status)


def killed_writing(where: Where, count: int, chance: random.Random) -> dict[str, Any]:
    told: list[Told] = []
    wrong: list[str] = []
    for child in range(count):
        seconds, after = chance.uniform(0, _LONGEST_STEP_SECONDS), chance.randint(0, _MOST_ACKNOWLEDGED)
        said, _ = kill_one(lambda say, child=child: write(where, child, say), seconds, after=after)
        told.append(said)
        wrong += asyncio.run(contradictions(where, child, said))
    for child, said in enumerate(told):
        wrong += asyncio.run(contradictions(where, child, said)) if child % 20 == 0 else []
    kept = Counter(line.split()[0] for said in told for line in said.kept)
    interrupted = Counter(line.split()[0] for said in told for line in said.interrupted)
    return {"killed": count, "kept": kept, "interrupted": interrupted, "wrong": wrong}


def killed_upgrading(where: Where, count: int, chance: random.Random) -> dict[str, Any]:
    """Each time from the first version, with rows in it."""
    first = where.directory / "first"
    shutil.copytree(MIGRATIONS, first, ignore=shutil.ignore_patterns("__pycache__"))
    for later in sorted((first / "versions").iterdir())[1:]:
        later.unlink()
    wrong: list[str] = []
    states: Counter[str | None] = Counter()
    seconds = 0.0
    for number in range(count + 1):
        one = _another(where, number)
        asyncio.run(_at_first_version(one, first))

        async def work(say: Say, one: Where = one) -> None:
            say("!")
            await upgrade(one)

        if number == 0:
            seconds = _seconds_of(work)
            continue
        kill_one(work, chance.uniform(0, seconds))
        left = asyncio.run(revision_of(one))
        states[left] += 1
        wrong += [] if left in ("0001", REVISION) else [f"left at {left}"]
        asyncio.run(upgrade(one))
        wrong += asyncio.run(problems_of(one))
        wrong += [] if asyncio.run(_clips(one)) == ["kept"] else ["its row is lost"]
    return {"killed": count, "states": states, "wrong": wrong}


def killed_backing_up(where: Where, count: int, chance: random.Random) -> dict[str, Any]:
    wrong: list[str] = []
    finished = 0

    async def prepare() -> dict[str, Any]:
        async with open_database(where) as database:
            for number in range(60):
                await Memory(database).keep_turn(a_turn(0, number))
            return await database.read(contents)

    async def work(say: Say) -> None:
        say("!")
        await back_up(where)

    async def compare(file: Path) -> None:
        copy = Where(directory=where.directory / "copy")
        copy.directory.mkdir()
        shutil.copy(file, copy.file)
        wrong.extend(await problems_of(copy))
        async with open_database(copy) as database:
            wrong.extend([] if await database.read(contents) == before else [f"{file.name} is not whole"])
        shutil.rmtree(copy.directory)

    before = asyncio.run(prepare())
    seconds = _seconds_of(work)
    for _ in range(count):
        _, was_killed = kill_one(work, chance.uniform(0, seconds))
        finished += not was_killed
        wrong += asyncio.run(problems_of(where))
    files = list(where.backups.glob("*.db")) if where.backups.is_dir() else []
    for file in files:
        asyncio.run(compare(file))
    return {"killed": count, "finished": finished, "files": len(files) - 1, "wrong": wrong}


def _seconds_of(work: Work) -> float:
    began = time.perf_counter()
    asyncio.run(work(lambda _: None))
    return time.perf_counter() - began


def _another(where: Where, number: int) -> Where:
    directory = where.directory / f"another-{number}"
    directory.mkdir()
    if where.url is None:
        return Where(directory=directory)
    asyncio.run(_execute(where.url, f"CREATE SCHEMA another_{number}"))
    return Where(directory=directory, url=f"{where.url}&options=-csearch_path%3Danother_{number}")


async def _at_first_version(where: Where, migrations: Path) -> None:
    await upgrade(where, migrations=migrations, newest="0001")
    add = "INSERT INTO clips (sha256, kept_at) VALUES ('kept', '2026-01-01 00:00:00')"
    if where.url is not None:
        await _execute(where.url, add)
        return
    with closing(sqlite3.connect(where.file)) as connection:
        connection.execute(add)
        connection.commit()


async def _clips(where: Where) -> list[str]:
    async with open_database(where) as database:
        return [row[0] for row in (await database.read(contents))["clips"]]


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


KINDS = {"writes": killed_writing, "upgrade": killed_upgrading, "backup": killed_backing_up}

if __name__ == "__main__":
    directory, url, kind, count, seed = sys.argv[1:]
    print(
        json.dumps(KINDS[kind](Where(directory=Path(directory), url=url or None), int(count), random.Random(int(seed))))
    )
