"""A database from nothing, from an older and from a newer version; damaged, foreign and unwritable ones."""

import asyncio
import logging
import shutil
import stat
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Connection, MetaData, Table, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from bot.database import upgrade as upgrade_module
from bot.database.engine import open_database
from bot.database.tables import Base
from bot.database.upgrade import MIGRATIONS, REVISION, is_current, upgrade
from bot.database.where import Where
from bot.domain.errors import MemoryFault
from bot.memory.store import Memory
from tests.databases import POSTGRESQL, SQLITE, only, unmade

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


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    """Nothing is there yet."""
    with unmade(request, tmp_path / "100% data") as there:
        yield there


@asynccontextmanager
async def connected(where: Where) -> AsyncGenerator[AsyncConnection]:
    """Past everything of ours."""
    engine = (
        create_async_engine(f"sqlite+aiosqlite:///{where.file}")
        if where.url is None
        else create_async_engine("postgresql+asyncpg://", connect_args={"dsn": where.url})
    )
    try:
        async with engine.begin() as connection:
            yield connection
    finally:
        await engine.dispose()


def migrations_of_tomorrow(tmp_path: Path, then: str = "pass") -> Path:
    folder = tmp_path / "100% migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "9999_mood.py").write_text(NEXT.format(before=REVISION, then=then))
    return folder


async def columns(where: Where, table: str = "turns") -> set[str]:
    def look(connection: Connection) -> set[str]:
        return {column["name"] for column in inspect(connection).get_columns(table)}

    async with connected(where) as connection:
        return await connection.run_sync(look)


def copies(path: Path) -> list[Path]:
    return [file for file in path.parent.iterdir() if file.suffix == ".copy"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def refusal(where: Where) -> str:
    with pytest.raises(MemoryFault) as caught:
        await upgrade(where)
    assert caught.value.public.endswith(".")
    return caught.value.code


def is_ours(name: str | None, kind: str) -> bool:
    """The full-text index, which each database has in its own way, stands in no table of ours."""
    return name is None or not (name.startswith("passages_fts") or name in {"search", "ix_passages_search"})


async def test_migrations_make_what_the_tables_say(where: Where) -> None:
    def compared(connection: Connection) -> tuple[Any, str | None]:
        options = {"compare_server_default": True, "include_object": lambda _, name, kind, *__: is_ours(name, kind)}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, Base.metadata), context.get_current_revision()

    await upgrade(where)
    async with connected(where) as connection:
        assert await connection.run_sync(compared) == ([], REVISION)


def test_the_revision_in_the_code_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [REVISION]


def test_an_installed_program_carries_the_migrations() -> None:
    text = (MIGRATIONS.parent / "pyproject.toml").read_text()
    assert '"migrations" = "bot/migrations"' in text
    assert Path(upgrade_module.__file__).parent.parent / "migrations" == upgrade_module._IN_PACKAGE


@only(SQLITE)
async def test_file_and_folder_are_private(where: Where) -> None:
    async with open_database(where) as database:
        await Memory(database).keep_turn(turn(1))
        assert mode(where.directory) == 0o700
        assert {mode(file) for file in where.directory.iterdir()} == {0o600}
        assert len(list(where.directory.iterdir())) == 3  # the file, its log and the log's index


@only(SQLITE)
async def test_a_file_others_could_read_is_made_private(where: Where) -> None:
    where.directory.mkdir(mode=0o755)
    where.file.touch(mode=0o644)
    async with open_database(where):
        assert (mode(where.directory), mode(where.file)) == (0o700, 0o600)


@only(SQLITE)
async def test_an_older_file_is_copied_before_it_is_changed(where: Where, tmp_path: Path) -> None:
    async with open_database(where) as database:
        await Memory(database).keep_turn(turn(1))
    assert await upgrade(where, migrations=migrations_of_tomorrow(tmp_path), newest="9999") == REVISION
    assert "mood" in await columns(where)
    (copy,) = copies(where.file)
    assert copy.name.startswith(f"kibitz.db.{REVISION}.")
    assert mode(copy) == 0o600
    shutil.copy(copy, where.file)
    assert "mood" not in await columns(where)
    async with open_database(where) as database:
        assert await Memory(database).turn(turn(1).job_id) == turn(1)


