"""Starts the programs of this machine: no shell, no environment, bounded in time and output, never left behind."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.sentence import sentence

_PIECE_BYTES = 2**16


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program of the system and the package that brings it, for apt and for Homebrew."""

    program: str
    package: str
    brew: str

    def path(self) -> str | None:
        """Where it is installed; None when it is not."""
        return shutil.which(self.program)

    def missing(self) -> ProviderError:
        """The error that names the package to install."""
        return ProviderError(
            "tool_missing",
            sentence(
                "{program} is not installed: install the package {package} (Homebrew: {brew}).",
                program=self.program,
                package=self.package,
                brew=self.brew,
            ),
            category=ProviderCategory.MISSING_TOOL,
        )


TESSERACT = Tool(program="tesseract", package="tesseract-ocr", brew="tesseract")
FLITE = Tool(program="flite", package="flite", brew="flite")
ESPEAK = Tool(program="espeak-ng", package="espeak-ng", brew="espeak-ng")


class RunningProcess:
    """A program at work. Whoever starts it ends it with `kill`."""

    def __init__(
        self, process: asyncio.subprocess.Process, stdin: asyncio.StreamWriter, stdout: asyncio.StreamReader
    ) -> None:
        self._process = process
        self.stdin = stdin
        self.stdout = stdout

    def kill(self) -> None:
        """End it and everything it started; nothing happens when it is gone."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self.stdin.close()

    async def wait(self) -> int:
        """Its exit status."""
        return await self._process.wait()


class Worker:
    """A process that is used again and again; with nothing to do it is retired after a while. `_process` None: not
    started yet."""

    def __init__(self) -> None:
        self._process: RunningProcess | None = None
        self._timer: asyncio.TimerHandle | None = None

    def rest(self, seconds: float, retire: Callable[[Self], None]) -> None:
        """Be retired after so many seconds without work."""
        self._timer = asyncio.get_running_loop().call_later(seconds, retire, self)

    def wake(self) -> None:
        """There is work: it is not retired."""
        if self._timer is not None:
            self._timer.cancel()

    def kill(self) -> None:
        """End the process without waiting for it."""
        self.wake()
        if self._process is not None:
            self._process.kill()

    async def close(self) -> None:
        """End the process and collect its remains."""
        self.kill()
        if self._process is not None:
            await self._process.wait()


async def start_process(
    argv: Sequence[str], *, environment: Mapping[str, str] | None = None, max_line_bytes: int = _PIECE_BYTES
) -> RunningProcess:
    """Start a program in a process group of its own, with pipes for input and output; its messages go nowhere.
    Raises OSError when it cannot be started."""
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=dict(environment or {}),
        start_new_session=True,
        limit=max_line_bytes,
    )
    if process.stdin is None or process.stdout is None:
        raise OSError("no pipes")
    return RunningProcess(process, process.stdin, process.stdout)


async def run_tool(
    tool: Tool,
    arguments: Sequence[str],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] | None = None,
    wall_seconds: float = 30.0,
    max_output_bytes: int = 2**24,
) -> bytes:
    """What a tool writes. Raises ProviderError: MISSING_TOOL when it is not installed, SERVER when it fails, takes
    longer than `wall_seconds` or writes more than `max_output_bytes`."""
    path = tool.path()
    if path is None:
        raise tool.missing()
    try:
        async with asyncio.timeout(wall_seconds):
            process = await start_process([path, *arguments], environment=environment)
            feeding = asyncio.create_task(_feed(process, stdin), name=f"{tool.program}-stdin")
            try:
                output = await _drain(process, max_output_bytes)
                status = await process.wait()
            finally:
                process.kill()
                feeding.cancel()
                await asyncio.wait([feeding])
                await process.wait()
    except TimeoutError as error:
        raise _failed(tool, "tool_timeout") from error
    except OSError as error:
        raise _failed(tool, "tool_not_started") from error
    if output is None or status != 0:
        raise _failed(tool, "tool_failed")
    return output


async def _feed(process: RunningProcess, data: bytes) -> None:
    """Write its input. A tool that does not read to the end says why with its exit status."""
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
        process.stdin.close()
        await process.stdin.wait_closed()


async def _drain(process: RunningProcess, max_bytes: int) -> bytes | None:
    """Read its output to the end; None when there is more than `max_bytes`."""
    output = bytearray()
    while piece := await process.stdout.read(_PIECE_BYTES):
        output += piece
        if len(output) > max_bytes:
            process.kill()
            return None
    return bytes(output)


def _failed(tool: Tool, code: str) -> ProviderError:
    return ProviderError(
        code,
        sentence("{program} did not do its work on this machine.", program=tool.program),
        category=ProviderCategory.SERVER,
    )
