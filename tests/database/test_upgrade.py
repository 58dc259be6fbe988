"""A database from nothing, from an older and from a newer version; damaged, foreign and unwritable ones."""

import logging
import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from bot.database import upgrade as upgrade_module
from bot.database.engine import open_database
from bot.database.tables import Base
from bot.database.upgrade import MIGRATIONS, REVISION, is_current, upgrade
from bot.domain.errors import MemoryFault
from bot.memory.store import Memory

from .material import turn

NEXT = """
import sqlalchemy as sa
from alembic import op

revision = "9999"
down_revision = "{before}"


def upgrade() -> None:
    op.add_column("turns", sa.Column("mood", sa.Text))
    {then}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "100% data" / "kibitz.db"


def migrations_of_tomorrow(tmp_path: Path, then: str = "pass") -> Path:
    folder = tmp_path / "100% migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_mood.py").write_text(NEXT.format(before=REVISION, then=then))
    return folder


def columns(path: Path, table: str = "turns") -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def copies(path: Path) -> list[Path]:
    return [file for file in path.parent.iterdir() if file.suffix == ".copy"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def refusal(path: Path) -> str:
    with pytest.raises(MemoryFault) as caught:
        upgrade(path)
    assert caught.value.public.endswith(".")
    return caught.value.code


def test_migrations_make_what_the_tables_say(path: Path) -> None:
    upgrade(path)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        differences = compare_metadata(context, Base.metadata)
        revision = context.get_current_revision()
    engine.dispose()
    assert differences == []
    assert revision == REVISION


def test_the_revision_in_the_code_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_an_installed_program_carries_the_migrations() -> None:
    text = (MIGRATIONS.parent / "pyproject.toml").read_text()
    assert '"migrations" = "bot/migrations"' in text
    assert Path(upgrade_module.__file__).parent.parent / "migrations" == upgrade_module._IN_PACKAGE


async def test_file_and_folder_are_private(path: Path) -> None:
    async with open_database(path) as database:
        await Memory(database).keep_turn(turn(1))
        assert mode(path.parent) == 0o700
        assert {mode(file) for file in path.parent.iterdir()} == {0o600}
        assert len(list(path.parent.iterdir())) == 3  # the file, its log and the log's index


async def test_a_file_others_could_read_is_made_private(path: Path) -> None:
    path.parent.mkdir(mode=0o755)
    path.touch(mode=0o644)
    async with open_database(path):
        assert (mode(path.parent), mode(path)) == (0o700, 0o600)


async def test_an_older_database_is_copied_then_brought_up_to_date(path: Path, tmp_path: Path) -> None:
    async with open_database(path) as database:
        await Memory(database).keep_turn(turn(1))
    upgrade(path, migrations=migrations_of_tomorrow(tmp_path), newest="9999")
    assert "mood" in columns(path)
    (copy,) = copies(path)
    assert copy.name.startswith(f"kibitz.db.{REVISION}.")
    assert mode(copy) == 0o600
    assert "mood" not in columns(copy)
    shutil.copy(copy, path)
    async with open_database(path) as database:
        assert await Memory(database).turn(turn(1).job_id) == turn(1)


def test_a_migration_that_fails_leaves_the_database_as_it_was(path: Path, tmp_path: Path) -> None:
    upgrade(path)
    broken = migrations_of_tomorrow(tmp_path, then='op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(MemoryFault) as caught:
        upgrade(path, migrations=broken, newest="9999")
    assert caught.value.code == "memory_failed"
    assert "mood" not in columns(path)
    assert len(copies(path)) == 1
    upgrade(path)


def test_two_that_start_at_once_upgrade_once(path: Path, tmp_path: Path) -> None:
    upgrade(path)
    tomorrow = migrations_of_tomorrow(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(upgrade, path, migrations=tomorrow, newest="9999") for _ in range(2)]:
            done.result()
    assert "mood" in columns(path)
    assert len(copies(path)) == 1


def test_nothing_is_copied_and_no_migration_is_read_when_nothing_is_due(path: Path, tmp_path: Path) -> None:
    upgrade(path)
    upgrade(path, migrations=tmp_path / "no such folder")
    assert copies(path) == []


def test_a_newer_database_is_refused_and_left_alone(path: Path, tmp_path: Path) -> None:
    upgrade(path)
    upgrade(path, migrations=migrations_of_tomorrow(tmp_path), newest="9999")
    before = path.read_bytes()
    assert refusal(path) == "database_newer"
    assert path.read_bytes() == before


def test_a_database_can_be_looked_at_without_an_upgrade(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    assert not is_current(path)
    assert columns(path) == set()
    upgrade(path)
    assert is_current(path)
    upgrade(path, migrations=migrations_of_tomorrow(tmp_path), newest="9999")
    with pytest.raises(MemoryFault, match="database_newer"):
        is_current(path)
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(MemoryFault, match="database_broken"):
        is_current(path)


def test_what_is_no_database_is_refused(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    assert refusal(path) == "database_broken"


def test_a_damaged_database_is_refused(path: Path) -> None:
    upgrade(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:8192] + bytes(4096) + whole[12288:])
    assert refusal(path) == "database_broken"
    path.write_bytes(whole[: len(whole) // 2])
    assert refusal(path) == "database_broken"


@pytest.mark.parametrize("made", ["CREATE TABLE poems (line)", "CREATE TABLE alembic_version (version_num)"])
def test_a_database_of_somebody_else_is_refused(path: Path, made: str) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(made)
    assert refusal(path) == "database_broken"


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert refusal(tmp_path / "file" / "kibitz.db") == "database_unwritable"
    assert refusal(tmp_path) == "database_unwritable"
    assert refusal(Path("/proc/kibitz.db")) == "database_unwritable"


def test_logging_stays_as_it_was_set_up(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    ours = logging.getLogger("bot.database.upgrade")
    before = (logging.getLogger().handlers[:], logging.getLogger().level, ours.disabled)
    upgrade(path)
    assert (logging.getLogger().handlers, logging.getLogger().level, ours.disabled) == before
