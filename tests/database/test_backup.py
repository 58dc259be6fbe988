"""Backups: whole, private, of one moment; back from them into either database; and the files that are kept."""

import asyncio
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, text

from bot.database.backup import back_up, restore
from bot.database.check import problems_of
from bot.database.copies import backups_of
from bot.database.engine import Database, open_database
from bot.database.tables import PassageRow
from bot.database.upgrade import MIGRATIONS, upgrade
from bot.database.where import Where
from bot.domain.errors import MemoryFault
from bot.memory.store import Memory
from tests.databases import POSTGRESQL, SQLITE, holds, unmade

from .everything import TABLES, contents, fill
from .material import message, turn
from .test_upgrade import migrations_of_tomorrow


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    """Another one, not even made yet."""
    with unmade(request, tmp_path / "elsewhere") as there:
        yield there


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def refusal(where: Where, file: Path) -> str:
    with pytest.raises(MemoryFault) as caught:
        await restore(where, file)
    return caught.value.code


async def test_everything_comes_back_in_either_database(database: Database, where: Where, elsewhere: Where) -> None:
    await database.write(fill)
    before = await database.read(contents)
    file = await back_up(where)
    assert await restore(elsewhere, file) == sum(map(len, before.values()))
    assert await problems_of(elsewhere) == ()
    async with open_database(elsewhere) as other:
        assert await other.read(contents) == before
        await other.write(lambda session: session.execute(insert(PassageRow).values(place="p", words="counted on")))
        match = "passages_fts MATCH 'words'" if elsewhere.url is None else "search @@ to_tsquery('simple', 'words')"
        found = f"SELECT count(*) FROM {'passages_fts' if elsewhere.url is None else 'passages'} WHERE {match}"
        assert await other.read(lambda session: session.scalar(text(found))) == 3


async def test_a_backup_is_a_private_file_of_sqlite_named_by_the_time(database: Database, where: Where) -> None:
    await Memory(database).keep_turn(turn(1))
    file = await back_up(where)
    assert file.parent == where.backups
    assert abs(datetime.strptime(file.name, "kibitz-%Y%m%dT%H%M%S%fZ.db").replace(tzinfo=UTC) - datetime.now(UTC)) < (
        timedelta(minutes=5)
    )
    assert (mode(file.parent), mode(file)) == (0o700, 0o600)
    assert list(file.parent.iterdir()) == [file]
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT question FROM turns").fetchall() == [(turn(1).question,)]


async def test_a_backup_holds_one_moment_while_somebody_writes(
    database: Database, where: Where, tmp_path: Path
) -> None:
    memory = Memory(database)

    async def go_on() -> None:
        for number in range(150):
            await memory.keep_turn(turn(number))
            await memory.add_reply(turn(number).job_id, message(number))

    writing = asyncio.create_task(go_on())
    files = []
    for number in range(4):
        await asyncio.sleep(0.02)
        files.append(await back_up(where, tmp_path / f"{number}.db"))
    await writing
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            turns = {row[0] for row in connection.execute("SELECT job_id FROM turns")}
            shown = {row[0] for row in connection.execute("SELECT job_id FROM replies")}
        assert shown <= turns
        assert len(turns - shown) <= 1
        assert turns == {turn(number).job_id for number in range(len(turns))}


async def test_a_backup_of_an_older_version_is_brought_up_to_date_on_the_way(elsewhere: Where, tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for later in sorted((folder / "versions").iterdir())[1:]:
        later.unlink()
    old = Where(directory=tmp_path / "old")
    await upgrade(old, migrations=folder, newest="0001")
    with closing(sqlite3.connect(old.file)) as connection:
        connection.execute("INSERT INTO clips (sha256, kept_at) VALUES ('abc', '2026-01-01 00:00:00.000000')")
        connection.commit()
    assert await restore(elsewhere, old.file) == 1
    async with open_database(elsewhere) as other:
        ((kept,),) = [rows for rows in (await other.read(contents)).values() if rows]
    assert kept[0] == "abc"
    assert copies_in(old.directory) == []


def copies_in(folder: Path) -> list[Path]:
    return [*folder.rglob("*.copy"), *folder.rglob(".unfinished-*")]


async def test_only_an_empty_database_is_filled(database: Database, where: Where, tmp_path: Path) -> None:
    await Memory(database).keep_turn(turn(1))
    file = await back_up(where)
    assert await refusal(where, file) == "database_occupied"
    assert await Memory(database).turn(turn(1).job_id) == turn(1)


async def test_what_is_no_backup_is_refused_and_leaves_nothing(where: Where, tmp_path: Path) -> None:
    file = tmp_path / "file.db"
    assert await refusal(where, file) == "backup_broken"
    file.touch()
    assert await refusal(where, file) == "backup_broken"
    file.write_bytes(b"not a database, but long enough to be looked at" * 100)
    assert await refusal(where, file) == "backup_broken"
    with closing(sqlite3.connect(tmp_path / "poems.db")) as connection:
        connection.execute("CREATE TABLE poems (line)")
    assert await refusal(where, tmp_path / "poems.db") == "backup_broken"
    async with open_database(where) as database:
        assert not any((await database.read(contents)).values())
    assert backups_of(where) == []


async def test_a_damaged_backup_is_refused(database: Database, where: Where, elsewhere: Where) -> None:
    await database.write(fill)
    file = await back_up(where)
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + bytes(4096) + whole[12288:])
    assert await refusal(elsewhere, file) == "backup_broken"


