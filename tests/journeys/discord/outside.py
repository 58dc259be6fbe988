"""`python -m bot …` as an operator starts it: a process of its own, told the addresses of the simulated world."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.simulator.running import CONFIG

_LONGEST_SECONDS = 60.0
_OURS = ("KIBITZ_", "OPENAI_", "DISCORD_")


class Process:
    """One run; what it has printed so far, and its exit code once it has ended."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.output = ""
        self.errors = ""
        self._process = process
        assert process.stdout
        assert process.stderr
        self._readers = [
            asyncio.create_task(self._read(process.stdout, "output")),
            asyncio.create_task(self._read(process.stderr, "errors")),
        ]

    async def says(self, words: str) -> None:
        """Wait for these words in either of its outputs."""
        async with asyncio.timeout(_LONGEST_SECONDS):
            while words not in self.output + self.errors:
                assert self._process.returncode is None, f"ended without {words!r}: {self.output}{self.errors}"
                await asyncio.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def end(self) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(_LONGEST_SECONDS):
            code = await self._process.wait()
            await asyncio.gather(*self._readers)
        return code

    async def _read(self, stream: asyncio.StreamReader, name: str) -> None:
        while line := await stream.readline():
            setattr(self, name, getattr(self, name) + line.decode())


@asynccontextmanager
async def started(folder: Path, settings: Mapping[str, str], *arguments: str) -> AsyncIterator[Process]:
    """`python -m bot run`, or other `arguments` than run, in `folder`; killed at the end if it still runs."""
    (folder / "config.toml").write_text(CONFIG.read_text(encoding="utf-8"), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        *(arguments or ("bot", "run")),
        cwd=folder,
        env={**kept, "PYTHONPATH": str(CONFIG.parent), "PYTHONUNBUFFERED": "1", **settings},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    running = Process(process)
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await running.end()
