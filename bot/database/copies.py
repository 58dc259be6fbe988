"""The files that the bot keeps of what its database held before: what is forgotten has to go from them, too."""

import asyncio
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from bot.database import faults
from bot.database.backup import BEGUN, PREFIX, UNFINISHED, alone, back_up_alone
from bot.database.where import Where


def backups_of(where: Where) -> list[Path]:
    """Copies from before a migration, backups, and folders with half of one, which somebody who was killed left."""
    unfinished = (folder.glob(f"{UNFINISHED}*") for folder in (where.directory, where.backups))
    return sorted((*_before_migrations(where), *_backups(where), *(path for found in unfinished for path in found)))


def drop(where: Where, *, before: datetime) -> None:
    """Deletes those that were made before this time. Blocks. Raises MemoryFault."""
    _delete(path for path in backups_of(where) if path.stat().st_mtime < before.timestamp())


async def renew(where: Where) -> None:
    """Deletes those there are; makes a backup where there was one. Raises MemoryFault."""
    old = await asyncio.to_thread(backups_of, where)
    try:
        if await asyncio.to_thread(where.backups.exists):
            async with alone(where):
                old = await asyncio.to_thread(backups_of, where)
                if any(path in _backups(where) for path in old):
                    await back_up_alone(where)
    finally:
        await asyncio.to_thread(_delete, old)


def keep_newest(where: Where, count: int) -> None:
    """Of the backups that are named by their time the oldest go. Blocks. Raises MemoryFault."""
    _delete(sorted(where.backups.glob(f"{PREFIX}*Z.db"))[:-count])


def oldest_begun(where: Where) -> datetime | None:
    """When the oldest of the copies and backups was begun, or written where its name does not say; None: there is none.
    Blocks."""
    return min(map(_begun, backups_of(where)), default=None)


def _begun(path: Path) -> datetime:
    try:
        return datetime.strptime(path.stem, f"{PREFIX}{BEGUN}").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)


def _before_migrations(where: Where) -> Iterable[Path]:
    return where.directory.glob(f"{where.file.name}.*.copy*")


def _backups(where: Where) -> list[Path]:
    return list(where.backups.glob("*.db"))


def _delete(paths: Iterable[Path]) -> None:
    try:
        for path in paths:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
    except OSError as error:
        raise faults.fault(faults.UNWRITABLE) from error
