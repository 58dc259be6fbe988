"""Transactions: one writer, many readers, whole or not at all; durable, quiet, and with errors of ours."""

import asyncio
import logging
import random
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import delete, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database import sqlite
from bot.database.engine import Database, open_database
from bot.database.sqlite import fault_of
from bot.database.tables import PassageRow, SettingRow
from bot.database.where import Where
from bot.domain.errors import MemoryFault
from bot.memory.store import Memory
from tests.databases import SQLITE, holds, only

from .material import HERE, NOON, message, turn


async def pragma(session: AsyncSession, name: str) -> object:
    return await session.scalar(text(f"PRAGMA {name}"))


@only(SQLITE)
async def test_connections_are_set_up_for_safety(database: Database) -> None:
    wanted = {"journal_mode": "wal", "foreign_keys": 1, "secure_delete": 1, "synchronous": 1, "busy_timeout": 5000}
    for name, value in wanted.items():
        assert await database.write(lambda session, name=name: pragma(session, name)) == value
    assert await database.read(lambda session: pragma(session, "query_only")) == 1
    assert await database.read(lambda session: pragma(session, "busy_timeout")) == 5000


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(MemoryFault) as caught:
        await database.read(lambda session: session.execute(text("DELETE FROM turns")))
    assert caught.value.code == "database_unwritable"


async def test_fifty_writers_and_readers_at_once(database: Database) -> None:
    memory = Memory(database)

    async def write(number: int) -> None:
        await memory.keep_turn(turn(number))
        await memory.add_reply(turn(number).job_id, message(number))

    async def read(number: int) -> None:
        for _ in range(5):
            got = await memory.turn(turn(number).job_id)
            assert got in (None, turn(number))

    await asyncio.gather(*(work for number in range(50) for work in (write(number), read(number))))
    assert await memory.recent(HERE, since=NOON, limit=100) == tuple(turn(number) for number in range(50))
    for number in range(50):
        assert await memory.turn_of_message(message(number)) == turn(number)


async def test_read_then_write_loses_no_update(database: Database) -> None:
    async def add_one(session: AsyncSession) -> None:
        row = await session.get(SettingRow, (1, 1, "count"))
        if row is None:
            session.add(SettingRow(server_id=1, channel_id=1, name="count", value="1"))
        else:
            await asyncio.sleep(0)
            row.value = str(int(row.value) + 1)

    await asyncio.gather(*(database.write(add_one) for _ in range(50)))
    row = await database.read(lambda session: session.get(SettingRow, (1, 1, "count")))
    assert row is not None
    assert row.value == "50"


async def test_a_reader_is_not_held_up_by_a_writer_and_sees_nothing_unfinished(database: Database) -> None:
    inside, leave = asyncio.Event(), asyncio.Event()

    async def slow(session: AsyncSession) -> None:
        session.add(SettingRow(server_id=1, channel_id=1, name="voice", value="1"))
        await session.flush()
        inside.set()
        await leave.wait()

    writing = asyncio.create_task(database.write(slow))
    await inside.wait()
    assert await database.read(lambda session: session.get(SettingRow, (1, 1, "voice"))) is None
    leave.set()
    await writing
    assert await database.read(lambda session: session.get(SettingRow, (1, 1, "voice"))) is not None


async def test_work_that_fails_leaves_nothing(database: Database) -> None:
    async def half(session: AsyncSession) -> None:
        session.add(SettingRow(server_id=1, channel_id=1, name="voice", value="1"))
        await session.flush()
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(half)
    assert await database.read(lambda session: session.get(SettingRow, (1, 1, "voice"))) is None


async def test_what_has_begun_ends_though_its_caller_is_cancelled(where: Where) -> None:
    chance = random.Random(7)
    async with open_database(where) as database:
        memory = Memory(database)
        tasks = [asyncio.create_task(memory.keep_turn(turn(number))) for number in range(100)]
        for task in tasks:
            await asyncio.sleep(0)
            if chance.random() < 0.5:
                task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(result) for result in results} == {type(None), asyncio.CancelledError}
    async with open_database(where) as database:
        assert len(await Memory(database).recent(HERE, since=NOON, limit=1000)) == 100


async def test_what_comes_after_the_end_is_refused(where: Where) -> None:
    async with open_database(where) as opened:
        memory = Memory(opened)
    with pytest.raises(MemoryFault) as caught:
        await memory.keep_turn(turn(1))
    assert caught.value.code == "memory_failed"


