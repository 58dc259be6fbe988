"""Backups of a database on SQLite: how long one takes, and how long whoever writes meanwhile waits.

KIBITZ_BACKUP_MEGABYTES: about how large the database is, 100 when not set.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path

from bot.database.backup import back_up
from bot.database.engine import Database, open_database
from bot.database.where import Where
from bot.memory.store import Memory
from tests.bench.memory_material import fill
from tests.bench.report import Report, Row, table
from tests.database.material import turn

MEGABYTES = float(os.environ.get("KIBITZ_BACKUP_MEGABYTES", "100"))

_TURNS_PER_MEGABYTE = 600
_BACKUPS = 5
_QUIET_SECONDS = 2.0
_MOST_SECONDS, _MOST_WAIT_SECONDS = 5.0, 0.05


async def run(folder: Path) -> Report:
    """Turns are kept one after the other, at rest and during each backup."""
    with tempfile.TemporaryDirectory(prefix="kibitz-bench-", dir=folder) as one:
        where = Where(directory=Path(one) / "data")
        async with open_database(where) as database:
            print("filling the database", file=sys.stderr, flush=True)
            await fill(database, turns=round(_TURNS_PER_MEGABYTE * MEGABYTES), clips=500)
            await database.wipe()
            print("backing it up", file=sys.stderr, flush=True)
            writer = _Writer(database)
            quiet = await writer.during(asyncio.sleep(_QUIET_SECONDS))
            seconds: list[float] = []
            busy: list[float] = []
            for number in range(_BACKUPS):
                began = time.perf_counter()
                busy += await writer.during(back_up(where, Path(one) / f"{number}.db"))
                seconds.append(time.perf_counter() - began)
            megabytes = (Path(one) / "0.db").stat().st_size / 1e6
    return _report(megabytes, seconds, quiet, busy)


class _Writer:
    """Keeps one turn after the other."""

    def __init__(self, database: Database) -> None:
        self._memory = Memory(database)
        self._number = 10**7

    async def during(self, work: Awaitable[object]) -> list[float]:
        """How long each took until the work was done."""
        doing = asyncio.ensure_future(work)
        seconds: list[float] = []
        while not doing.done():
            self._number += 1
            began = time.perf_counter()
            await self._memory.keep_turn(turn(self._number, answer="Written meanwhile."))
            seconds.append(time.perf_counter() - began)
        await doing
        return seconds


def _report(megabytes: float, seconds: list[float], quiet: list[float], busy: list[float]) -> Report:
    lines = [
        (
            name,
            str(len(waits)),
            *(f"{1_000 * wait:.1f}" for wait in (statistics.median(waits), _p99(waits), max(waits))),
        )
        for name, waits in (("at rest", quiet), ("during a backup", busy))
    ]
    per_100 = max(seconds) / megabytes * 100
    text = (
        f"{len(seconds)} backups of {megabytes:.0f} MB of SQLite, {statistics.median(seconds):.2f} s each (median), "
        f"{max(seconds):.2f} s the slowest, while turns are kept.\n\n"
        + table(("a turn is kept", "times", "median, ms", "p99, ms", "slowest, ms"), lines)
    )
    rows = (
        Row(name="backup.per_100_megabytes", value=per_100, unit="s", reference=_MOST_SECONDS, target=1.0),
        Row(name="backup.writer_p99", value=_p99(busy), unit="s", reference=_MOST_WAIT_SECONDS, target=1.0),
        Row(name="backup.writer_p99_at_rest", value=_p99(quiet), unit="s"),
    )
    return Report(text=text, rows=rows)


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]
