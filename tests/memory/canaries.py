"""Words that stand nowhere else, and where they are found: in every column of every table, every byte of every file."""

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.engine import Database
from bot.database.tables import Base
from bot.database.where import Where

_CONSONANTS = "bcdfghjklmnpqrtvwxz"
_FIRST_RARE = 0x9000
_TAIL = 7

OURS = {*Base.metadata.tables, "alembic_version"}
SHADOWS = {f"passages_fts{part}" for part in ("", "_config", "_data", "_docsize", "_idx")}
"""A full-text index of SQLite and the tables it keeps its terms in."""


@dataclass(frozen=True, slots=True)
class Canary:
    """A word of Latin letters and one of Chinese characters. `name` is for whoever reads of a failure."""

    latin: str
    chinese: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.latin} {self.chinese}"

    @property
    def needles(self) -> Iterator[bytes]:
        """Each form it may have been written in. An index keeps of a term what its neighbour has not, and of Chinese
        pairs of characters."""
        pairs = [self.chinese[at : at + 2] for at in range(len(self.chinese) - 1)]
        for word in (self.latin[-_TAIL:], self.latin[-_TAIL:].upper(), *pairs):
            yield from (word.encode(encoding) for encoding in ("utf-8", "utf-16-le", "utf-16-be"))
            yield json.dumps(word)[1:-1].encode()

    def is_in(self, *places: bytes) -> bool:
        return any(needle in place for needle in self.needles for place in places)


def canaries(seed: int = 0) -> Iterator[Canary]:
    """No two share a pair of characters or an end."""
    chance = random.Random(seed)
    for number in range(2_000):
        latin = "".join(chance.choices(_CONSONANTS, k=12))
        first = _FIRST_RARE + 3 * number
        yield Canary(latin, "".join(map(chr, range(first, first + 3))))


async def tables(database: Database) -> dict[str, bytes]:
    """All that stands in each table, column after column."""
    return await database.read(_tables)


async def _tables(session: AsyncSession) -> dict[str, bytes]:
    names = [name for (name,) in await session.execute(text(_NAMES[session.get_bind().dialect.name]))]
    unknown = {*names} - OURS - SHADOWS
    assert not unknown, f"nobody checks that the words of people go from {unknown}: say how and add it here"
    found: dict[str, bytes] = {}
    for name in names:
        rows = await session.execute(text(f'SELECT * FROM "{name}"'))
        found[name] = b"\0".join(_bytes(value) for row in rows for value in row)
    if session.get_bind().dialect.name == "postgresql":
        values = "concat(most_common_vals, histogram_bounds, most_common_elems)"
        rows = await session.scalars(text(f"SELECT {values} FROM pg_stats WHERE schemaname = 'public'"))
        found["pg_stats"] = "\0".join(rows).encode()
    return found


_NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')",
    "postgresql": "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
    "AND relkind IN ('r', 'm', 'v', 'p', 'f')",
}


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def files(where: Where) -> dict[str, bytes]:
    """All that stands in each file of the data folder, in its name as well."""
    return {
        str(file): file.name.encode() + b"\0" + file.read_bytes()
        for file in where.directory.rglob("*")
        if file.is_file()
    }
