"""Where a running bot can be asked for its health: a small file in the data folder, and the asking."""

import http.client
import json
import os
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

INSTANCE_HEADER = "X-Kibitz-Instance"
"""Says which process answers, so that another one on the same port is not taken for it."""

_PATTERN = "status-*.json"
_LONGEST_ANSWER = 65_536


@dataclass(frozen=True, slots=True, kw_only=True)
class Beacon:
    """`name`: which of the bot's processes; `machine`: on which it runs, as a data folder may be shared by several;
    `pid`: its process there."""

    name: str
    host: str
    port: int
    instance: str
    machine: str
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a process answered. `problems` are in a few words; None: it did not answer, or another one did."""

    name: str
    problems: tuple[str, ...] | None
    is_ready: bool = False


def beacon_for(name: str, host: str, port: int) -> Beacon:
    """One for this process."""
    return Beacon(
        name=name,
        host=host,
        port=port,
        instance=secrets.token_hex(8),
        machine=socket.gethostname(),
        pid=os.getpid(),
    )


def light(folder: Path, beacon: Beacon) -> Path:
    """Write it; the file, which is nobody else's to read. Those of processes that were killed go: one that was started
    anew may have another name."""
    for other in beacons(folder):
        if not Path("/proc", str(other.pid)).exists() and Path("/proc/self").exists():
            put_out(folder, other)
    path = folder / f"status-{beacon.name}.json"
    fresh = path.with_suffix(f".{os.getpid()}.new")
    fresh.write_text(json.dumps(asdict(beacon)), encoding="utf-8")
    fresh.chmod(0o600)
    fresh.replace(path)
    return path


def put_out(folder: Path, beacon: Beacon) -> None:
    """Remove the file unless another process has written it since."""
    if beacon in beacons(folder):
        (folder / f"status-{beacon.name}.json").unlink(missing_ok=True)


def beacons(folder: Path) -> tuple[Beacon, ...]:
    """Those of processes that run, or were killed, on this machine with this data."""
    found: list[Beacon] = []
    for path in sorted(folder.glob(_PATTERN)):
        try:
            fields = cast("dict[str, Any]", json.loads(path.read_text(encoding="utf-8")))
            found.append(
                Beacon(
                    name=path.stem.removeprefix("status-"),
                    host=str(fields["host"]),
                    port=int(fields["port"]),
                    instance=str(fields["instance"]),
                    machine=str(fields["machine"]),
                    pid=int(fields["pid"]),
                )
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return tuple(one for one in found if one.machine == socket.gethostname())


def ask(beacon: Beacon, *, seconds: float) -> Told:
    """Its health. Blocks for so long at most."""
    nothing = Told(name=beacon.name, problems=None)
    connection = http.client.HTTPConnection(_reachable(beacon.host), beacon.port, timeout=seconds)
    try:
        connection.request(
            "GET", "/healthz", headers={"Host": f"localhost:{beacon.port}", INSTANCE_HEADER: beacon.instance}
        )
        answer = connection.getresponse()
        body = answer.read(_LONGEST_ANSWER)
        if answer.getheader(INSTANCE_HEADER) != beacon.instance:
            return nothing
        fields = cast("dict[str, Any]", json.loads(body))
        checks = cast("list[dict[str, Any]]", fields["checks"])
        bad = tuple(f"{check['name']}: {check['says']}" for check in checks if not check["is_well"])
        return Told(name=beacon.name, problems=bad, is_ready=bool(fields["is_ready"]))
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return nothing
    finally:
        connection.close()


def _reachable(host: str) -> str:
    """Where a server that listens everywhere is found on its own machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what is asked, not where is listened
