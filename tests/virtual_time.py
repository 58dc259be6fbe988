"""An event loop whose clock stands still while there is work and jumps to the next timer when there is none."""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _NoWait(selectors.BaseSelector):
    """Never waits: tells the loop how long it would have."""

    def __init__(self, jump: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._jump = jump

    def register(self, fileobj, events, data=None):
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj):
        return self._real.unregister(fileobj)

    def modify(self, fileobj, events, data=None):
        return self._real.modify(fileobj, events, data)

    def select(self, timeout=None):
        if timeout is None:
            raise RuntimeError("everybody waits for ever")
        if timeout > 0:
            self._jump(timeout)
        return []

    def close(self):
        self._real.close()

    def get_map(self):
        return self._real.get_map()


class VirtualLoop(asyncio.SelectorEventLoop):
    """Its time begins at 1000 seconds. Nothing that happens outside of it is ever noticed."""

    def __init__(self) -> None:
        self._now = 1000.0
        super().__init__(_NoWait(self._pass))

    def time(self) -> float:
        return self._now

    def _pass(self, seconds: float) -> None:
        # The timer that is due next counts, not the difference, which is rounded.
        due = [handle.when() for handle in self._scheduled if not handle.cancelled()]
        self._now = max(self._now, min(due, default=self._now + seconds))


def run_virtually(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it to its end in no time."""
    loop = VirtualLoop()
    try:
        asyncio.set_event_loop(loop)
        result = loop.run_until_complete(work)
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        return result
    finally:
        asyncio.set_event_loop(None)
        loop.close()