async def test_rows_stay_through_an_upgrade(where: Where, tmp_path: Path) -> None:
    async with open_database(where) as database:
        await Memory(database).keep_turn(turn(1))
    assert await upgrade(where, migrations=migrations_of_tomorrow(tmp_path), newest="9999") == REVISION
    assert "mood" in await columns(where)
    async with connected(where) as connection:
        assert await connection.scalar(text("SELECT question FROM turns")) == turn(1).question


def migrations_until(tmp_path: Path, revision: str) -> Path:
    folder = tmp_path / "migrations of then"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in (folder / "versions").glob("*.py"):
        if file.name[:4] > revision:
            file.unlink()
    return folder


def tables_of(connection: Connection) -> list[Table]:
    """As they stand there, in an order in which they can be filled; without what a database keeps for itself."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: is_ours(name, "table") and name != "alembic_version")
    return found.sorted_tables


def fill_then(connection: Connection) -> None:
    """Three rows in every table."""
    for table in tables_of(connection):
        for number in range(1, 4):
            row = {column.name: value_of(column, number) for column in table.columns if column.computed is None}
            connection.execute(insert(table).values(row))


def value_of(column: Column[Any], number: int) -> object:
    for reference in column.foreign_keys:
        return value_of(reference.column, number)
    kind = column.type.python_type
    if issubclass(kind, datetime):
        return datetime(2026, 11, number, 12, tzinfo=UTC if getattr(column.type, "timezone", False) else None)
    if issubclass(kind, bool):
        return number % 2 == 1
    if issubclass(kind, bytes):
        return f"words {number}".encode()
    return number if issubclass(kind, int | float) else f"words {number}"


def rows_of(connection: Connection) -> dict[str, dict[str, list[object]]]:
    """By table and column."""
    found: dict[str, dict[str, list[object]]] = {}
    for table in tables_of(connection):
        order = [str(column) for column in table.primary_key.columns]
        rows = connection.execute(select(table).order_by(text(", ".join(order)))).mappings().all()
        found[table.name] = {column.name: [row[column.name] for row in rows] for column in table.columns}
    return found


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0006"])
async def test_every_older_version_with_rows_comes_up_to_date_and_is_refused_by_itself_then(
    where: Where, tmp_path: Path, revision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    then = migrations_until(tmp_path, revision)
    await upgrade(where, migrations=then, newest=revision)
    async with connected(where) as connection:
        await connection.run_sync(fill_then)
        before = await connection.run_sync(rows_of)
    assert await upgrade(where) == revision
    async with open_database(where), connected(where) as connection:
        after = await connection.run_sync(rows_of)
    assert before.keys() <= after.keys()
    for table, columns_before in before.items():
        kept = {name: after[table].get(name) for name in columns_before}
        assert kept == columns_before, table
    monkeypatch.setattr(upgrade_module, "REVISION", revision)
    with pytest.raises(MemoryFault, match="database_newer"):
        await upgrade(where, migrations=then, newest=revision)
    with pytest.raises(MemoryFault, match="database_newer"):
        await is_current(where)


async def test_a_migration_that_fails_leaves_the_database_as_it_was(where: Where, tmp_path: Path) -> None:
    assert await upgrade(where) is None
    broken = migrations_of_tomorrow(tmp_path, then='op.execute("INSERT INTO nowhere VALUES (1)")')
    with pytest.raises(MemoryFault) as caught:
        await upgrade(where, migrations=broken, newest="9999")
    assert caught.value.code == "memory_failed"
    assert "mood" not in await columns(where)
    assert await upgrade(where) == REVISION


async def test_two_that_start_at_once_upgrade_once(where: Where, tmp_path: Path) -> None:
    await upgrade(where)
    tomorrow = migrations_of_tomorrow(tmp_path)
    await asyncio.gather(
        *(asyncio.to_thread(asyncio.run, upgrade(where, migrations=tomorrow, newest="9999")) for _ in range(2))
    )
    assert "mood" in await columns(where)
    if where.url is None:
        assert len(copies(where.file)) == 1


async def test_nothing_is_copied_and_no_migration_is_read_when_nothing_is_due(where: Where, tmp_path: Path) -> None:
    await upgrade(where)
    await upgrade(where, migrations=tmp_path / "no such folder")
    assert not where.directory.exists() or copies(where.file) == []


async def test_a_newer_database_is_refused_and_left_alone(where: Where, tmp_path: Path) -> None:
    await upgrade(where)
    await upgrade(where, migrations=migrations_of_tomorrow(tmp_path), newest="9999")
    assert await refusal(where) == "database_newer"
    assert "mood" in await columns(where)


@only(SQLITE)
async def test_not_a_byte_of_a_newer_file_is_changed(where: Where, tmp_path: Path) -> None:
    await upgrade(where, migrations=migrations_of_tomorrow(tmp_path), newest="9999")
    before = where.file.read_bytes()
    assert await refusal(where) == "database_newer"
    assert where.file.read_bytes() == before


async def test_a_database_can_be_looked_at_without_an_upgrade(where: Where, tmp_path: Path) -> None:
    if where.url is None:
        where.directory.mkdir()
        where.file.touch()
    assert not await is_current(where)
    with pytest.raises(Exception, match="turns"):
        await columns(where)
    await upgrade(where)
    assert await is_current(where)
    await upgrade(where, migrations=migrations_of_tomorrow(tmp_path), newest="9999")
    with pytest.raises(MemoryFault, match="database_newer"):
        await is_current(where)


@only(SQLITE)
async def test_what_is_no_database_is_refused(where: Where) -> None:
    where.directory.mkdir()
    where.file.write_bytes(b"not a database, but long enough to be looked at" * 100)
    assert await refusal(where) == "database_broken"
    with pytest.raises(MemoryFault, match="database_broken"):
        await is_current(where)


@only(SQLITE)
async def test_a_damaged_database_is_refused(where: Where) -> None:
    await upgrade(where)
    whole = where.file.read_bytes()
    where.file.write_bytes(whole[:8192] + bytes(4096) + whole[12288:])
    assert await refusal(where) == "database_broken"
    where.file.write_bytes(whole[: len(whole) // 2])
    assert await refusal(where) == "database_broken"


@pytest.mark.parametrize("made", ["CREATE TABLE poems (line text)", "CREATE TABLE alembic_version (version_num text)"])
async def test_a_database_of_somebody_else_is_refused(where: Where, made: str) -> None:
    where.directory.mkdir()
    async with connected(where) as connection:
        await connection.execute(text(made))
    assert await refusal(where) == "database_broken"


@only(SQLITE)
async def test_a_place_that_cannot_be_written_is_refused(where: Where, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert await refusal(Where(directory=tmp_path / "file")) == "database_unwritable"
    assert await refusal(Where(directory=Path("/proc"))) == "database_unwritable"
    where.file.mkdir(parents=True)
    assert await refusal(where) == "database_unwritable"


async def test_logging_stays_as_it_was_set_up(where: Where, caplog: pytest.LogCaptureFixture) -> None:
    ours = logging.getLogger("bot.database.upgrade")
    before = (logging.getLogger().handlers[:], logging.getLogger().level, ours.disabled)
    await upgrade(where)
    assert (logging.getLogger().handlers, logging.getLogger().level, ours.disabled) == before


@only(POSTGRESQL)
async def test_the_planner_takes_no_samples_of_words(where: Where) -> None:
    async with open_database(where) as database:
        for number in range(20):
            await Memory(database).keep_turn(turn(number, question="canary-words", answer="canary-words"))
    async with connected(where) as connection:
        await connection.execute(text("ANALYZE"))
        sampled = {tuple(row) for row in await connection.execute(text("SELECT tablename, attname FROM pg_stats"))}
        wordless = await connection.scalar(
            text("SELECT count(*) FROM pg_stats WHERE strpos(pg_stats::text, 'canary') > 0")
        )
    assert ("turns", "asked_at") in sampled
    assert not {("turns", "question"), ("turns", "answer"), ("turns", "usages")} & sampled
    assert wordless == 0
