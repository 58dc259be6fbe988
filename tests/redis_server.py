"""A private Redis for tests: started once per process, on a port of this machine, gone whatever happens."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Ends the server when our end of the pipe closes, which it does however we end.
_GUARD = '"$@" & pid=$!; cat >/dev/null; kill -KILL $pid 2>/dev/null; wait $pid; rm -rf "$FOLDER"'


def missing() -> str | None:
    """Why no Redis can be started here; None: one can."""
    if shutil.which("redis-server") is None:
        return "Redis is not installed here (no redis-server); make test installs it on Debian and Ubuntu"
    return None


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The URL of a server; what needs it is skipped, with the reason, where there is none."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with running_redis() as url:
        yield url


@contextmanager
def running_redis() -> Iterator[str]:
    """Its URL. It keeps nothing on disk. Needs what `missing` looks for."""
    folder = Path(tempfile.mkdtemp(prefix="kibitz-redis-"))
    port = _free_port()
    server = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    guard = subprocess.Popen(
        ["sh", "-c", _GUARD, "guard", *server],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "FOLDER": str(folder)},
        cwd=folder,
        start_new_session=True,
    )
    assert guard.stdin is not None
    try:
        _wait_until_ready(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        guard.stdin.close()
        guard.wait()


def empty(url: str) -> None:
    """Forget everything."""
    with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2].partition("/")[0])), 5) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(64).startswith(b"+OK")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_ready(port: int) -> None:
    for _ in range(200):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(16).startswith(b"+PONG"):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError("Redis did not start")
