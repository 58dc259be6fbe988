"""Brings a database to the tables this version knows, or refuses it."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from bot.database import faults, postgres, sqlite
from bot.database.where import Where

_log = logging.getLogger(__name__)

REVISION = "0007"
"""The newest migration; a file that has it is opened without looking at the others."""

_PACKAGE = Path(__file__).parent.parent
_IN_PACKAGE = _PACKAGE / "migrations"  # an installed wheel carries them here
MIGRATIONS = _IN_PACKAGE if _IN_PACKAGE.is_dir() else _PACKAGE.parent / "migrations"


async def upgrade(where: Where, *, migrations: Path = MIGRATIONS, newest: str = REVISION) -> str | None:
    """What it was before; None: nothing. A copy of a file is kept before its tables change. Raises MemoryFault."""
    if where.url is None:
        return await asyncio.to_thread(_upgrade_file, where.file, migrations, newest)
    return await _upgrade_server(where, where.url, migrations, newest)


async def is_current(where: Where) -> bool:
    """Whether it would be opened without a migration; changes nothing. Raises MemoryFault."""
    revision = await revision_of(where)
    if revision is not None and revision > REVISION:
        raise faults.fault(faults.NEWER)
    return revision == REVISION


async def revision_of(where: Where) -> str | None:
    """What it says it is; None: nothing yet. Raises MemoryFault where it is damaged or not ours."""
    if where.url is None:
        return await asyncio.to_thread(_revision_of_file, where.file)
    with postgres.wall():
        async with postgres.maintenance(where.url) as engine, engine.connect() as connection:
            return await connection.run_sync(postgres.revision_of)


def _upgrade_file(path: Path, migrations: Path, newest: str) -> str | None:
    with sqlite.wall():
        try:
            sqlite.make_private(path)
            revision = sqlite.revision_of(path)
            if revision != newest:
                engine = sqlite.migration_engine(path)
                try:
                    with engine.begin() as connection:
                        _migrate(connection, migrations, lambda revision: _keep_copy(path, revision))
                finally:
                    engine.dispose()
        except OSError as error:
            raise faults.fault(faults.UNWRITABLE) from error
    return revision


def _keep_copy(path: Path, revision: str) -> None:
    sqlite.keep_copy(path, path.with_name(f"{path.name}.{revision}.{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}.copy"))
    _log.info("A copy of the database was kept before its tables change.")


def _revision_of_file(path: Path) -> str | None:
    with sqlite.wall():
        return sqlite.revision_of(path) if path.exists() else None


async def _upgrade_server(where: Where, url: str, migrations: Path, newest: str) -> str | None:
    revision = await revision_of(where)
    if revision == newest:
        return revision

    def work(connection: Connection) -> None:
        postgres.wait_for_other_writers(connection)
        _migrate(connection, migrations, lambda _: None)
        postgres.keep_no_samples(connection)

    with postgres.wall():
        async with postgres.maintenance(url) as engine, engine.begin() as connection:
            await connection.run_sync(work)
    return revision


def _migrate(connection: Connection, migrations: Path, before_change: Callable[[str], None]) -> None:
    """All or nothing, in one transaction; another process that wants the same waits and finds it done."""
    from alembic import command  # noqa: PLC0415  # half a second that a start without migrations saves
    from alembic.config import Config  # noqa: PLC0415  # as above
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415  # as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415  # as above

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    revision = MigrationContext.configure(connection).get_current_revision()
    if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
        raise faults.fault(faults.NEWER)
    if revision == scripts.get_current_head():
        return
    if revision is not None:
        before_change(revision)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
