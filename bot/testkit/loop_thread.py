"""An event loop on a thread of its own, so that tests need not be async to try what is."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

Result = TypeVar("Result")


class LoopThread:
    """Runs from its making until `close`."""

    def __init__(self) -> None:
        self._ready: Future[asyncio.AbstractEventLoop] = Future()
        self._thread = threading.Thread(target=self._live, name="kibitz test kit", daemon=True)
        self._thread.start()
        self._loop = self._ready.result()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What it gives, waited for. Raises what it raises."""
        if threading.current_thread() is self._thread:
            work.close()
            raise RuntimeError("the methods of the kit are called from the test, not from what `kibitz.run` runs")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join()

    def _live(self) -> None:
        asyncio.run(self._stay())

    async def _stay(self) -> None:
        self._ended = asyncio.Event()
        self._ready.set_result(asyncio.get_running_loop())
        await self._ended.wait()