async def test_a_backup_of_a_newer_version_is_refused_and_not_changed(elsewhere: Where, tmp_path: Path) -> None:
    newer = Where(directory=tmp_path / "newer")
    await upgrade(newer, migrations=migrations_of_tomorrow(tmp_path), newest="9999")
    before = newer.file.read_bytes()
    assert await refusal(elsewhere, newer.file) == "database_newer"
    assert newer.file.read_bytes() == before


async def test_reading_a_backup_does_not_change_it(database: Database, where: Where, elsewhere: Where) -> None:
    await database.write(fill)
    file = await back_up(where)
    file.chmod(0o400)
    before = file.read_bytes()
    await restore(elsewhere, file)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


async def test_what_fails_half_way_leaves_the_database_empty(
    database: Database, where: Where, elsewhere: Where
) -> None:
    await database.write(fill)
    file = await back_up(where)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute("DELETE FROM passages")
        connection.commit()
    assert await refusal(elsewhere, file) == "memory_failed"
    async with open_database(elsewhere) as other:
        assert not any((await other.read(contents)).values())


async def test_there_is_nothing_to_back_up_before_there_is_a_database(elsewhere: Where) -> None:
    with pytest.raises(MemoryFault, match="database_absent"):
        await back_up(elsewhere)
    assert backups_of(elsewhere) == []


async def test_a_backup_that_cannot_be_written_is_told(database: Database, where: Where, tmp_path: Path) -> None:
    with pytest.raises(MemoryFault, match="backup_unwritten"):
        await back_up(where, tmp_path / "no such folder" / "file.db")
    where.backups.touch()
    with pytest.raises(MemoryFault, match="backup_unwritten"):
        await back_up(where)


async def test_words_that_were_forgotten_go_from_every_copy(database: Database, where: Where) -> None:
    await database.write(lambda session: fill(session, words="canary-words"))
    await back_up(where)
    (where.directory / f"{where.file.name}.0000.20260101T000000000000Z.copy").write_text("canary-words")
    for folder in (where.directory, where.backups):
        (folder / ".unfinished-x").mkdir()
        (folder / ".unfinished-x" / "kibitz.db").write_text("canary-words")
    for table in reversed(TABLES):
        if table.name != "consents":
            await database.write(lambda session, table=table: session.execute(delete(table)))
    old = backups_of(where)
    assert len(old) == 4
    await database.wipe()
    await database.renew_copies()
    (fresh,) = backups_of(where)
    assert fresh not in old
    assert mode(fresh) == 0o600
    with closing(sqlite3.connect(fresh)) as connection:
        assert connection.execute("SELECT count(*) FROM consents").fetchone() == (3,)
    assert not await holds(where, database, "canary-words")


async def test_no_backup_is_made_where_there_was_none(database: Database, where: Where) -> None:
    copy = where.directory / f"{where.file.name}.0000.20260101T000000000000Z.copy"
    copy.touch()
    await database.renew_copies()
    assert backups_of(where) == []
    assert not copy.exists()


async def test_old_copies_and_backups_are_dropped_and_newer_ones_stay(database: Database, where: Where) -> None:
    file = await back_up(where)
    await database.drop_copies(before=datetime.now(UTC) - timedelta(hours=1))
    assert backups_of(where) == [file]
    await database.drop_copies(before=datetime.now(UTC) + timedelta(hours=1))
    assert backups_of(where) == []
