"""The one place that tries again: what may be repeated, how often, and how long to wait in between."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import stamina

from bot.domain.clock import utc_now
from bot.domain.errors import ProviderCategory, ProviderError, QuotaError
from bot.tally import Figure, tell

Result = TypeVar("Result")

_OVERLOADED_FACTOR = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How a failed call is repeated: `attempts` in all, waits that double from `first_wait_seconds` plus jitter.

    A server's own wish (Retry-After) is honoured up to `longest_wish_seconds`; beyond that the person is told when
    to come back instead. `now` gives the time in UTC. `role` is what repetitions are counted for.
    """

    attempts: int = 3
    first_wait_seconds: float = 0.5
    longest_wait_seconds: float = 8.0
    jitter_seconds: float = 0.25
    longest_wish_seconds: float = 20.0
    now: Callable[[], datetime] = utc_now
    role: str = ""

    async def call(self, attempt: Callable[[], Awaitable[Result]]) -> Result:
        """The result of the first attempt that succeeds. Raises the last ProviderError; a rate limit that cannot be
        waited for becomes a QuotaError that knows when it ends."""
        try:
            async for trial in stamina.retry_context(
                on=self.wait_after,
                attempts=self.attempts,
                timeout=None,
                wait_initial=self.first_wait_seconds,
                wait_max=self.longest_wait_seconds,
                wait_jitter=self.jitter_seconds,
            ):
                if trial.num > 1:
                    tell(Figure.RETRIES, label=self.role)
                with trial:
                    return await attempt()
        except ProviderError as error:
            if error.category is ProviderCategory.RATE and not isinstance(error, QuotaError):
                raise self._quota(error) from error
            raise
        raise AssertionError("stamina ends with a result or an exception")

    def wait_after(self, error: Exception) -> bool | float:
        """False: do not repeat. True: repeat after the usual back-off. A number: repeat after these seconds."""
        if not isinstance(error, ProviderError) or not error.retryable:
            return False
        wish = error.retry_after_seconds
        if wish is not None:
            return wish if wish <= self.longest_wish_seconds else False
        if error.code == "overloaded":
            return min(self.first_wait_seconds * _OVERLOADED_FACTOR, self.longest_wait_seconds)
        return True

    def _quota(self, error: ProviderError) -> QuotaError:
        wish = error.retry_after_seconds
        return QuotaError(
            error.code,
            error.public,
            category=ProviderCategory.RATE,
            resets_at=None if wish is None else self.now() + timedelta(seconds=wish),
            request_id=error.request_id,
        )


NO_RETRY = Retry(attempts=1)
