"""The queue that needs nothing but our own table: PostgreSQL calls when there is work, and it is looked for anyway."""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress

from bot.database.engine import Database
from bot.domain.errors import MemoryFault
from bot.jobs.queue import Begin
from bot.jobs.table import PUT
from bot.tasks import Tasks

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5


class BuiltinQueue:
    """See JobQueue. On SQLite the processes are one, which calls itself."""

    def __init__(self, database: Database, *, poll_seconds: float = _POLL_SECONDS) -> None:
        self._database = database
        self._poll_seconds = poll_seconds
        self._news = asyncio.Event()

    async def announce(self, words: Collection[str], *, delay_seconds: float = 0) -> None:
        if not self._database.is_shared:
            self._news.set()

    async def attend(self, begin: Begin, *, at_once: int, until: asyncio.Event) -> None:
        tasks = Tasks()
        tasks.spawn(self._database.listen(PUT, self._news.set), name="listening for work")
        stop = asyncio.create_task(until.wait(), name="told to stop")
        try:
            while not until.is_set():
                self._news.clear()
                try:
                    begun = await begin()
                except MemoryFault as fault:
                    _log.warning("no work could be taken: %s", fault.code)
                    begun = None
                if begun is None:
                    await self._wait(stop)
        finally:
            stop.cancel()
            await tasks.finish(0)

    async def aclose(self) -> None:
        """Nothing is open."""

    async def _wait(self, stop: "asyncio.Task[bool]") -> None:
        news = asyncio.create_task(self._news.wait(), name="news")
        await asyncio.wait({news, stop}, timeout=self._poll_seconds, return_when=asyncio.FIRST_COMPLETED)
        news.cancel()
        with suppress(asyncio.CancelledError):
            await news
