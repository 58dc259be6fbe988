"""A memory of 100,000 turns and 2,000 clips: how soon something comes back, is kept, is forgotten, and the start."""

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.database.engine import open_database
from bot.database.where import Where
from bot.domain.conversation import ConversationKey, Turn
from bot.domain.recollection import Scope
from bot.memory.store import Memory
from bot.services.forget import ForgetService
from tests.bench.memory_material import FIRST_PERSON, SERVER, Community, fill
from tests.bench.report import Report, Row, table
from tests.bench.sides import ROOT, clean_environment

_RECALL_SECONDS = 0.05
_START_SECONDS = 1.5
_FORGET_SECONDS = 2.0
_ASKED_PER_PLACE = 100
_KEPT = 200
_STARTS = 5
_READY = b"ready"
_START = f"""
import asyncio, sys
from pathlib import Path
import bot.__main__  # as `python -m bot` begins
from bot.app import open_bot
from bot.config import load_settings

async def start():
    async with open_bot(load_settings(Path(sys.argv[1]))):
        print({_READY.decode()!r}, flush=True)

asyncio.run(start())
"""


async def run(folder: Path) -> Report:
    """One memory on SQLite, filled anew; one thing at a time is asked of it."""
    with tempfile.TemporaryDirectory(prefix="kibitz-bench-", dir=folder) as one:
        where = Where(directory=Path(one) / "data")
        async with open_database(where) as database:
            print("filling the memory", file=sys.stderr, flush=True)
            community = await fill(database)
            memory = Memory(database)
            print("asking it", file=sys.stderr, flush=True)
            seconds = {"recall": await _recall(memory, community), "search": await _search(memory, community)}
            seconds["keep a turn"] = await _keep(memory, community)
        megabytes = where.file.stat().st_size / 1e6
        print("starting with it", file=sys.stderr, flush=True)
        seconds["start"] = [await _start(where.directory) for _ in range(_STARTS)]
        async with open_database(where) as database:
            print("forgetting", file=sys.stderr, flush=True)
            forget = ForgetService(Memory(database), keep_days=3_650)
            most = await _timed(forget.person(community.busiest_person))
            others = [await _timed(forget.person(FIRST_PERSON + number)) for number in (7, 8, 9)]
            seconds["forget a person"] = [most, *others]
    return _report(megabytes, seconds)


def _report(megabytes: float, seconds: dict[str, list[float]]) -> Report:
    lines = [
        (
            name,
            str(len(values)),
            *(f"{1_000 * value:.1f}" for value in (_at(values, 0.5), _at(values, 0.95), max(values))),
        )
        for name, values in seconds.items()
    ]
    text = (
        f"100,000 turns in 40 places and 2,000 clips, {megabytes:.0f} MB of SQLite. Recall in the busiest place "
        "(20,000 turns), a usual one and a thread of the busiest. Start: from the process to a bot that is ready to "
        "sign in. Forgetting: the first is the person of 2,000 turns; until no file holds their words.\n\n"
        + table(("", "times", "median, ms", "p95, ms", "slowest, ms"), lines)
    )
    rows = (
        _row("recall_p95", _at(seconds["recall"], 0.95), _RECALL_SECONDS),
        _row("start", statistics.median(seconds["start"]), _START_SECONDS),
        _row("forget_person", max(seconds["forget a person"]), _FORGET_SECONDS),
        Row(name="memory.recall_p50", value=_at(seconds["recall"], 0.5), unit="s"),
        Row(name="memory.search_p95", value=_at(seconds["search"], 0.95), unit="s"),
        Row(name="memory.keep_turn_p95", value=_at(seconds["keep a turn"], 0.95), unit="s"),
    )
    return Report(text=text, rows=rows)


def _row(name: str, value: float, most: float) -> Row:
    return Row(name=f"memory.{name}", value=value, unit="s", reference=most, target=1.0)


def _at(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


async def _timed(work: Awaitable[object]) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


def _scopes(community: Community) -> tuple[tuple[Scope, str], ...]:
    """Where it is asked, and the turn it is asked after."""
    busiest, usual = community.places[0], community.places[3]
    thread = ConversationKey(server_id=SERVER, channel_id=busiest.channel_id + 10_000)
    return (
        (Scope(key=busiest), community.last_jobs[busiest]),
        (Scope(key=usual), community.last_jobs[usual]),
        (Scope(key=thread, also=(busiest.channel_id,)), community.last_jobs[busiest]),
    )


async def _recall(memory: Memory, community: Community) -> list[float]:
    """About the clip that was asked about last."""
    since = datetime.now(UTC) - timedelta(days=1)
    seconds: list[float] = []
    for scope, last in _scopes(community):
        clips = [clip.sha256 for clip in await memory.latest_clips(community.places[0], since=since)]
        for question in community.questions[:_ASKED_PER_PLACE]:
            seconds.append(await _timed(memory.recall(scope, question, follows=last, clips=clips, since=since)))
    return seconds


async def _search(memory: Memory, community: Community) -> list[float]:
    return [
        await _timed(memory.search(scope, question))
        for scope, _ in _scopes(community)
        for question in community.questions[-_ASKED_PER_PLACE:]
    ]


async def _keep(memory: Memory, community: Community) -> list[float]:
    turns = [
        Turn(
            job_id=f"{2**40 + number:012x}",
            key=community.places[0],
            asker_id=FIRST_PERSON + 5,
            asked_at=datetime.now(UTC),
            question=question,
            answer=f"{question} {question}",
            people=(FIRST_PERSON,),
        )
        for number, question in enumerate(community.questions[:_KEPT])
    ]
    return [await _timed(memory.keep_turn(turn)) for turn in turns]


async def _start(directory: Path) -> float:
    """Seconds from the start of a process until the bot in it could sign in."""
    env = clean_environment() | {
        "DISCORD_TOKEN": "unused",
        "KIBITZ_DATA__DIRECTORY": str(directory),
        "KIBITZ_WORKSPACE__DIRECTORY": str(directory / "work"),
    }
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _START, str(ROOT / "config.toml"), env=env, cwd=directory, stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is None or (await process.stdout.readline()).strip() != _READY:
            raise RuntimeError("the bot did not start")
        seconds = time.perf_counter() - began
        await asyncio.wait_for(process.wait(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return seconds
