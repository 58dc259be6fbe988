"""Background work: named, referenced until it ends, and its failure told to the log."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

_log = logging.getLogger(__name__)


class Tasks:
    """The background work of one owner, who finishes it before going away."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Begin `work`; what it raises ends in the log. `name` is for the log: no words, no names of people."""
        task = asyncio.create_task(_logged(work, name), name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        task.add_done_callback(lambda _task: work.close())  # where it was cancelled before it began
        return task

    async def finish(self, seconds: float) -> None:
        """Wait so long for what still runs, work begun meanwhile included; cancel the rest and wait for its end."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self._running and (left := deadline - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._running, timeout=left)
        while self._running:
            for task in self._running:
                task.cancel()
            await asyncio.wait(self._running)


async def _logged(work: Coroutine[Any, Any, None], name: str) -> None:
    try:
        await work
    except Exception:  # noqa: BLE001 - nobody awaits this work; its failure must be seen somewhere
        _log.exception("%s failed", name)
