"""Both databases for tests: each test with the fixture `where` or `database` runs on SQLite and on PostgreSQL.

A test of something that one of them alone has is marked `@only(SQLITE)` or `@only(POSTGRESQL)`.
"""

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.database.engine import Database, open_database
from bot.database.upgrade import upgrade
from bot.database.where import Where
from tests.postgres import Cluster, apart, missing, running_cluster

SQLITE = "sqlite"
POSTGRESQL = "postgresql"

_COLUMNS = """
SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'm', 'p') AND a.attnum > 0 AND NOT a.attisdropped
"""


def only(kind: str) -> pytest.MarkDecorator:
    """For a test of something that one database alone has."""
    return pytest.mark.parametrize("where", [kind], indirect=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A server; what needs it is skipped, with the reason, where there is none."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of SQLite with our tables and nothing in them; to be copied."""
    made = Where(directory=tmp_path_factory.mktemp("migrated"))
    apart(upgrade(made))
    return made.file


@pytest.fixture(params=[SQLITE, POSTGRESQL])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Where]:
    """A database with our tables and nothing in them."""
    directory = tmp_path / "data"
    directory.mkdir(mode=0o700)
    if request.param == SQLITE:
        shutil.copy(request.getfixturevalue("migrated"), directory / "kibitz.db")
        yield Where(directory=directory)
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.database() as url:
        yield Where(directory=directory, url=url)


@contextmanager
def unmade(request: pytest.FixtureRequest, directory: Path) -> Iterator[Where]:
    """For a fixture with both databases as its parameters: one in which there is nothing yet."""
    if request.param == SQLITE:
        yield Where(directory=directory)
        return
    cluster: Cluster = request.getfixturevalue("postgres")
    with cluster.database(empty=True) as url:
        yield Where(directory=directory, url=url)


@pytest.fixture
async def database(where: Where) -> AsyncIterator[Database]:
    async with open_database(where) as opened:
        yield opened


async def holds(where: Where, database: Database, words: str) -> bool:
    """Whether these words are anywhere: in a file of the folder, in a column or in a statistic of PostgreSQL."""
    if any(words.encode() in file.read_bytes() for file in where.directory.rglob("*") if file.is_file()):
        return True
    if where.url is None:
        return False
    columns = (await database.read(lambda session: session.execute(text(_COLUMNS)))).all()
    places = [(f'"{table}"', f'"{column}"') for table, column in columns]
    places.append(("pg_stats", "concat(most_common_vals, histogram_bounds, most_common_elems)"))
    looks = " UNION ALL ".join(
        f"SELECT 1 FROM {table} WHERE strpos(CAST({column} AS text), :words) > 0" for table, column in places
    )
    found = await database.read(lambda session: session.scalar(text(f"{looks} LIMIT 1"), {"words": words}))
    return found is not None
