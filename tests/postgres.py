"""A private PostgreSQL for tests: started once per process, seen by nobody else, gone whatever happens.

The programs come from PATH or from where Debian keeps them. Each test gets a database of its own, copied from one that
was migrated once; nothing it writes is forced to disk.
"""

import asyncio
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import asyncpg

from bot.database.upgrade import upgrade
from bot.database.where import Where

Result = TypeVar("Result")

PASSWORD = "a b/c@d:e?f#g%h"
"""That of the role `locked`, which alone needs one; it has every letter that is written otherwise in a URL."""

_NEEDED = ("initdb", "postgres", "pg_isready")
_TEMPLATE = "migrated"
_ADMINISTRATOR = "kibitz"
_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "autovacuum": "off",  # so that what a test finds was left or removed by us
    "max_connections": "60",
    "shared_buffers": "32MB",
    "max_wal_size": "64MB",
}
_HBA = """\
local all locked scram-sha-256
local all all trust
host all locked 127.0.0.1/32 scram-sha-256
"""
# Ends the server and removes its folder when our end of the pipe closes, which it does however we end.
_GUARD = '"$@" & pid=$!; cat >/dev/null; kill -QUIT $pid 2>/dev/null; wait $pid; rm -rf "$FOLDER"'


def missing() -> str | None:
    """Why no PostgreSQL can be started here; None: one can."""
    lacks = [name for name in _NEEDED if _program(name) is None]
    if lacks:
        return f"PostgreSQL is not installed here (no {', '.join(lacks)}); make test installs it on Debian and Ubuntu"
    return None


def _program(name: str) -> str | None:
    by_version = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: -float(folder.parent.name))
    found = [shutil.which(name, path=str(folder)) for folder in by_version]
    return next((path for path in (*found, shutil.which(name)) if path), None)


class Cluster:
    """A server that runs. Databases are made and dropped by name."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._numbers = itertools.count(1)

    def url(self, database: str) -> str:
        """Without a password, through the socket."""
        return f"postgresql://{_ADMINISTRATOR}@/{database}?host={self.folder}&port={self.port}"

    def run(self, *statements: str, database: str = "postgres") -> list[Any]:
        """Each in a transaction of its own; the rows of the last. Blocks, also inside an event loop."""
        return apart(_execute(self.url(database), statements))

    @contextmanager
    def database(self, *, empty: bool = False) -> Iterator[str]:
        """The URL of a new one with our tables in it, or with nothing."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {'template0' if empty else _TEMPLATE}")
        try:
            yield self.url(name)
        finally:
            self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """About a second until it is ready. Needs what `missing` looks for."""
    folder = Path(tempfile.mkdtemp(prefix="kibitz-postgres-", dir=_in_memory()))
    user = _owner(folder)
    port = _free_port()
    initdb = [_program("initdb"), "--pgdata", str(folder / "data"), "--username", _ADMINISTRATOR, "--auth", "trust"]
    initdb += ["--encoding", "UTF8", "--no-locale", "--no-sync", "--no-instructions"]
    try:
        subprocess.run(initdb, check=True, capture_output=True, cwd=folder, user=user)
        (folder / "data" / "pg_hba.conf").write_text(_HBA)
        options = {**_OPTIONS, "unix_socket_directories": str(folder), "port": str(port)}
        server = [_program("postgres"), "-D", str(folder / "data")]
        server += [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", *server],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "FOLDER": str(folder)},
            cwd="/",
            user=user,
            start_new_session=True,
        )
        assert guard.stdin is not None
        try:
            _wait_until_ready(folder, port)
            cluster = Cluster(folder, port)
            _prepare(cluster)
            yield cluster
        finally:
            guard.stdin.close()
            guard.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> Path | None:
    """A database is hundreds of files, which a disk makes ten times as slowly. None: there is no room."""
    folder = Path("/dev/shm")
    return folder if folder.is_dir() and shutil.disk_usage(folder).free >= 2**30 else None


def _owner(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root, so somebody else owns it then; None: we do."""
    if os.getuid() != 0:
        return None
    user = next(name for name in ("postgres", "nobody") if _exists(name))
    shutil.chown(folder, user)
    return user


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _exists(user: str) -> bool:
    return subprocess.run(["id", user], capture_output=True, check=False).returncode == 0


def _wait_until_ready(folder: Path, port: int) -> None:
    ask = [str(_program("pg_isready")), "-q", "-h", str(folder), "-p", str(port), "-t", "1"]
    for _ in range(600):
        if subprocess.run(ask, check=False, env={**os.environ, "PGCONNECT_TIMEOUT": "1"}).returncode == 0:
            return
        apart(asyncio.sleep(0.05))
    raise AssertionError("PostgreSQL did not start")


def _prepare(cluster: Cluster) -> None:
    quoted = PASSWORD.replace("'", "''")
    cluster.run(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0", f"CREATE ROLE locked LOGIN PASSWORD '{quoted}'")
    apart(upgrade(Where(directory=cluster.folder, url=cluster.url(_TEMPLATE))))


async def _execute(url: str, statements: tuple[str, ...]) -> list[Any]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[Any] = []
        for statement in statements:
            rows = await connection.fetch(statement)
        return rows
    finally:
        await connection.close()


def apart(work: Coroutine[Any, Any, Result]) -> Result:
    """Wait for it whether or not a loop runs in this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
