"""Runs one program on untrusted bytes: sandboxed, bounded in time and output, never outliving its caller."""

import asyncio
import logging
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bot.media import sandbox
from bot.media.limits import MediaLimits
from bot.tally import Figure
from bot.tally import tell as count

_log = logging.getLogger(__name__)

_LAUNCHER = str(Path(sandbox.__file__).resolve())
# Imported, because Python keeps what it compiles of a module but not of a script.
_START = "import sys; sys.path.append(sys.argv[1].rpartition('/')[0]); import sandbox; sandbox.main(sys.argv[2:])"
_BUFFER_BYTES = 2**18
_NICENESS, _BACKGROUND_NICENESS = 5, 19
_COMPLAINT_BYTES = 2**15
_FIRST_LOOK_SECONDS, _LONGEST_LOOK_SECONDS = 0.02, 0.5


class ChildFault(StrEnum):
    """Why a child did not do its work."""

    MISSING = "missing"
    SANDBOX = "sandbox"
    TIMEOUT = "timeout"
    OUTPUT = "output"
    SIGNAL = "signal"
    STATUS = "status"


class Complaint(StrEnum):
    """What the child's messages were about. The messages themselves go nowhere."""

    NONE = "none"
    CODEC_REFUSED = "codec_refused"
    FORMAT_REFUSED = "format_refused"
    TOO_BIG = "too_big"
    TOO_MANY_STREAMS = "too_many_streams"
    NO_STREAM = "no_stream"
    CORRUPT = "corrupt"
    OTHER = "other"


_SIGNS: tuple[tuple[bytes, Complaint], ...] = (
    (b"Format not on whitelist", Complaint.FORMAT_REFUSED),
    (b"not on whitelist", Complaint.CODEC_REFUSED),
    (b"Decoder (codec", Complaint.CODEC_REFUSED),
    (b"Could not find codec", Complaint.CODEC_REFUSED),
    (b"max_streams", Complaint.TOO_MANY_STREAMS),
    (b"Picture size", Complaint.TOO_BIG),
    (b"Cannot allocate memory", Complaint.TOO_BIG),
    (b"does not contain any stream", Complaint.NO_STREAM),
    (b"matches no streams", Complaint.NO_STREAM),
    (b"Invalid data", Complaint.CORRUPT),
    (b"partial file", Complaint.CORRUPT),
    (b"ended prematurely", Complaint.CORRUPT),
    (b"rror while decoding", Complaint.CORRUPT),
    (b"Invalid NAL", Complaint.CORRUPT),
    (b"corrupt", Complaint.CORRUPT),
    (b"truncat", Complaint.CORRUPT),
)


class ChildFailed(Exception):  # noqa: N818 - it says what happened; callers turn it into a MediaError
    """A child ended without doing its work. `status` is its exit status, None where it had none."""

    def __init__(self, fault: ChildFault, complaint: Complaint = Complaint.NONE, *, status: int | None = None) -> None:
        super().__init__(f"{fault}, {complaint}, status {status}")
        self.fault = fault
        self.complaint = complaint
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildEnd:
    """How a child ended. `fault` is None when it exited with status 0 in time."""

    fault: ChildFault | None
    complaint: Complaint
    status: int

    def check(self) -> None:
        """Raise ChildFailed unless the child did its work."""
        if self.fault is not None:
            raise ChildFailed(self.fault, self.complaint, status=self.status)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildReport:
    """What a child took. `peak_bytes` is the most memory seen in it, looked at now and then; 0 where the system does
    not tell. `fault` is None also for one that was ended because nobody wanted more of it."""

    program: str
    seconds: float
    peak_bytes: int
    fault: ChildFault | None


CHILD_ENDED: ContextVar[Callable[[ChildReport], None] | None] = ContextVar("CHILD_ENDED", default=None)
"""Told of every child that ends in this context."""


