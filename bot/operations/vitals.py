"""Whether the bot is well: the event loop, the database, the gateway, the work on questions, the disk."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from bot.domain.errors import BotError

LOOP_SECONDS = 5.0
WRITE_SECONDS = 1.0
ACK_SECONDS = 90.0
ROUND_SECONDS = 10.0
FREE_SHARE = 0.05

_FRESH_SECONDS = 1.0
_LONGEST_SECONDS = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one check found, in a few words without anybody's."""

    name: str
    is_well: bool
    says: str


class Check(Protocol):
    """One thing to look at; `name` is a word for logs, metrics and the page."""

    @property
    def name(self) -> str: ...

    async def __call__(self) -> Finding: ...


class LoopCheck:
    """The event loop turns. `age_seconds`: since its last tick."""

    name = "loop"

    def __init__(self, age_seconds: Callable[[], float]) -> None:
        self._age_seconds = age_seconds

    async def __call__(self) -> Finding:
        age = self._age_seconds()
        return Finding(name=self.name, is_well=age < LOOP_SECONDS, says=f"last tick {age:.1f} s ago")


class DatabaseCheck:
    """A write is done soon. One that hangs is not joined by others: it is asked about again."""

    name = "database"

    def __init__(
        self,
        write: Callable[[], Awaitable[None]],
        *,
        seconds: float = WRITE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._seconds = seconds
        self._clock = clock
        self._writing: asyncio.Task[None] | None = None
        self._began = 0.0

    async def __call__(self) -> Finding:
        if self._writing is None:
            self._began = self._clock()
            self._writing = asyncio.create_task(self._written(), name="health-write")
        done, _ = await asyncio.wait({self._writing}, timeout=self._seconds)
        took = self._clock() - self._began
        if not done:
            return Finding(name=self.name, is_well=False, says=f"a write waits for {took:.1f} s")
        writing, self._writing = self._writing, None
        if writing.cancelled():
            return Finding(name=self.name, is_well=False, says="a write was broken off")
        error = writing.exception()
        if error is not None:
            code = error.code if isinstance(error, BotError) else type(error).__name__
            return Finding(name=self.name, is_well=False, says=f"a write failed: {code}")
        return Finding(name=self.name, is_well=took < self._seconds, says=f"a write took {took * 1000:.0f} ms")

    async def _written(self) -> None:
        await self._write()

    async def aclose(self) -> None:
        """Leave no write behind."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.wait({self._writing})


class GatewayCheck:
    """Every connection that stands is alive. `ack_ages`: per shard, seconds since Discord answered a heartbeat, None
    where there is no connection: that is an outage, which a restart would not mend."""

    name = "gateway"

    def __init__(self, ack_ages: Callable[[], Mapping[int, float | None]]) -> None:
        self._ack_ages = ack_ages

    async def __call__(self) -> Finding:
        ages = self._ack_ages()
        silent = sorted(shard for shard, age in ages.items() if age is not None and age >= ACK_SECONDS)
        if silent:
            shards = ", ".join(map(str, silent))
            return Finding(name=self.name, is_well=False, says=f"connected but silent: shard {shards}")
        gone = sum(age is None for age in ages.values())
        if gone or not ages:
            return Finding(name=self.name, is_well=True, says="Discord is not connected; it is tried again and again")
        oldest = max(age for age in ages.values() if age is not None)
        return Finding(name=self.name, is_well=True, says=f"last acknowledgement {oldest:.0f} s ago")


class JobsCheck:
    """Loops that take and serve questions go round, and no question is worked on for longer than it may. `rounds` tells
    for each loop the seconds since it last went round, `overdue` how many questions cannot be ended."""

    name = "jobs"

    def __init__(
        self, rounds: Mapping[str, Callable[[], float]] | None = None, overdue: Callable[[], int] = lambda: 0
    ) -> None:
        self._rounds = dict(rounds or {})
        self._overdue = overdue

    async def __call__(self) -> Finding:
        ages = {name: age() for name, age in self._rounds.items()}
        still = [f"{name} stands still for {age:.0f} s" for name, age in ages.items() if age >= ROUND_SECONDS]
        if still:
            return Finding(name=self.name, is_well=False, says=", ".join(still))
        overdue = self._overdue()
        if overdue:
            return Finding(name=self.name, is_well=False, says=f"{overdue} cannot be ended")
        return Finding(name=self.name, is_well=True, says="in time")


class DiskCheck:
    """There is room where the bot writes. `free_share` of a folder's disk, from 0 to 1."""

    name = "disk"

    def __init__(self, folders: Sequence[Path], free_share: Callable[[Path], float] | None = None) -> None:
        self._folders = tuple(folders)
        self._free_share = free_share or free_share_of

    async def __call__(self) -> Finding:
        shares = await asyncio.to_thread(lambda: [self._free_share(folder) for folder in self._folders])
        least = min(shares, default=1.0)
        return Finding(name=self.name, is_well=least > FREE_SHARE, says=f"{least:.0%} free")


def free_share_of(folder: Path) -> float:
    """Of the disk on which a folder is, or will be."""
    there = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.is_dir())
    usage = shutil.disk_usage(there)
    return usage.free / usage.total if usage.total else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """All findings at one time."""

    findings: tuple[Finding, ...]
    not_ready: tuple[str, ...]

    @property
    def is_alive(self) -> bool:
        """A restart would not mend anything."""
        return all(finding.is_well for finding in self.findings)

    @property
    def is_ready(self) -> bool:
        """Questions are taken."""
        return self.is_alive and not self.not_ready


class Vitals:
    """All checks together, made at most once a second, each within a limit. `ready` names what must hold beside them
    so that questions are taken."""

    def __init__(
        self,
        checks: Sequence[Check],
        ready: Mapping[str, Callable[[], bool]] | None = None,
        *,
        seconds: float = _LONGEST_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = tuple(checks)
        self._ready = dict(ready or {})
        self._seconds = seconds
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._findings: tuple[Finding, ...] = ()
        self._found_at = -_FRESH_SECONDS

    async def health(self) -> Health:
        """As it is now. Never raises."""
        async with self._one_at_a_time:
            if not self._findings or self._clock() - self._found_at >= _FRESH_SECONDS:
                self._findings = tuple(await asyncio.gather(*map(self._found, self._checks)))
                self._found_at = self._clock()
        return Health(
            findings=self._findings, not_ready=tuple(name for name, holds in self._ready.items() if not holds())
        )

    async def _found(self, check: Check) -> Finding:
        try:
            async with asyncio.timeout(self._seconds):
                return await check()
        except TimeoutError:
            return Finding(name=check.name, is_well=False, says=f"no result within {self._seconds:g} s")
        except Exception as error:  # noqa: BLE001 - a check that cannot be made is not passed
            return Finding(name=check.name, is_well=False, says=f"could not be checked: {type(error).__name__}")
