"""Where a plugin lives: a thread with an event loop of its own, so that one that blocks holds up nobody else."""

import asyncio
import inspect
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context, ContextVar
from typing import Any, TypeVar

Item = TypeVar("Item")

_LEAK_GRACE_SECONDS = 1.0
_ITEMS_AHEAD = 8
_MOST_WATCHING = 512
_GOODBYE_SECONDS = 1.0
_CANCEL_SECONDS = 1.0


class PluginBusyError(Exception):
    """The plugin has not come back from an earlier call that took too long."""


class PluginGoneError(Exception):
    """The plugin was switched off."""


class _Call:
    """One call under way. `children` are the tasks it began; `began_at` None: its turn has not come yet."""

    def __init__(self) -> None:
        self.began_at: float | None = None
        self.task: asyncio.Task[None] | None = None
        self.children: set[asyncio.Task[Any]] = set()


_CALL: ContextVar[_Call | None] = ContextVar("plugin_call", default=None)


class Quarters:
    """Of one plugin. Everything public is used on the bot's event loop, from which it was made. `leaked` is told how
    many tasks a call left running; they are cancelled. `strayed` is told what nobody waited for raised."""

    def __init__(self, name: str, *, leaked: Callable[[int], None], strayed: Callable[[BaseException], None]) -> None:
        self._home = asyncio.get_running_loop()
        self._leaked = leaked
        self._strayed = strayed
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(self._make_task)
        self._loop.set_exception_handler(self._stray)
        self._kept: set[asyncio.Task[Any]] = set()
        self._overdue: dict[_Call, float] = {}
        self._watching: dict[_Call, tuple[float, Callable[[BaseException], None]]] = {}
        self._next_look: asyncio.TimerHandle | None = None
        self._pending: set[asyncio.Future[object]] = set()
        self._is_closed = False
        self._thread = threading.Thread(target=self._live, name=f"plugin {name}", daemon=True)
        self._thread.start()

    async def run(self, work: Callable[[], object], seconds: float, *, keeps_tasks: bool = False) -> object:
        """What `work` returns, awaited if need be. With `keeps_tasks` tasks it begins may go on afterwards. Raises what
        it raises, TimeoutError, PluginBusyError, PluginGoneError."""
        self._check_free()
        done = self._promise()
        call = _Call()
        self._there(self._begin, call, work, done, keeps_tasks)
        try:
            async with asyncio.timeout(seconds):
                return await done
        except TimeoutError:
            self._leave(call, done, 0.0)
            raise
        finally:
            self._leave(call, done, _CANCEL_SECONDS)

    def watch(self, work: Callable[[], object], seconds: float, failed: Callable[[BaseException], None]) -> bool:
        """Begin `work` and do not wait for it; `failed` is told, on the bot's loop, what it raised. False: so much
        waits already that it was left out."""
        if self._is_closed or len(self._watching) >= _MOST_WATCHING:
            return False
        call, done = _Call(), self._promise()
        self._watching[call] = seconds, failed
        done.add_done_callback(lambda result: self._watched(call, result, failed))
        self._there(self._begin, call, work, done, False, seconds)
        if self._next_look is None:
            self._look_later(seconds)
        return True

    @asynccontextmanager
    async def stream(
        self, make: Callable[[], AsyncIterator[Item]], idle_seconds: float
    ) -> AsyncGenerator[AsyncIterator[Item]]:
        """The items of an iterator that is made and run there, in one task. Raises what it raises, and TimeoutError
        when the next item takes longer than that; leaving the block closes it."""
        self._check_free()
        items = asyncio.Queue[tuple[Item] | None]()  # bounded by the room the pump waits for
        room = asyncio.Semaphore(_ITEMS_AHEAD)  # waited for there only
        ended = self._promise()
        call = _Call()

        async def pump() -> None:
            iterator = make()
            try:
                async for item in iterator:
                    await room.acquire()
                    self._here(items.put_nowait, (item,))
            finally:
                aclose = getattr(iterator, "aclose", None)  # generators have it, other iterators may not
                if aclose is not None:
                    await aclose()

        ended.add_done_callback(lambda _: items.put_nowait(None))

        async def pull() -> AsyncIterator[Item]:
            while True:
                async with asyncio.timeout(idle_seconds):
                    item = await items.get()
                if item is None:
                    ended.result()
                    return
                self._there(room.release)
                yield item[0]

        self._there(self._begin, call, pump, ended, False)
        try:
            yield pull()
        finally:
            ended.add_done_callback(_look)
            self._leave(call, ended, _CANCEL_SECONDS)

    def keep(self, work: Coroutine[Any, Any, None], name: str, failed: Callable[[BaseException], None]) -> None:
        """From the plugin's own loop: work in the background until the plugin stops."""

        def begin() -> None:
            task = self._loop.create_task(work, name=name)
            self._kept.add(task)
            task.add_done_callback(ended)

        def ended(task: asyncio.Task[None]) -> None:
            self._kept.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                self._here(failed, error)

        self._there(begin, context=Context())

    async def ask_home(self, work: Coroutine[Any, Any, Item]) -> Item:
        """From the plugin's own loop: what this coroutine gives on the bot's loop."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._home))

    async def settle(self, seconds: float) -> None:
        """Wait so long for what is under way."""
        if self._pending:
            await asyncio.wait(self._pending, timeout=seconds)

    async def aclose(self) -> int:
        """Cancel what runs there and end the thread; a thread that does not come back is left behind. Gives how many
        tasks had to be cancelled."""
        if self._is_closed:
            return 0
        self._is_closed = True
        gone: asyncio.Future[object] = self._home.create_future()

        async def end() -> None:
            me = asyncio.current_task()
            tasks = [task for task in asyncio.all_tasks() if task is not me]
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=_GOODBYE_SECONDS)
            await self._loop.shutdown_asyncgens()
            self._here(_settle, gone, len(tasks), None)
            self._loop.stop()

        self._there(lambda: self._kept.add(self._loop.create_task(end())), context=Context())
        try:
            async with asyncio.timeout(_GOODBYE_SECONDS + 0.5):
                cancelled = await gone
        except TimeoutError:
            return 1
        await asyncio.to_thread(self._thread.join, 1.0)
        return cancelled if isinstance(cancelled, int) else 0

    def _promise(self) -> asyncio.Future[object]:
        """Of what a call gives."""
        promise: asyncio.Future[object] = self._home.create_future()
        self._pending.add(promise)
        promise.add_done_callback(self._pending.discard)
        return promise

    def _check_free(self) -> None:
        if self._is_closed:
            raise PluginGoneError
        if any(busy_from <= self._home.time() for busy_from in self._overdue.values()):
            raise PluginBusyError

    def _leave(self, call: _Call, done: asyncio.Future[object], seconds: float) -> None:
        """Wait for a call no more; when it has not come back after so long, the plugin is busy."""
        if (not done.done() or done.cancelled()) and call not in self._overdue:
            self._overdue[call] = self._home.time() + seconds
            self._there(self._give_up, call)

    def _look_later(self, seconds: float) -> None:
        self._next_look = self._home.call_later(seconds + _CANCEL_SECONDS, self._look_after)

    def _look_after(self) -> None:
        """Tell, each time, that a watcher does not come back: it blocks, and nobody waits who would notice."""
        self._next_look = None
        late = [
            (seconds, failed)
            for call, (seconds, failed) in self._watching.items()
            if call.began_at is not None and self._home.time() - call.began_at >= seconds + _CANCEL_SECONDS
        ]
        if self._watching and not self._is_closed:
            self._look_later(min(seconds for seconds, _ in self._watching.values()))
        if late:
            late[0][1](TimeoutError())

    # On the plugin's loop.

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _make_task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, **options)
        call = _CALL.get()
        if call is not None:
            call.children.add(task)
            task.add_done_callback(call.children.discard)
        return task

    def _begin(
        self,
        call: _Call,
        work: Callable[[], object],
        done: asyncio.Future[object],
        keeps_tasks: bool,
        seconds: float | None = None,
    ) -> None:
        context = Context()
        context.run(_CALL.set, call)
        running = self._work(call, work, done, keeps_tasks, seconds)
        call.task = asyncio.Task(running, loop=self._loop, context=context)
        self._kept.add(call.task)
        call.task.add_done_callback(self._kept.discard)
        call.task.add_done_callback(lambda task: self._dropped(call, done) if task.cancelled() else None)

    def _dropped(self, call: _Call, done: asyncio.Future[object]) -> None:
        """It was given up before it began."""
        self._here(self._ended, call, done, None, PluginGoneError())

    async def _work(
        self,
        call: _Call,
        work: Callable[[], object],
        done: asyncio.Future[object],
        keeps_tasks: bool,
        seconds: float | None,
    ) -> None:
        result, failure = None, None
        call.began_at = self._home.time()
        try:
            async with asyncio.timeout(seconds):
                result = work()
                if inspect.isawaitable(result):
                    result = await result
        except BaseException as error:  # noqa: BLE001 - SystemExit of a plugin must not end the thread
            failure = error
        self._here(self._ended, call, done, result, failure)
        if call.children and not keeps_tasks:
            self._loop.call_later(_LEAK_GRACE_SECONDS, self._reap, call)
        elif keeps_tasks:
            self._kept |= call.children

    def _give_up(self, call: _Call) -> None:
        if call.task is not None:
            call.task.cancel()

    def _reap(self, call: _Call) -> None:
        left = [task for task in call.children if not task.done()]
        for task in left:
            task.cancel()
        if left:
            self._here(self._leaked, len(left))

    def _stray(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Instead of asyncio's log line, in which the message of the exception stands."""
        if (error := context.get("exception")) is not None:
            self._here(self._strayed, error)

    # Between the loops.

    def _there(self, work: Callable[..., object], *args: Any, context: Context | None = None) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work, *args, context=context)

    def _here(self, work: Callable[..., object], *args: Any) -> None:
        if not self._home.is_closed():
            self._home.call_soon_threadsafe(work, *args)

    def _ended(self, call: _Call, done: asyncio.Future[object], result: object, failure: BaseException | None) -> None:
        self._overdue.pop(call, None)
        _settle(done, result, failure)

    def _watched(self, call: _Call, done: asyncio.Future[object], failed: Callable[[BaseException], None]) -> None:
        del self._watching[call]
        if not done.cancelled() and (error := done.exception()) is not None:
            failed(error)


class GuestRaisedError(Exception):
    """A plugin raised something that is no Exception, or a StopIteration, which a future cannot carry."""


def _settle(done: asyncio.Future[object], result: object, failure: BaseException | None) -> None:
    if done.done():
        return
    if failure is None:
        done.set_result(result)
    elif isinstance(failure, Exception) and not isinstance(failure, StopIteration):
        done.set_exception(failure)
    else:
        raised = GuestRaisedError(type(failure).__name__)
        raised.__cause__ = failure
        done.set_exception(raised)


def _look(ended: asyncio.Future[object]) -> None:
    """What came after nobody waited any more is of no interest."""
    if not ended.cancelled():
        ended.exception()
