"""`db` as an operator uses it: upgrade, backup, check, restore; on both databases, with remedies and exit codes."""

import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from bot.cli.main import cli
from bot.config import load_settings
from bot.database.engine import open_database
from bot.database.upgrade import REVISION
from bot.database.where import Where
from bot.discord_io.heartbeat import heartbeat_file
from bot.memory.store import Memory
from tests.databases import POSTGRESQL, SQLITE, only, unmade
from tests.postgres import apart

from ..database.material import turn

Kibitz = Callable[..., Result]


@pytest.fixture
def kibitz(where: Where, monkeypatch: pytest.MonkeyPatch) -> Kibitz:
    """`python -m bot db …` on this database, or on `other`; the log of the tests stays as it is."""
    monkeypatch.setattr("bot.cli.opening.set_up_logging", lambda *_, **__: None)

    def run(*arguments: str | Path, other: Where = where) -> Result:
        monkeypatch.setenv("KIBITZ_DATA__DIRECTORY", str(other.directory))
        monkeypatch.setenv("KIBITZ_DATA__URL", other.url or "")
        return CliRunner().invoke(cli, ["db", *map(str, arguments)])

    return run


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    with unmade(request, tmp_path / "empty") as there:
        yield there


def keep_a_turn(where: Where) -> None:
    async def keep() -> None:
        async with open_database(where) as database:
            await Memory(database).keep_turn(turn(1))

    apart(keep())


def spoil(where: Where, *statements: str) -> None:
    """Past everything that would prevent it."""
    if where.url is None:
        with closing(sqlite3.connect(where.file, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)
        return

    async def change() -> None:
        connection = await asyncpg.connect(where.url)
        for statement in ("SET session_replication_role = replica", *statements):
            await connection.execute(statement)
        await connection.close()

    apart(change())


@only(SQLITE)
def test_upgrade_says_from_where_to_where(kibitz: Kibitz, empty: Where) -> None:
    assert kibitz("upgrade", other=empty).stdout == f"A new database was made ({REVISION}).\n"
    assert kibitz("upgrade", other=empty).stdout == f"The database is up to date ({REVISION}).\n"


def test_a_backup_is_printed_checked_and_put_back_elsewhere(kibitz: Kibitz, where: Where, empty: Where) -> None:
    keep_a_turn(where)
    made = kibitz("backup")
    assert made.exit_code == 0
    file = Path(made.stdout.strip())
    assert file.parent == where.directory / "backups"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    back = kibitz("restore", file, other=empty)
    assert (back.exit_code, back.stdout[:15]) == (0, "Rows put back: ")
    assert kibitz("check", other=empty).stdout == "ok\n"
    again = kibitz("restore", file, other=empty)
    assert again.exit_code == 1
    assert "already holds something" in again.stderr


def test_a_backup_may_be_named_and_replaces_nothing(kibitz: Kibitz, tmp_path: Path) -> None:
    file = tmp_path / "mine.db"
    assert kibitz("backup", file).stdout == f"{file}\n"
    before = file.read_bytes()
    again = kibitz("backup", file)
    assert (again.exit_code, again.stderr) == (2, f"{file} exists already; name a new file.\n")
    assert file.read_bytes() == before
    nowhere = kibitz("backup", tmp_path / "nowhere" / "mine.db")
    assert (nowhere.exit_code, nowhere.stdout) == (1, "")
    assert "could not be written" in nowhere.stderr


def test_check_says_ok_or_every_problem(kibitz: Kibitz, where: Where) -> None:
    keep_a_turn(where)
    assert (kibitz("check").exit_code, kibitz("check").stdout) == (0, "ok\n")
    spoil(
        where,
        "INSERT INTO turn_people (job_id, person_id) VALUES ('gone', 1), ('gone', 2)",
        "INSERT INTO findings (sha256, half, recipe, value) VALUES ('gone', 'seen', 'r', '{}')",
    )
    checked = kibitz("check")
    assert checked.exit_code == 1
    assert sorted(checked.stdout.splitlines()) == [
        "1 of findings refer to clips that are gone.",
        "2 of turn_people refer to turns that are gone.",
    ]


@only(SQLITE)
def test_check_finds_an_index_that_does_not_match(kibitz: Kibitz, where: Where) -> None:
    spoil(
        where,
        "DROP TRIGGER passages_added",
        "INSERT INTO passages (place, words) VALUES ('p', 'words')",
    )
    checked = kibitz("check")
    assert (checked.exit_code, checked.stdout) == (1, "The full-text index passages_fts does not match its table.\n")


@only(SQLITE)
def test_check_finds_damage(kibitz: Kibitz, where: Where) -> None:
    keep_a_turn(where)
    whole = where.file.read_bytes()
    where.file.write_bytes(whole[:8192] + bytes(4096) + whole[12288:])
    checked = kibitz("check")
    assert checked.exit_code == 1
    assert "damaged" in checked.stdout


@pytest.mark.parametrize(("revision", "says"), [("0000", "older version"), ("9999", "newer version")])
def test_check_tells_another_version(kibitz: Kibitz, where: Where, revision: str, says: str) -> None:
    spoil(where, f"UPDATE alembic_version SET version_num = '{revision}'")
    checked = kibitz("check")
    assert checked.exit_code == 1
    assert says in checked.stdout


@only(SQLITE)
def test_before_there_is_a_database_each_says_what_to_do(kibitz: Kibitz, empty: Where) -> None:
    for command in ("check", "backup"):
        done = kibitz(command, other=empty)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "python -m bot db upgrade" in done.stderr


@only(SQLITE)
def test_what_is_put_back_while_the_bot_runs_is_refused(kibitz: Kibitz, where: Where, tmp_path: Path) -> None:
    kibitz("backup", tmp_path / "mine.db")
    beat = heartbeat_file(load_settings(environ={"KIBITZ_DATA__DIRECTORY": str(where.directory)}))
    beat.touch()
    done = kibitz("restore", tmp_path / "mine.db")
    assert (done.exit_code, done.stderr) == (1, "The bot that runs on this data has to be stopped first.\n")


@only(SQLITE)
def test_a_file_that_is_no_backup_is_refused(kibitz: Kibitz, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "poems.db")) as connection:
        connection.execute("CREATE TABLE poems (line)")
    done = kibitz("restore", tmp_path / "poems.db")
    assert (done.exit_code, done.stderr) == (
        1,
        "The file is damaged or is no backup of this program. Name another one.\n",
    )


@only(SQLITE)
def test_no_command_repeats_a_password(kibitz: Kibitz, tmp_path: Path) -> None:
    away = Where(directory=tmp_path, url="postgresql://kibitz:canary-password@127.0.0.1:1/kibitz")
    for command in (["upgrade"], ["backup"], ["check"], ["restore", tmp_path / "x.db"]):
        done = kibitz(*command, other=away)
        assert done.exit_code == 1
        assert done.stderr.endswith(".\n")
        assert "canary" not in done.output
