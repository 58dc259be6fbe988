"""Streams that are begun, gone on with, and closed."""

from collections.abc import AsyncIterator

import pytest

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.timeline import Notice, NoticeCode
from bot.providers.streams import begin, resume
from tests.providers.material import until_it_breaks

NOTICE = Notice(code=NoticeCode.FRAMES_DROPPED, public="Some.")


class Source:
    """Delivers its items in turn, raises those that are errors, and knows whether it was closed."""

    def __init__(self, *items: object) -> None:
        self.items = items
        self.delivered = 0
        self.is_closed = False

    async def stream(self) -> AsyncIterator[object]:
        try:
            for item in self.items:
                if isinstance(item, Exception):
                    raise item
                self.delivered += 1
                yield item
        finally:
            self.is_closed = True


def error(category: ProviderCategory = ProviderCategory.NETWORK) -> ProviderError:
    return ProviderError("unreachable", "public", category=category, request_id="r1")


async def test_the_beginning_is_the_first_item_that_counts() -> None:
    source = Source(NOTICE, "a", "b")
    begun = await begin(source.stream())
    assert begun.head == (NOTICE, "a")
    assert source.delivered == 2
    assert [item async for item in resume(begun)] == [NOTICE, "a", "b"]
    assert source.is_closed


async def test_an_empty_stream() -> None:
    begun = await begin(Source().stream())
    assert [item async for item in resume(begun)] == []


async def test_a_failure_at_the_beginning_stays_what_it_is() -> None:
    source = Source(NOTICE, error())
    with pytest.raises(ProviderError) as raised:
        await begin(source.stream())
    assert raised.value.category is ProviderCategory.NETWORK
    assert source.is_closed


@pytest.mark.parametrize("category", list(ProviderCategory))
async def test_a_failure_later_is_an_interruption(category: ProviderCategory) -> None:
    begun = await begin(Source("a", "b", error(category)).stream())
    delivered, raised = await until_it_breaks(resume(begun))
    assert delivered == ["a", "b"]
    assert (raised.category, raised.retryable, raised.request_id) == (ProviderCategory.INTERRUPTED, False, "r1")


async def test_leaving_early_closes_the_source() -> None:
    source = Source("a", "b", "c")
    stream = resume(await begin(source.stream()))
    assert await anext(stream) == "a"
    await stream.aclose()
    assert source.is_closed
    assert source.delivered == 1
