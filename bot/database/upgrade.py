"""Brings a database file to the tables this version knows, or refuses it."""

import logging
import sqlite3
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from bot.database import faults
from bot.database.sqlite import fault_of, keep_copy, make_private, migration_engine, revision_of

_log = logging.getLogger(__name__)

REVISION = "0001"
"""The newest migration; a file that has it is opened without looking at the others."""

_PACKAGE = Path(__file__).parent.parent
_IN_PACKAGE = _PACKAGE / "migrations"  # an installed wheel carries them here
MIGRATIONS = _IN_PACKAGE if _IN_PACKAGE.is_dir() else _PACKAGE.parent / "migrations"


def upgrade(path: Path, *, migrations: Path = MIGRATIONS, newest: str = REVISION) -> None:
    """Blocks. A copy of the file is kept before its tables change. Raises MemoryFault."""
    try:
        make_private(path)
        if revision_of(path) != newest:
            _migrate(path, migrations)
    except OSError as error:
        raise faults.fault(faults.UNWRITABLE) from error
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise fault_of(error) from error


def is_current(path: Path) -> bool:
    """Whether a file that exists would be opened without a migration. Blocks. Raises MemoryFault."""
    try:
        revision = revision_of(path) or ""
    except sqlite3.Error as error:
        raise fault_of(error) from error
    if revision > REVISION:
        raise faults.fault(faults.NEWER)
    return revision == REVISION


def _migrate(path: Path, migrations: Path) -> None:
    """All or nothing, in one transaction; another process that wants the same waits and finds it done."""
    from alembic import command  # noqa: PLC0415  # half a second that a start without migrations saves
    from alembic.config import Config  # noqa: PLC0415  # as above
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415  # as above
    from alembic.script import ScriptDirectory  # noqa: PLC0415  # as above

    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    engine = migration_engine(path)
    try:
        with engine.begin() as connection:
            revision = MigrationContext.configure(connection).get_current_revision()
            if revision is not None and revision not in {script.revision for script in scripts.walk_revisions()}:
                raise faults.fault(faults.NEWER)
            if revision not in (None, scripts.get_current_head()):
                keep_copy(path, revision)
                _log.info("A copy of the database was kept before its tables change.")
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()
