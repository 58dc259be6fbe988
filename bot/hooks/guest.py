"""One plugin that runs: where it lives, what it failed at, and when that is enough."""

import logging
import time
import traceback
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import TypeVar

from bot.domain.errors import BotError, PluginError
from bot.domain.sentence import Sentence, sentence
from bot.hooks.checks import NonsenseError
from bot.hooks.kibitz import UNDECLARED
from bot.hooks.plugin import Plugin
from bot.hooks.quarters import PluginBusyError, PluginGoneError, Quarters

log = logging.getLogger(__name__)

Item = TypeVar("Item")

FAILURES_WITHIN_SECONDS = 600.0
_FRAMES_TOLD = 3


class Guest:
    """A plugin with its quarters. `too_much` is called once, when it failed `most_failures` times within ten minutes;
    from then on `is_off`. `last_failure` says what went wrong last, for the operator. `lapses` counts what it was asked
    for and did not do."""

    def __init__(
        self,
        name: str,
        *,
        most_failures: int,
        too_much: Callable[["Guest"], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.plugin: Plugin | None = None
        self.is_off = False
        self.last_failure: Sentence | None = None
        self.failures = 0
        self.lapses = 0
        self.quarters = Quarters(
            name, leaked=self._leaked, strayed=partial(self._watch_failed, "background work", seconds=0.0)
        )
        self._most_failures = most_failures
        self._too_much = too_much
        self._clock = clock
        self._recent: deque[float] = deque(maxlen=most_failures)

    async def run(self, hook: str, work: Callable[[], object], seconds: float, *, keeps_tasks: bool = False) -> object:
        """What the plugin returns. Raises PluginError, and BotError where the plugin does; failures are counted."""
        if self.is_off:
            raise self._gone()
        try:
            return await self.quarters.run(work, seconds, keeps_tasks=keeps_tasks)
        except BotError as error:
            if error.code == UNDECLARED:
                raise self.fail(hook, error) from error
            self.lapses += 1
            raise
        except Exception as error:
            raise self.fail(hook, error, seconds) from error

    def watch(self, hook: str, work: Callable[[], object], seconds: float) -> None:
        """The same, without waiting for it."""
        failed = partial(self._watch_failed, hook, seconds=seconds)
        if not self.is_off and not self.quarters.watch(work, seconds, failed):
            self.fail(hook, PluginBusyError(), seconds)

    def stream(
        self, work: Callable[[], AsyncIterator[Item]], idle_seconds: float
    ) -> AbstractAsyncContextManager[AsyncIterator[Item]]:
        """See Quarters. What it raises is for the caller to count."""
        return self.quarters.stream(work, idle_seconds)

    def fail(self, hook: str, error: BaseException, seconds: float = 0.0) -> PluginError:
        """Count a failure and say what it was; the plugin may be off afterwards."""
        if self.is_off or isinstance(error, PluginGoneError):
            return self._gone()
        said = self._said(hook, error, seconds)
        self.failures += 1
        self.lapses += 1
        self.last_failure = said
        log.warning("plugin %s: %s (%s)", self.name, said, told_of(error), extra={"plugin": self.name, "hook": hook})
        now = self._clock()
        self._recent.append(now)
        is_too_much = len(self._recent) == self._most_failures and now - self._recent[0] <= FAILURES_WITHIN_SECONDS
        if is_too_much:
            self.is_off = True
            log.error("plugin %s failed %d times and is switched off", self.name, self._most_failures)
            self._too_much(self)
        return PluginError("plugin_failed", said)

    def _watch_failed(self, hook: str, error: BaseException, *, seconds: float) -> None:
        if isinstance(error, BotError) and error.code != UNDECLARED:
            self.lapses += 1
            log.info("plugin %s: %s: %s", self.name, hook, error.code)
        else:
            self.fail(hook, error, seconds)

    def _leaked(self, count: int) -> None:
        self.fail("tasks", _LeftTasksError(count))

    def _gone(self) -> PluginError:
        said = sentence("The plugin {plugin} is switched off. /plugins list says why.", plugin=self.name)
        return PluginError("plugin_off", said)

    def _said(self, hook: str, error: BaseException, seconds: float) -> Sentence:
        if isinstance(error, TimeoutError) and seconds:
            return sentence("{hook} took longer than {seconds} s.", hook=hook, seconds=f"{seconds:g}")
        if isinstance(error, BotError):
            return error.public
        if isinstance(error, PluginBusyError):
            return sentence("{hook} was left out: an earlier call has not come back.", hook=hook)
        if isinstance(error, NonsenseError):
            return sentence("{hook} {what}.", hook=hook, what=str(error))
        if isinstance(error, _LeftTasksError):
            return sentence("It left {n} tasks running; they were cancelled.", n=error.count)
        return sentence("{hook} raised {error} at {place}.", hook=hook, error=name_of(error), place=place_of(error))


class _LeftTasksError(Exception):
    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count


def name_of(error: BaseException) -> str:
    """Of what was raised, which may have been wrapped on its way."""
    cause = error.__cause__ if type(error).__name__ == "GuestRaisedError" and error.__cause__ else error
    return type(cause).__name__


def told_of(error: BaseException) -> str:
    """What and where, without the message, in which anybody's words may stand."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES_TOLD:]
    where = ", ".join(f"{frame.filename}:{frame.lineno}" for frame in frames)
    return f"{name_of(error)} at {where or 'no place'}"


def place_of(error: BaseException) -> str:
    """File and line where it was raised."""
    cause = error.__cause__ or error
    if isinstance(cause, SyntaxError):
        return f"{(cause.filename or '-').rpartition('/')[2]}:{cause.lineno}"
    frames = traceback.extract_tb(cause.__traceback__)
    return f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else "-"
