"""Watches every file and socket that media children open, with strace, and holds it to what each may read."""

import asyncio
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.media import child, sandbox

_CALLS = "open,openat,openat2,creat,socket,socketpair,connect,bind,execve"
_OPENED = re.compile(r'(?:open|openat|openat2|creat)\((?:AT_FDCWD, )?"((?:[^"\\]|\\.)*)", (.*)\) = (\d+|-1 \w+)')
_SOCKET = re.compile(r"(?:socket|socketpair|connect|bind)\(.*\) = \d+")
_LINKS = ("/proc/mounts", "/etc/localtime")  # into /proc/self and /usr
_WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")


def has_strace() -> bool:
    return shutil.which("strace") is not None


@dataclass(slots=True)
class Trace:
    """What was found. `outside` are files opened that the child may not read, `sockets` those that were made."""

    children: int = 0
    opened: int = 0
    outside: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    sockets: Counter[str] = field(default_factory=Counter)


@contextmanager
def traced(folder: Path) -> Iterator[Trace]:
    """Every child of the block runs under strace; what it did is known when the block is left."""
    folder.mkdir()
    strace = shutil.which("strace") or "strace"
    start = asyncio.create_subprocess_exec
    allowed: list[list[str]] = []
    found = Trace()

    async def start_traced(*argv: str, **options: Any) -> asyncio.subprocess.Process:
        cut = argv.index("--")
        rules = sandbox.Rules.from_arguments(list(argv[argv.index(child._LAUNCHER) + 1 : cut]))
        log = folder / str(len(allowed))
        allowed.append([*sandbox.LIBRARIES, *_LINKS, argv[cut + 1], *rules.readable])
        watch = (strace, "-f", "-qq", "--seccomp-bpf", "-s", "4096", "-e", f"trace={_CALLS}", "-o", str(log))
        return await start(*watch, *argv, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "create_subprocess_exec", start_traced)
        yield found
    for place, paths in enumerate(allowed):
        log = folder / str(place)
        if log.exists():
            _judge(log.read_text(errors="replace"), paths, found)


def _judge(log: str, allowed: list[str], found: Trace) -> None:
    """What the program did after it took the launcher's place."""
    found.children += 1
    _, _, after = log.partition("execve(")
    _, begun, after = after.partition("execve(")
    for line in after.splitlines() if begun else ():
        if _SOCKET.search(line):
            found.sockets[line] += 1
        match = _OPENED.search(line)
        if match is None:
            continue
        path, flags, result = match.groups()
        path = path.encode().decode("unicode_escape").encode("latin-1").decode(errors="replace")
        may = any(path == each or path.startswith(f"{each}/") for each in allowed)
        if result.startswith("-1"):
            if not may and "ENOENT" not in result:
                found.refused[f"{path} {result}"] += 1
            continue
        found.opened += 1
        writes = any(flag in flags for flag in _WRITES) and path != "/dev/null"
        if not may or writes:
            found.outside[f"{path} {flags}"] += 1
