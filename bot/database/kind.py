"""Which of the two databases it is."""

from bot.database.postgres import Postgres
from bot.database.sqlite import Sqlite
from bot.database.where import Where

Kind = Sqlite | Postgres


def kind_of(where: Where) -> Kind:
    """Not connected yet."""
    return Sqlite(where.file) if where.url is None else Postgres(where.url)