class ChildPipe:
    """What a child writes, read as it comes. Raises ChildFailed once more than `max_bytes` came."""

    def __init__(self, reader: asyncio.StreamReader, max_bytes: int) -> None:
        self._reader = reader
        self._left = max_bytes

    async def read(self, size: int = 2**16) -> bytes:
        """Up to `size` bytes, empty at the end."""
        return self._count(await self._reader.read(size))

    async def read_record(self, size: int) -> bytes:
        """Exactly `size` bytes, empty at the end; a last piece shorter than that is dropped."""
        try:
            return self._count(await self._reader.readexactly(size))
        except asyncio.IncompleteReadError:
            return b""

    async def read_line(self) -> bytes:
        """One line with its end, empty at the end. Raises ChildFailed for a line beyond any reason."""
        try:
            return self._count(await self._reader.readline())
        except ValueError as error:
            raise ChildFailed(ChildFault.OUTPUT) from error

    async def read_all(self) -> bytes:
        """Everything up to the end."""
        pieces: list[bytes] = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def _count(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise ChildFailed(ChildFault.OUTPUT)
        return data


class Child:
    """A running program. Everything it writes must be read at once, or it waits until its deadline."""

    def __init__(
        self, process: asyncio.subprocess.Process, stdout: ChildPipe, pipes: Sequence[ChildPipe], messages: ChildPipe
    ) -> None:
        self.stdout = stdout
        self.pipes = tuple(pipes)
        self._process = process
        self._expired = False
        self._dismissed = False
        self._seen = b""
        self._peak_bytes = 0
        self._started = time.monotonic()
        self._listening = asyncio.create_task(self._listen(messages), name="child-messages")
        self._looking = asyncio.create_task(self._look(), name="child-memory")

    @property
    def pid(self) -> int:
        """Its process id, which is also that of its group."""
        return self._process.pid

    async def write(self, data: bytes) -> None:
        """Feed its standard input. Bytes for a child that is gone are dropped: `finish` says why it went."""
        stdin = self._process.stdin
        if stdin is not None:
            with suppress(BrokenPipeError, ConnectionResetError):
                stdin.write(data)
                await stdin.drain()

    async def close_stdin(self) -> None:
        """Say that nothing more comes."""
        stdin = self._process.stdin
        if stdin is not None:
            with suppress(BrokenPipeError, ConnectionResetError):
                stdin.close()
                await stdin.wait_closed()

    async def finish(self) -> ChildEnd:
        """Wait for its exit."""
        status = await self._process.wait()
        await asyncio.wait([self._listening])
        return ChildEnd(fault=self._fault(status), complaint=_complaint(self._seen), status=status)

    def expire(self) -> None:
        """End it because its time is over."""
        self._expired = True
        self._kill()

    async def close(self) -> None:
        """End it, whatever it does, and collect its remains, also when the caller is cancelled meanwhile."""
        self._dismissed = self._process.returncode is None and not self._expired
        if self._process.returncode is None or not self._listening.done():
            self._kill()
        if self._process.stdin is not None:
            self._process.stdin.close()
        collecting = asyncio.create_task(self._collect(), name="collect-child")
        try:
            await asyncio.shield(collecting)
        except asyncio.CancelledError:
            await asyncio.wait([collecting])
            raise

    async def _collect(self) -> None:
        await self._process.wait()
        self._listening.cancel()
        self._looking.cancel()
        await asyncio.wait([self._listening, self._looking])

    def report(self, program: str) -> ChildReport:
        """What it took, once it is closed."""
        status = self._process.returncode
        return ChildReport(
            program=program,
            seconds=time.monotonic() - self._started,
            peak_bytes=self._peak_bytes,
            fault=None if status is None or self._dismissed else self._fault(status),
        )

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    async def _listen(self, messages: ChildPipe) -> None:
        while piece := await messages.read():
            self._seen += piece[: max(0, _COMPLAINT_BYTES - len(self._seen))]

    async def _look(self) -> None:
        pause = _FIRST_LOOK_SECONDS
        while self._process.returncode is None:
            await asyncio.sleep(pause)
            self._peak_bytes = max(self._peak_bytes, _peak_bytes(self._process.pid))
            pause = min(2 * pause, _LONGEST_LOOK_SECONDS)

    def _fault(self, status: int) -> ChildFault | None:
        if self._expired:
            return ChildFault.TIMEOUT
        if status < 0:
            return ChildFault.SIGNAL
        known = {0: None, sandbox.REFUSED_STATUS: ChildFault.SANDBOX, sandbox.MISSING_STATUS: ChildFault.MISSING}
        return known.get(status, ChildFault.STATUS)


def _complaint(messages: bytes) -> Complaint:
    if not messages:
        return Complaint.NONE
    return next((complaint for sign, complaint in _SIGNS if sign in messages), Complaint.OTHER)


def _peak_bytes(pid: int) -> int:
    """The most memory a process has taken so far, as Linux counts it; 0 where it is gone or nothing tells."""
    try:
        with open(f"/proc/{pid}/status", "rb") as status:  # noqa: PTH123 - a file of the kernel, read often
            line = next((line for line in status if line.startswith(b"VmHWM:")), b"VmHWM: 0 kB")
    except OSError:
        return 0
    return int(line.split()[1]) * 1024


def _tell(report: ChildReport, status: int | None) -> None:
    _log.debug("%s ran %.2f s, status %s", report.program, report.seconds, status)
    count(Figure.FFMPEG_SECONDS, report.seconds, report.program)
    if report.peak_bytes:
        count(Figure.FFMPEG_RSS_BYTES, float(report.peak_bytes), report.program)
    if (tell := CHILD_ENDED.get()) is not None:
        tell(report)


@asynccontextmanager
async def open_child(
    argv: Sequence[str],
    *,
    readable: Sequence[Path],
    limits: MediaLimits,
    wall_seconds: float,
    stdin: bool = False,
    pipes: int = 0,
    max_output_bytes: int | None = None,
    in_background: bool = False,
) -> AsyncGenerator[Child]:
    """Start a program that can read only `readable` and the system's libraries.

    Its extra output pipes are descriptors 3, 4, …, in `Child.pipes`. Each pipe may carry `max_output_bytes`
    (default: the limits'). At `wall_seconds` its whole process group is killed; so it is when the block is left,
    by whatever way. `in_background`: other children get the processor first. Raises ChildFailed when the program is
    not installed.
    """
    program = shutil.which(argv[0])
    if program is None:
        raise ChildFailed(ChildFault.MISSING)
    most = limits.child_output_bytes if max_output_bytes is None else max_output_bytes
    loop = asyncio.get_running_loop()
    transports: list[asyncio.ReadTransport] = []
    writing: list[int] = []
    try:
        readers: list[asyncio.StreamReader] = []
        for _ in range(2 + pipes):
            read_end, write_end = os.pipe()
            writing.append(write_end)
            reader = asyncio.StreamReader(limit=_BUFFER_BYTES)
            pipe = os.fdopen(read_end, "rb", buffering=0)
            transport, _ = await loop.connect_read_pipe(lambda r=reader: asyncio.StreamReaderProtocol(r), pipe)
            transports.append(transport)
            readers.append(reader)
        rules = sandbox.Rules(
            readable=[str(path) for path in readable],
            layers=limits.sandbox,
            cpu_seconds=limits.cpu_seconds(wall_seconds),
            memory_bytes=limits.child_memory_bytes,
            file_bytes=limits.child_output_bytes,
            pipes=writing[2:],
            niceness=_BACKGROUND_NICENESS if in_background else _NICENESS,
        )
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", _START, _LAUNCHER, *rules.to_arguments(), "--", program, *argv[1:]),
            stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
            stdout=writing[0],
            stderr=writing[1],
            pass_fds=writing[2:],
            env={},
            start_new_session=True,
        )
        while writing:
            os.close(writing.pop())
        stdout, messages, *extra = readers
        child = Child(
            process,
            ChildPipe(stdout, most),
            [ChildPipe(pipe, most) for pipe in extra],
            ChildPipe(messages, sys.maxsize),
        )
        deadline = loop.call_later(wall_seconds, child.expire)
        try:
            yield child
        finally:
            deadline.cancel()
            try:
                await child.close()
            finally:
                _tell(child.report(Path(program).name), process.returncode)
    finally:
        for write_end in writing:
            os.close(write_end)
        for transport in transports:
            transport.close()


async def run_child(
    argv: Sequence[str],
    *,
    readable: Sequence[Path],
    limits: MediaLimits,
    wall_seconds: float,
    stdin: bytes | None = None,
    max_output_bytes: int | None = None,
    in_background: bool = False,
) -> bytes:
    """Run a program to its end and return what it wrote. Raises ChildFailed when it fails in any way."""
    async with open_child(
        argv,
        readable=readable,
        limits=limits,
        wall_seconds=wall_seconds,
        stdin=stdin is not None,
        max_output_bytes=max_output_bytes,
        in_background=in_background,
    ) as child:
        feeding = asyncio.create_task(_feed(child, stdin or b""), name="child-stdin")
        try:
            output = await child.stdout.read_all()
            (await child.finish()).check()
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
        return output


async def _feed(child: Child, data: bytes) -> None:
    await child.write(data)
    await child.close_stdin()
