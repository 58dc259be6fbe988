"""SAQ as the queue, on PostgreSQL or Redis. It is one of the extras, so it is imported only where it is wanted."""

import asyncio
import logging
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from bot.domain.errors import BotError, MemoryFault
from bot.jobs.queue import Begin

_log = logging.getLogger(__name__)

_NAME = "kibitz"
_FUNCTION = "job"
_KEEP_NOTHING = -1  # of a word that was heard
_LONG_AGO = 1  # seconds since 1970, so that no clock is before it; Redis wants nothing at all
_PAUSE_SECONDS = 1.0
_GIVEN_UP_SECONDS = 5.0
_ANNOUNCED_AT_ONCE = 20


def open_saq(url: str, *, lease_seconds: float) -> "SaqQueue":
    """Connects when it is first used. Raises BotError where the extra is not installed."""
    try:
        from saq import Queue  # noqa: PLC0415 - an extra
        from saq.errors import MissingDependencyError  # noqa: PLC0415 - as above
    except ImportError as error:
        raise _missing() from error
    for library in ("saq", "psycopg.pool"):  # what matters of it is told below
        logging.getLogger(library).setLevel(logging.CRITICAL)
    try:
        if url.startswith("postgresql"):
            queue = Queue.from_url(url, name=_NAME, min_size=1, max_size=4)
            return SaqQueue(queue, lease_seconds=lease_seconds, due=_LONG_AGO)
        return SaqQueue(Queue.from_url(url, name=_NAME), lease_seconds=lease_seconds, due=0)
    except MissingDependencyError as error:
        raise _missing() from error


class SaqQueue:
    """See JobQueue. A word that is lost on the way is said again by the next look into the table. `due` is the time of
    a word without delay."""

    def __init__(self, queue: Any, *, lease_seconds: float, due: int) -> None:
        self._queue = queue
        self._dequeue = queue.dequeue
        queue.dequeue = self._patiently
        self._lease_seconds = lease_seconds
        self._due = due
        self._connecting = asyncio.Lock()
        self._is_connected = False
        self._begin: Begin | None = None

    async def announce(self, words: Collection[str], *, delay_seconds: float = 0) -> None:
        told = list(words)
        try:
            for start in range(0, len(told), _ANNOUNCED_AT_ONCE):
                part = told[start : start + _ANNOUNCED_AT_ONCE]
                async with asyncio.timeout(_GIVEN_UP_SECONDS):
                    await self._connect()
                    await asyncio.gather(*(self._say(word, delay_seconds) for word in part))
        except Exception as error:  # noqa: BLE001 - of two clients and their pools; the table is looked at anyway
            self._is_connected = False
            _log.warning("the queue did not take a word: %s", type(error).__name__)

    async def attend(self, begin: Begin, *, at_once: int, until: asyncio.Event) -> None:
        self._begin = begin
        while not until.is_set():
            try:
                async with asyncio.timeout(_GIVEN_UP_SECONDS):
                    await self._connect()
            except Exception as error:  # noqa: BLE001 - as above
                _log.warning("the queue cannot be reached: %s", type(error).__name__)
                with suppress(TimeoutError):
                    await asyncio.wait_for(until.wait(), _PAUSE_SECONDS)
                continue
            await self._listen(at_once, until)

    async def aclose(self) -> None:
        with suppress(Exception):
            await self._queue.disconnect()

    async def _connect(self) -> None:
        async with self._connecting:
            if not self._is_connected:
                await self._queue.connect()
                self._is_connected = True

    async def _patiently(self, *args: Any, **options: Any) -> Any:
        """SAQ asks again at once when its server does not answer."""
        try:
            return await self._dequeue(*args, **options)
        except Exception as error:  # noqa: BLE001 - as above
            _log.warning("the queue cannot be reached: %s", type(error).__name__)
            await asyncio.sleep(_PAUSE_SECONDS)
            return None

    async def _say(self, word: str, delay_seconds: float) -> None:
        """Said already and not heard yet, SAQ does not take it twice."""
        from saq.utils import now_seconds  # noqa: PLC0415 - an extra

        await self._queue.enqueue(
            _FUNCTION,
            key=word,
            timeout=0,
            heartbeat=max(1, round(self._lease_seconds)),
            retries=3,
            ttl=_KEEP_NOTHING,
            scheduled=round(now_seconds() + delay_seconds + 0.5) if delay_seconds else self._due,
        )

    async def _listen(self, at_once: int, until: asyncio.Event) -> None:
        from saq import Worker  # noqa: PLC0415 - an extra

        class Silent(Worker):  # pyright: ignore[reportMissingTypeArgument] - its context is not used
            """Signals are the bot's."""

            SIGNALS = []  # noqa: RUF012 - as the library has it

        timers: Any = {"sweep": max(1, round(self._lease_seconds / 3)), "abort": 1, "schedule": 1}
        worker = Silent(
            self._queue,
            [(_FUNCTION, self._heard)],
            concurrency=at_once,
            timers=timers,
        )
        listening = asyncio.create_task(worker.start(), name="saq")
        stop = asyncio.create_task(until.wait(), name="told to stop")
        await asyncio.wait({listening, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        await worker.stop()
        await asyncio.gather(listening, return_exceptions=True)

    async def _heard(self, context: dict[str, Any]) -> None:
        """One word: whichever job is next is begun, and SAQ hears of it until it ends."""
        if self._begin is None:
            return
        try:
            task = await self._begin()
        except MemoryFault:
            return
        while task is not None and not task.done():
            await asyncio.wait({task}, timeout=self._lease_seconds / 3)
            await context["job"].update()


def _missing() -> BotError:
    return BotError(
        "queue_missing", "The queue SAQ is not installed. Install Kibitz with the extra scale: uv sync --extra scale."
    )
