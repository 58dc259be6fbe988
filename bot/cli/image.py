"""`doctor --image`: whether a container is locked in as it should be. Reads /proc and /sys; changes nothing."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import typer

from bot.cli.doctor import Check, Verdict
from bot.config import Settings
from bot.database import sqlite
from bot.media.sandbox import available_layers

MOST_PROCESSES = 256

_PROGRAM = Path(__file__).parents[2]
_SBOM = _PROGRAM / "sbom.cdx.json"
_TMP = "/tmp"  # noqa: S108 - a place to look at
_TMP_OPTIONS = {"noexec", "nosuid", "nodev"}
_UNLIMITED = 2**60
_CGROUP = {
    "pids.max": ("pids.max", "pids/pids.max"),
    "memory": ("memory.max", "memory/memory.limit_in_bytes"),
    "swap": ("memory.swap.max", "memory/memory.memsw.limit_in_bytes"),
}


def examine_image(settings: Settings, root: Path = Path("/"), program: Path = _PROGRAM) -> Iterator[Check]:
    """Every wall around the bot. `root` holds proc and sys."""
    status = _status(root)
    mounts = _mounts(root)
    yield _held(status.get("Uid", "0").split()[0] != "0", "not root", "runs as root; keep USER of the Dockerfile")
    yield _held(
        not os.access(program, os.W_OK), "the program cannot be changed by the bot", f"the bot may write to {program}"
    )
    yield _held("ro" in mounts.get("/", set()), "read-only root", "the root can be written to; set read_only: true")
    rights = {name: int(status.get(name, "1"), 16) for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb")}
    yield _held(not any(rights.values()), "no capabilities", "has capabilities; set cap_drop: [ALL]")
    yield _held(status.get("NoNewPrivs") == "1", "no new privileges", "may gain privileges; set no-new-privileges:true")
    yield _held(status.get("Seccomp") == "2", "a seccomp profile", "runs without a seccomp profile; keep Docker's own")
    yield _temporary(mounts)
    yield from _limits(root)
    yield _init(root)
    landlock, seccomp = available_layers()
    yield _held(
        bool(landlock and seccomp),
        f"Landlock {landlock} and seccomp for clips",
        "Landlock or seccomp is missing for clips; update the kernel or Docker",
    )
    yield _held(
        settings.media.sandbox == "required",
        "no clip is opened without the sandbox",
        "clips may be opened without the sandbox; set KIBITZ_MEDIA__SANDBOX=required",
    )
    yield _sqlite(sqlite.VERSION)
    yield _held(
        (program / _SBOM.name).is_file(), f"list of parts {_SBOM.name}", f"no list of parts {program / _SBOM.name}"
    )


def report_image(settings: Settings) -> bool:
    """Print every check; True when all walls stand."""
    checks = list(examine_image(settings))
    for check in checks:
        typer.echo(f"{check.verdict.value:<5} {check.what}")
    return all(check.verdict is not Verdict.FAIL for check in checks)


def _held(holds: bool, what: str, otherwise: str) -> Check:
    return Check(verdict=Verdict.OK, what=what) if holds else Check(verdict=Verdict.FAIL, what=otherwise)


def _status(root: Path) -> dict[str, str]:
    lines = (root / "proc/self/status").read_text(encoding="utf-8").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _mounts(root: Path) -> dict[str, set[str]]:
    """The options of each place; the last mount of a place is the one that is seen."""
    found: dict[str, set[str]] = {}
    for line in (root / "proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        fields = line.split()
        found[fields[4]] = set(fields[5].split(","))
    return found


def _temporary(mounts: dict[str, set[str]]) -> Check:
    missing = sorted(_TMP_OPTIONS - mounts.get(_TMP, set()))
    otherwise = f"{_TMP} lacks {', '.join(missing)}; keep tmpfs of compose.yaml"
    return _held(not missing, f"nothing in {_TMP} can be executed", otherwise)


def _limits(root: Path) -> Iterator[Check]:
    processes, memory, swap = (_limit(root, name) for name in _CGROUP)
    yield _held(
        processes is not None and processes <= MOST_PROCESSES,
        f"at most {processes} processes",
        f"more than {MOST_PROCESSES} processes may run; set pids_limit: {MOST_PROCESSES}",
    )
    if memory is None:
        yield Check(verdict=Verdict.FAIL, what="memory has no limit; set mem_limit and memswap_limit")
        return
    is_old = (root / "sys/fs/cgroup" / _CGROUP["memory"][1]).is_file()
    swapped = None if swap is None else swap - memory if is_old else swap
    yield _held(
        swapped == 0,
        f"{memory / 2**30:.1f} GiB of memory, no swap",
        "memory may be swapped to disk; set memswap_limit to mem_limit",
    )


def _limit(root: Path, name: str) -> int | None:
    """What the control group of either version allows; None: nothing is set, or nothing says so."""
    for file in _CGROUP[name]:
        path = root / "sys/fs/cgroup" / file
        if path.is_file():
            text = path.read_text(encoding="utf-8").strip()
            return int(text) if text.isdecimal() and int(text) < _UNLIMITED else None
    return None


def _init(root: Path) -> Check:
    first = (root / "proc/1/comm").read_text(encoding="utf-8").strip()
    is_init = re.search(r"init|tini|systemd", first) is not None
    return _held(is_init, f"{first} takes care of processes that end", "nothing reaps processes; set init: true")


def _sqlite(version: str) -> Check:
    if _numbers(version) >= _numbers(sqlite.SAFE_VERSION):
        return Check(verdict=Verdict.OK, what=f"SQLite {version}")
    return Check(
        verdict=Verdict.WARN,
        what=f"SQLite {version}, older than {sqlite.SAFE_VERSION}: "
        "safe with one bot and its single writing connection; let no other program write to the file",
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
