"""`doctor --image` tells a container that is locked in from one that is not."""

from pathlib import Path

import pytest

from bot.cli import image
from bot.cli.doctor import Verdict
from bot.cli.image import examine_image
from bot.config import Settings

LOCKED = {
    "proc/self/status": """\
Name:	python
Uid:	10001	10001	10001	10001
CapInh:	0000000000000000
CapPrm:	0000000000000000
CapEff:	0000000000000000
CapBnd:	0000000000000000
CapAmb:	0000000000000000
NoNewPrivs:	1
Seccomp:	2
Seccomp_filters:	1
""",
    "proc/self/mountinfo": """\
79 54 0:39 / / ro,relatime master:2 - overlay overlay rw,lowerdir=/a,upperdir=/b,workdir=/c
80 79 0:42 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
97 79 254:0 /volumes/kibitz-data/_data /data rw,relatime master:1 - ext4 /dev/vda rw
98 79 0:48 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,size=2097152k
""",
    "proc/1/comm": "docker-init\n",
    "sys/fs/cgroup/pids.max": "256\n",
    "sys/fs/cgroup/memory.max": "4294967296\n",
    "sys/fs/cgroup/memory.swap.max": "0\n",
}
OLD_GROUPS = {
    "sys/fs/cgroup/pids.max": None,
    "sys/fs/cgroup/memory.max": None,
    "sys/fs/cgroup/memory.swap.max": None,
    "sys/fs/cgroup/pids/pids.max": "256\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "4294967296\n",
    "sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": "4294967296\n",
}


@pytest.fixture(autouse=True)
def walls(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel with Landlock, and a program that we may not write to, whoever we are."""
    monkeypatch.setattr(image, "available_layers", lambda: (7, True))
    monkeypatch.setattr(image.os, "access", lambda *_: False)


def failed(folder: Path, changes: dict[str, str | None] | None = None, *, sandbox: str = "required") -> list[str]:
    """What is told to be wrong in a container of these files."""
    for name, text in (LOCKED | (changes or {})).items():
        if text is not None:
            file = folder / "root" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    (folder / "sbom.cdx.json").touch()
    settings = Settings.model_validate({"media": {"sandbox": sandbox}})
    checks = examine_image(settings, folder / "root", folder)
    return [check.what for check in checks if check.verdict is Verdict.FAIL]


@pytest.mark.parametrize("groups", [{}, OLD_GROUPS], ids=["groups 2", "groups 1"])
def test_a_container_that_is_locked_in_passes(tmp_path: Path, groups: dict[str, str | None]) -> None:
    assert failed(tmp_path, groups) == []


STATUS, MOUNTS = LOCKED["proc/self/status"], LOCKED["proc/self/mountinfo"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"proc/self/status": STATUS.replace("10001", "0")}, "root"),
        (
            {"proc/self/status": STATUS.replace("CapBnd:	0000000000000000", "CapBnd:	00000000a80425fb")},
            "cap_drop",
        ),
        (
            {"proc/self/status": STATUS.replace("CapEff:	0000000000000000", "CapEff:	0000000000000400")},
            "cap_drop",
        ),
        ({"proc/self/status": STATUS.replace("NoNewPrivs:	1", "NoNewPrivs:	0")}, "no-new-privileges"),
        ({"proc/self/status": STATUS.replace("Seccomp:	2", "Seccomp:	0")}, "seccomp"),
        ({"proc/self/mountinfo": MOUNTS.replace(" / / ro,", " / / rw,")}, "read_only"),
        ({"proc/self/mountinfo": MOUNTS.replace("nodev,noexec,relatime - tmpfs", "relatime - tmpfs")}, "nodev, noexec"),
        ({"proc/self/mountinfo": "\n".join(MOUNTS.splitlines()[:-1])}, "tmpfs"),
        ({"sys/fs/cgroup/pids.max": "max\n"}, "pids_limit"),
        ({"sys/fs/cgroup/pids.max": "257\n"}, "pids_limit"),
        ({"sys/fs/cgroup/memory.max": "max\n"}, "mem_limit"),
        ({"sys/fs/cgroup/memory.swap.max": "max\n"}, "memswap_limit"),
        (OLD_GROUPS | {"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, "mem_limit"),
        (OLD_GROUPS | {"sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": "8589934592\n"}, "memswap_limit"),
        ({"proc/1/comm": "python\n"}, "init: true"),
    ],
)
def test_each_wall_that_is_missing_is_named(tmp_path: Path, changes: dict[str, str | None], words: str) -> None:
    (told,) = failed(tmp_path, changes)
    assert words in told


def test_a_sandbox_that_is_not_required_is_named(tmp_path: Path) -> None:
    (told,) = failed(tmp_path, sandbox="best-effort")
    assert "KIBITZ_MEDIA__SANDBOX=required" in told


def test_a_kernel_without_landlock_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "available_layers", lambda: (0, True))
    (told,) = failed(tmp_path)
    assert "Landlock" in told


@pytest.mark.parametrize(("version", "verdict"), [("3.46.1", Verdict.WARN), ("3.51.3", Verdict.OK)])
def test_an_old_sqlite_is_a_warning(version: str, verdict: Verdict) -> None:
    assert image._sqlite(version).verdict is verdict
