"""What is tried again, how often, and how long in between."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
import stamina

from bot.domain.errors import ProviderCategory, ProviderError, QuotaError
from bot.providers.retry import NO_RETRY, Retry
from tests.providers.material import QUICK

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def error(
    category: ProviderCategory = ProviderCategory.SERVER,
    *,
    retryable: bool = True,
    after: float | None = None,
    code: str = "server_error",
) -> ProviderError:
    return ProviderError(
        code, "public", category=category, retryable=retryable, retry_after_seconds=after, request_id="r1"
    )


def failing(*errors: ProviderError) -> tuple[Callable[[], Awaitable[str]], list[int]]:
    left, calls = list(errors), []

    async def attempt() -> str:
        calls.append(len(calls))
        if left:
            raise left.pop(0)
        return "done"

    return attempt, calls


async def test_a_passing_error_is_outlived() -> None:
    attempt, calls = failing(error(), error(ProviderCategory.NETWORK))
    assert await QUICK.call(attempt) == "done"
    assert len(calls) == 3


async def test_the_last_error_is_raised() -> None:
    attempt, calls = failing(error(), error(), error(code="third"))
    with pytest.raises(ProviderError, match="third"):
        await QUICK.call(attempt)
    assert len(calls) == 3


async def test_once_means_once() -> None:
    attempt, calls = failing(error())
    with pytest.raises(ProviderError):
        await NO_RETRY.call(attempt)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "category",
    [ProviderCategory.AUTH, ProviderCategory.GONE, ProviderCategory.BAD_REQUEST, ProviderCategory.REFUSED,
     ProviderCategory.WRONG_ADDRESS, ProviderCategory.INTERRUPTED],
)  # fmt: skip
async def test_what_cannot_succeed_is_not_repeated(category: ProviderCategory) -> None:
    attempt, calls = failing(error(category, retryable=False))
    with pytest.raises(ProviderError):
        await QUICK.call(attempt)
    assert len(calls) == 1


async def test_no_money_is_not_repeated() -> None:
    attempt, calls = failing(QuotaError("no_credit", "public"))
    with pytest.raises(QuotaError) as raised:
        await QUICK.call(attempt)
    assert raised.value.resets_at is None
    assert len(calls) == 1


def test_a_wish_is_waited_out_up_to_a_limit() -> None:
    retry = Retry(longest_wish_seconds=20.0)
    assert retry.wait_after(error(ProviderCategory.RATE, after=19.5)) == 19.5
    assert retry.wait_after(error(ProviderCategory.RATE, after=0.0)) == 0.0
    assert retry.wait_after(error(ProviderCategory.RATE, after=20.5)) is False
    assert retry.wait_after(error(ProviderCategory.RATE)) is True
    assert retry.wait_after(ValueError()) is False


def test_an_overloaded_server_gets_more_time() -> None:
    retry = Retry(first_wait_seconds=0.5, longest_wait_seconds=8.0)
    assert retry.wait_after(error(code="overloaded")) == 2.0


async def test_a_wish_too_long_becomes_a_time_to_come_back() -> None:
    attempt, calls = failing(error(ProviderCategory.RATE, after=300.0, code="rate_limited"))
    with pytest.raises(QuotaError) as raised:
        await Retry(now=lambda: NOON).call(attempt)
    assert raised.value.resets_at == NOON + timedelta(minutes=5)
    assert raised.value.category is ProviderCategory.RATE
    assert (raised.value.code, raised.value.request_id) == ("rate_limited", "r1")
    assert len(calls) == 1


async def test_a_limit_that_stays_becomes_a_quota() -> None:
    attempt, calls = failing(*(error(ProviderCategory.RATE, after=0.001) for _ in range(3)))
    with pytest.raises(QuotaError):
        await QUICK.call(attempt)
    assert len(calls) == 3


async def test_waits_are_those_of_stamina() -> None:
    """In its testing mode stamina does not wait; ours must not either, whatever a server wishes."""
    attempt, calls = failing(error(ProviderCategory.RATE, after=15.0), error())
    with stamina.set_testing(True, attempts=3):
        assert await Retry().call(attempt) == "done"
    assert len(calls) == 3
