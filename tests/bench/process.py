"""Runs a measured side in a process of its own and watches the memory of everything it starts."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL_SECONDS = 0.1
_PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A process that ended well. `peak_bytes`: the most memory it and all its children held at once, as proportional
    set size where the system tells it, else resident; 0 without /proc."""

    seconds: float
    peak_bytes: int
    stdout: str


class SideFailedError(Exception):
    """A measured process did not end well; holds its exit code and the end of its stderr."""


async def run_side(
    command: Sequence[str], *, env: Mapping[str, str], folder: Path, time_limit: float = 300.0
) -> Finished:
    """Runs `command` in `folder` to its end. Raises SideFailedError and TimeoutError."""
    started = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        *command, env=env, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    memory = _Memory(process.pid)
    watcher = asyncio.create_task(memory.watch())
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(), time_limit)
    finally:
        watcher.cancel()
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise SideFailedError(f"exit code {process.returncode}\n{stderr.decode(errors='replace')[-2_000:]}")
    return Finished(
        seconds=time.monotonic() - started, peak_bytes=memory.peak_bytes, stdout=stdout.decode(errors="replace")
    )


class _Memory:
    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.peak_bytes = 0

    async def watch(self) -> None:
        """Looks again and again until it is cancelled."""
        while True:
            self.peak_bytes = max(self.peak_bytes, await asyncio.to_thread(tree_bytes, self._pid))
            await asyncio.sleep(_POLL_SECONDS)


def tree_bytes(pid: int) -> int:
    """Memory of a process and all its descendants at this moment; 0 when it is gone or there is no /proc.

    A child between vfork and exec still lives in its parent's memory, which is counted once.
    """
    children: dict[int, list[int]] = {}
    for entry in _PROC.glob("[0-9]*"):
        parent = _parent_of(entry)
        if parent is not None:
            children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        total += _bytes_of(_PROC / str(one))
        command = _command_of(one)
        waiting += [child for child in children.get(one, []) if _command_of(child) != command]
    return total


def _command_of(pid: int) -> bytes:
    try:
        return (_PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return b""


def _parent_of(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def _bytes_of(entry: Path) -> int:
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        try:
            text = (entry / name).read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1_024
    return 0