@only(SQLITE)
async def test_a_writer_has_the_file_for_itself_from_its_first_look(database: Database, where: Where) -> None:
    async def look(session: AsyncSession) -> None:
        await session.get(SettingRow, (1, 1, "voice"))
        connected = sqlite3.connect(where.file, isolation_level=None, timeout=0)
        with closing(connected) as other, pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")

    await database.write(look)


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        (sqlite3.SQLITE_READONLY_DIRECTORY, "database_unwritable"),
        (sqlite3.SQLITE_CORRUPT_INDEX, "database_broken"),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, "memory_busy"),
        (sqlite3.SQLITE_IOERR_FSYNC, "memory_failed"),
    ],
)
def test_finer_codes_are_told_as_what_they_are(code: int, ours: str) -> None:
    error = sqlite3.OperationalError()
    error.sqlite_errorcode = code
    assert fault_of(error).code == ours


@only(SQLITE)
async def test_a_locked_database_is_busy(database: Database, where: Where) -> None:
    await database.write(lambda session: pragma(session, "busy_timeout=10"))
    with closing(sqlite3.connect(where.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(MemoryFault) as caught:
            await Memory(database).keep_turn(turn(1))
        assert caught.value.code == "memory_busy"
        other.execute("ROLLBACK")
    await Memory(database).keep_turn(turn(1))


@only(SQLITE)
async def test_a_full_disk_is_told_and_passes(database: Database) -> None:
    memory = Memory(database)
    await memory.keep_turn(turn(1))
    pages = await database.write(lambda session: pragma(session, "page_count"))
    await database.write(lambda session: pragma(session, f"max_page_count={pages}"))
    with pytest.raises(MemoryFault) as caught:
        await memory.keep_turn(turn(2, answer="words " * 10_000))
    assert caught.value.code == "memory_full"
    await database.write(lambda session: pragma(session, "max_page_count=1000000"))
    await memory.keep_turn(turn(2, answer="words " * 10_000))
    assert await memory.turn(turn(2).job_id) is not None


@only(SQLITE)
async def test_damage_found_later_is_told(database: Database, where: Where) -> None:
    await Memory(database).keep_turn(turn(1))
    await database.wipe()
    size = where.file.stat().st_size
    where.file.write_bytes(where.file.read_bytes()[:4096] + b"\xff" * (size - 4096))
    with pytest.raises(MemoryFault) as caught:
        await Memory(database).recent(HERE, since=NOON, limit=10)
    assert caught.value.code == "database_broken"


async def test_no_words_reach_a_log_or_an_error(where: Where, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_database(where) as database:
        await Memory(database).keep_turn(turn(1, question="canary-words"))
        with pytest.raises(MemoryFault) as caught:
            await database.read(lambda session: session.execute(text("DELETE FROM turns WHERE :w"), {"w": "canary"}))
    assert "canary" not in caplog.text
    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.__cause__}"


async def test_no_words_stay_that_were_deleted(database: Database, where: Where) -> None:
    await Memory(database).keep_turn(turn(1, question="canary-words"))
    assert await holds(where, database, "canary-words")
    await database.write(lambda session: session.execute(text("DELETE FROM turns")))
    await database.wipe()
    assert not await holds(where, database, "canary-words")


async def test_words_a_database_refuses_are_kept_without_what_it_refuses(database: Database) -> None:
    memory = Memory(database)
    await memory.keep_turn(turn(1, question="a\0b", answer="\ud83d lone, \U0001f440 whole"))
    kept = await memory.turn(turn(1).job_id)
    assert kept is not None
    assert (kept.question, kept.answer) == ("a\ufffdb", "\ufffd lone, \U0001f440 whole")


@only(SQLITE)
async def test_a_word_that_was_deleted_is_in_no_index_on_disk(database: Database, where: Where) -> None:
    def is_on_disk() -> bool:
        return any(b"zzcanary" in file.read_bytes() for file in where.directory.iterdir())

    async def keep(session: AsyncSession) -> None:
        await session.execute(insert(PassageRow), [{"place": "p", "words": f"word{number}"} for number in range(300)])
        await session.execute(insert(PassageRow).values(passage_id=1000, place="p", words="zzcanary"))

    await database.write(keep)
    await database.write(lambda session: session.execute(delete(PassageRow).where(PassageRow.passage_id == 1000)))
    with closing(sqlite3.connect(where.file)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert is_on_disk(), "without what this test is for, the index keeps the word"
    await database.wipe()
    assert not is_on_disk()
    words = text("SELECT count(*) FROM passages_fts WHERE passages_fts MATCH 'word7'")
    assert await database.read(lambda session: session.scalar(words)) == 1


@only(SQLITE)
async def test_a_wipe_does_not_claim_what_a_reader_prevents(
    database: Database, where: Where, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_PATIENCE", 1)
    await database.write(lambda session: session.scalar(text("PRAGMA busy_timeout=10")))
    with closing(sqlite3.connect(where.file, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM turns").fetchone()
        await Memory(database).keep_turn(turn(1))
        with pytest.raises(MemoryFault, match="memory_busy"):
            await database.wipe()
    await database.wipe()
