"""What PostgreSQL has of its own: a server that may be away, refuse, be full; several processes; words in messages."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database import postgres as postgres_module
from bot.database.check import problems_of
from bot.database.engine import Database, open_database
from bot.database.tables import SettingRow
from bot.database.where import Where
from bot.domain.errors import MemoryFault
from bot.memory.store import Memory
from tests.postgres import PASSWORD, Cluster

from .everything import fill
from .material import turn


@pytest.fixture
def where(postgres: Cluster, tmp_path: Path) -> Iterator[Where]:
    with postgres.database() as url:
        yield Where(directory=tmp_path, url=url)


@pytest.fixture
async def outside(where: Where) -> AsyncIterator[asyncpg.Connection]:
    """Past everything of ours."""
    connection = await asyncpg.connect(where.url)
    yield connection
    await connection.close()


async def refusal(where: Where) -> str:
    with pytest.raises(MemoryFault) as caught:
        async with open_database(where):
            pass
    assert caught.value.public.endswith(".")
    return caught.value.code


def with_password(postgres: Cluster, where: Where, password: str) -> Where:
    """The same database over TCP, as somebody who needs a password."""
    database = str(where.url).partition("?")[0].rpartition("/")[2]
    postgres.run("GRANT pg_read_all_data, pg_write_all_data TO locked")
    url = f"postgresql://locked:{quote(password, safe='')}@127.0.0.1:{postgres.port}/{database}"
    return Where(directory=where.directory, url=url)


async def test_a_url_with_a_password_of_every_letter_opens_it(postgres: Cluster, where: Where) -> None:
    async with open_database(with_password(postgres, where, PASSWORD)) as database:
        await Memory(database).keep_turn(turn(1))
        assert await Memory(database).turn(turn(1).job_id) == turn(1)


async def test_a_wrong_password_is_told(postgres: Cluster, where: Where, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    locked = with_password(postgres, where, "canary-password")
    with pytest.raises(MemoryFault) as caught:
        async with open_database(locked):
            pass
    assert caught.value.code == "database_refused"
    assert "canary" not in f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {locked!r} {caplog.text}"


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("postgresql://kibitz@127.0.0.1:1/kibitz", "database_unreachable"),
        ("postgresql://kibitz@/kibitz?host=/nowhere", "database_unreachable"),
        ("postgresql://kibitz@nowhere.invalid/kibitz", "database_unreachable"),
        ("postgresql://kibitz@127.0.0.1/kibitz?sslmode=sometimes", "database_unreachable"),
    ],
)
async def test_a_server_that_is_not_there_is_told(tmp_path: Path, url: str, code: str) -> None:
    assert await refusal(Where(directory=tmp_path, url=url)) == code


async def test_a_database_that_is_not_there_is_told(postgres: Cluster, tmp_path: Path) -> None:
    assert await refusal(Where(directory=tmp_path, url=postgres.url("nowhere"))) == "database_missing"


async def test_too_many_connections_are_told_as_busy(postgres: Cluster, where: Where) -> None:
    locked = with_password(postgres, where, PASSWORD)
    postgres.run("ALTER ROLE locked CONNECTION LIMIT 0")
    try:
        assert await refusal(locked) == "memory_busy"
    finally:
        postgres.run("ALTER ROLE locked CONNECTION LIMIT -1")


async def test_a_server_that_only_reads_is_told(where: Where, outside: asyncpg.Connection) -> None:
    name = await outside.fetchval("SELECT current_database()")
    await outside.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with open_database(where) as database:
        assert await Memory(database).turn(turn(1).job_id) is None
        with pytest.raises(MemoryFault, match="database_unwritable"):
            await Memory(database).keep_turn(turn(1))


async def test_somebody_who_may_not_make_tables_is_told(postgres: Cluster, tmp_path: Path) -> None:
    with postgres.database(empty=True) as url:
        name = url.partition("?")[0].rpartition("/")[2]
        locked = f"postgresql://locked:{quote(PASSWORD, safe='')}@127.0.0.1:{postgres.port}/{name}"
        assert await refusal(Where(directory=tmp_path, url=locked)) == "database_unwritable"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("53100", "memory_full"),
        ("53300", "memory_busy"),
        ("40001", "memory_busy"),
        ("40P01", "memory_busy"),
        ("55P03", "memory_busy"),
        ("25006", "database_unwritable"),
        ("42501", "database_unwritable"),
        ("XX001", "database_broken"),
        ("57P03", "database_unreachable"),
        ("08006", "database_unreachable"),
        ("22012", "memory_failed"),
    ],
)
async def test_states_of_the_server_are_told_as_what_they_are(database: Database, state: str, code: str) -> None:
    raising = text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$")
    with pytest.raises(MemoryFault, match=code):
        await database.write(lambda session: session.execute(raising))
    await database.write(lambda session: session.execute(text("SELECT 1")))


async def test_a_server_that_goes_away_takes_back_what_was_half_done_and_is_found_again(
    database: Database, outside: asyncpg.Connection
) -> None:
    async def lose(session: AsyncSession) -> None:
        session.add(SettingRow(server_id=1, channel_id=1, name="voice", value="1"))
        await session.flush()
        await outside.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await session.execute(text("SELECT 1"))

    await database.read(lambda session: session.execute(text("SELECT 1")))
    with pytest.raises(MemoryFault, match="database_unreachable"):
        await database.write(lose)
    assert await database.read(lambda session: session.get(SettingRow, (1, 1, "voice"))) is None
    await Memory(database).keep_turn(turn(1))
    assert await Memory(database).turn(turn(1).job_id) == turn(1)


async def test_one_writer_at_a_time_over_all_processes(where: Where) -> None:
    async def add_one(session: AsyncSession) -> None:
        row = await session.get(SettingRow, (1, 1, "count"))
        await asyncio.sleep(0)
        if row is None:
            session.add(SettingRow(server_id=1, channel_id=1, name="count", value="1"))
        else:
            row.value = str(int(row.value) + 1)

    async with open_database(where) as one, open_database(where) as other:
        await asyncio.gather(*(database.write(add_one) for _ in range(20) for database in (one, other)))
        row = await one.read(lambda session: session.get(SettingRow, (1, 1, "count")))
    assert row is not None
    assert row.value == "40"


async def test_who_waits_too_long_for_another_writer_is_told_busy(
    database: Database, outside: asyncpg.Connection
) -> None:
    await database.write(lambda session: session.execute(text("SET lock_timeout = 50")))
    async with outside.transaction():
        await outside.execute(f"SELECT pg_advisory_xact_lock({postgres_module._ONE_WRITER})")
        with pytest.raises(MemoryFault, match="memory_busy"):
            await Memory(database).keep_turn(turn(1))
    await Memory(database).keep_turn(turn(1))


async def test_a_reader_sees_one_state_while_others_write(database: Database) -> None:
    async def look_twice(session: AsyncSession) -> tuple[int, int]:
        count = text("SELECT count(*) FROM turns")
        before = await session.scalar(count)
        await Memory(database).keep_turn(turn(1))
        return before or 0, await session.scalar(count) or 0

    assert await database.read(look_twice) == (0, 0)
    assert await database.read(lambda session: session.scalar(text("SELECT count(*) FROM turns"))) == 1


async def test_values_in_messages_of_the_server_do_not_get_out(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    def twice(session: AsyncSession) -> None:
        session.add(SettingRow(server_id=1, channel_id=1, name="canary-words", value="1"))

    async def add(session: AsyncSession) -> None:
        twice(session)

    await database.write(add)
    with pytest.raises(MemoryFault) as caught:
        await database.write(add)
    logging.getLogger("bot").warning("it failed", exc_info=caught.value)
    assert "UniqueViolationError" in caplog.text
    assert "canary" not in caplog.text


async def test_a_word_that_was_deleted_is_in_no_file_of_its_index(
    postgres: Cluster, database: Database, outside: asyncpg.Connection
) -> None:
    async def files_with_words() -> list[str]:
        await outside.execute("CHECKPOINT")
        paths = await outside.fetch(
            "SELECT pg_relation_filepath(oid) AS path FROM pg_class WHERE relname ~ '^ix_.*search'"
        )
        data = postgres.folder / "data"
        return [row["path"] for row in paths if b"canarywords" in (data / row["path"]).read_bytes()]

    await database.write(lambda session: fill(session, words="canarywords"))
    await outside.execute("VACUUM passages")
    assert await files_with_words()
    await database.write(lambda session: session.execute(text("DELETE FROM passages")))
    await outside.execute("VACUUM passages")
    assert await files_with_words(), "without what this test is for, the index keeps the word"
    await database.wipe()
    assert not await files_with_words()


async def test_an_index_that_was_left_half_written_goes_with_the_next_wipe(
    where: Where, database: Database, outside: asyncpg.Connection
) -> None:
    await database.write(fill)
    with pytest.raises(asyncpg.UniqueViolationError):
        await outside.execute("CREATE UNIQUE INDEX CONCURRENTLY half ON passages (length(words))")
    assert await problems_of(where) == ("The index half is not valid.",)
    await outside.execute("ALTER INDEX half RENAME TO ix_passages_search_ccnew")
    assert await problems_of(where) == ()
    await asyncio.gather(database.wipe(), database.wipe())
    assert await outside.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
