"""Streams whose beginning is awaited: until the first item, a failure can still be answered with another attempt."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.timeline import Notice

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(Generic[Item]):
    """A stream that has delivered: the items up to the first that is not a Notice, and what follows."""

    head: tuple[Item, ...]
    rest: AsyncIterator[Item]


def closing(stream: AsyncIterator[Item]) -> "aclosing[AsyncGenerator[Item]]":
    """A provider's stream that ends with the block, wherever it stands then."""
    return aclosing(cast("AsyncGenerator[Item]", stream))


async def begin(stream: AsyncIterator[Item]) -> Begun[Item]:
    """Wait for the first item that is not a Notice. Closes the stream when that fails or is cancelled."""
    head: list[Item] = []
    try:
        async for item in stream:
            head.append(item)
            if not isinstance(item, Notice):
                break
    except BaseException:
        await _close(stream)
        raise
    return Begun(head=tuple(head), rest=stream)


async def resume(begun: Begun[Item]) -> AsyncGenerator[Item]:
    """The whole of a begun stream. A failure after its head is an interruption: it must not be answered by
    starting again."""
    try:
        for item in begun.head:
            yield item
        async for item in begun.rest:
            yield item
    except ProviderError as error:
        if error.category is ProviderCategory.INTERRUPTED:
            raise
        raise ProviderError(
            "interrupted",
            "The reply broke off before its end; ask again to get the rest.",
            category=ProviderCategory.INTERRUPTED,
            request_id=error.request_id,
        ) from error
    finally:
        await _close(begun.rest)


async def _close(stream: AsyncIterator[Item]) -> None:
    aclose = getattr(stream, "aclose", None)
    if aclose is not None:
        await aclose()
