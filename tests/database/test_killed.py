"""Killed at any moment: what was acknowledged is there, nothing is half done, nothing is damaged.

KIBITZ_DEATHS sets how often it is killed while writing; the default suits every run of the suite, 200 a release.
"""

import json
import os
import subprocess
import sys
from typing import Any

from bot.database.where import Where

DEATHS = int(os.environ.get("KIBITZ_DEATHS", "8"))


def outcome(where: Where, kind: str, count: int) -> dict[str, Any]:
    """See dying.py; it runs apart from this process, which must not be forked."""
    argv = [sys.executable, "-m", "tests.database.dying", str(where.directory), where.url or "", kind, str(count), "7"]
    done = subprocess.run(argv, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_deaths_while_writing_lose_and_damage_nothing(where: Where) -> None:
    came = outcome(where, "writes", DEATHS)
    assert came["wrong"] == []
    assert came["killed"] == DEATHS
    assert sum(came["kept"].values()) >= DEATHS
    assert sum(came["interrupted"].values()) >= DEATHS / 2
    assert came["kept"].keys() >= {"turn", "accept", "seen", "finish", "forget", "voice", "wipe"}


def test_deaths_while_the_tables_change_leave_the_old_or_the_new(where: Where) -> None:
    came = outcome(where, "upgrade", 8)
    assert came["wrong"] == []
    assert sum(came["states"].values()) == 8


def test_deaths_while_a_backup_is_made_leave_a_whole_one_or_none(where: Where) -> None:
    came = outcome(where, "backup", 8)
    assert came["wrong"] == []
    assert came["files"] >= came["finished"]
