"""Backups on a schedule: made, counted, noted; and never older than what was forgotten."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from bot.config import DataSettings
from bot.database.backup import back_up
from bot.database.copies import keep_newest, oldest_begun, renew
from bot.database.where import Where
from bot.domain.clock import utc_now
from bot.domain.errors import BotError
from bot.domain.sentence import Sentence, sentence
from bot.domain.standing import BackupReport
from bot.memory.house_rules import HouseRules

log = logging.getLogger(__name__)

FIRST_SECONDS = 600.0
"""After the start: a bot that starts over and over is not held up each time."""

_LOOKS_SECONDS = 60.0
_AGAIN = timedelta(minutes=15)
_CLOCKS_DIFFER = timedelta(seconds=30)


class Backups:
    """For one database, in one process. `tell` reaches whoever runs the bot: of a failure once, until one succeeds."""

    def __init__(
        self,
        where: Where,
        rules: HouseRules,
        settings: DataSettings,
        *,
        tell: Callable[[Sentence], None],
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._where = where
        self._rules = rules
        self._settings = settings
        self._tell = tell
        self._clock = clock
        self._sleep = sleep

    def apply(self, settings: DataSettings) -> None:
        """From now on these hold."""
        self._settings = settings

    async def run(self) -> None:
        """For as long as the bot runs."""
        await self._sleep(FIRST_SECONDS)
        while True:
            try:
                await self.look()
            except BotError as error:
                log.warning("backups were not looked after: %s", error.code)
            except OSError as error:  # somebody else made or removed one just now
                log.warning("backups were not looked after: %s", type(error).__name__)
            await self._sleep(_LOOKS_SECONDS)

    async def look(self) -> None:
        """Make one if it is time. Raises MemoryFault where that cannot be known, or not be noted."""
        await self._renew_stale()
        if self._is_due(await self._rules.backup()):
            await self._make()

    def _is_due(self, last: BackupReport) -> bool:
        if not self._settings.backup_hours:
            return False
        every = timedelta(hours=self._settings.backup_hours)
        if last.failed_at is not None and self._clock() - last.failed_at < min(_AGAIN, every):
            return False
        return last.made_at is None or self._clock() - last.made_at >= every

    async def _make(self) -> None:
        last, began, at = await self._rules.backup(), time.monotonic(), self._clock()
        try:
            made = await back_up(self._where)
            size = await asyncio.to_thread(lambda: made.stat().st_size)
            await asyncio.to_thread(keep_newest, self._where, self._settings.backup_keep)
        except (BotError, OSError) as error:
            code = error.code if isinstance(error, BotError) else type(error).__name__
            why = error.public if isinstance(error, BotError) else type(error).__name__
            log.warning("the database was not backed up: %s", code)
            if not last.failure:
                self._tell(sentence("The database could not be backed up. {why}", why=why))
            await self._rules.note_backup(
                BackupReport(
                    made_at=last.made_at,
                    seconds=last.seconds,
                    size_bytes=last.size_bytes,
                    failed_at=at,
                    failure=code,
                )
            )
            return
        seconds = time.monotonic() - began
        log.info("the database was backed up: %d bytes in %.1f s", size, seconds)
        await self._rules.note_backup(BackupReport(made_at=at, seconds=seconds, size_bytes=size))

    async def _renew_stale(self) -> None:
        """What another process, or another machine, forgot goes from the backups that lie here."""
        forgotten_at = await self._rules.forgotten_at()
        if forgotten_at is None:
            return
        oldest = await asyncio.to_thread(oldest_begun, self._where)
        if oldest is not None and oldest <= forgotten_at + _CLOCKS_DIFFER:
            await renew(self._where)
