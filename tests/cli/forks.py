"""`python -m bot …` without waiting for it to load: one process loads everything and forks for each run.

A run is a process of its own all the same, with its own streams, folder, variables and exit code. What depends on how
a process starts, or is told by a signal, starts one.
"""

import importlib
import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
# Before it forks: everything, and of what is loaded only where it is needed what most runs need.
_LOADED = (
    "bot.cli.main",
    "aiosqlite",
    "alembic.command",
    "alembic.ddl.sqlite",
    "rich.progress",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "typer.rich_utils",
)
_LONGEST_SECONDS = 120
_MOST_BYTES = 2**20


class Forks:
    """A context; runs come one after the other."""

    def __enter__(self) -> "Forks":
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, "-m", "tests.cli.forks", str(theirs.fileno())]
            self._process = subprocess.Popen(command, cwd=ROOT, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL)
        return self

    def __exit__(self, *error: object) -> None:
        self._line.close()
        self._process.wait()

    def run(
        self, *arguments: str | Path, cwd: Path, env: dict[str, str], stdin: Path = Path(os.devnull)
    ) -> subprocess.CompletedProcess[bytes]:
        words = [str(argument) for argument in arguments]
        wanted = json.dumps({"arguments": words, "cwd": str(cwd), "env": env}).encode()
        with stdin.open("rb") as piped, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            socket.send_fds(self._line, [wanted], [stream.fileno() for stream in (piped, output, errors)])
            code = json.loads(self._line.recv(_MOST_BYTES))
            output.seek(0)
            errors.seek(0)
            return subprocess.CompletedProcess(words, code, output.read(), errors.read())


def serve(line: socket.socket) -> dict[str, Any]:
    """In each child: what it is to run. Ends when nobody asks any more."""
    while True:
        wanted, streams, _, _ = socket.recv_fds(line, _MOST_BYTES, 3)
        if not wanted:
            sys.exit()
        child = os.fork()
        if child == 0:
            for number, stream in enumerate(streams):
                os.dup2(stream, number)
                os.close(stream)
            line.close()
            signal.alarm(_LONGEST_SECONDS)
            return json.loads(wanted)
        for stream in streams:
            os.close(stream)
        line.send(json.dumps(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])).encode())


if __name__ == "__main__":
    for name in _LOADED:
        importlib.import_module(name)

    with socket.socket(fileno=int(sys.argv[1])) as asked:
        run = serve(asked)
    os.chdir(run["cwd"])
    os.environ.clear()
    os.environ.update(run["env"])
    sys.argv = ["bot", *run["arguments"]]
    runpy.run_module("bot", run_name="__main__", alter_sys=True)
