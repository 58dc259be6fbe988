"""Work that runs at once and fails as one."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, cast

One = TypeVar("One")
Other = TypeVar("Other")


async def together(one: Coroutine[Any, Any, One], other: Coroutine[Any, Any, Other]) -> tuple[One, Other]:
    """Run both at once; when one fails the other is cancelled and the cause is raised as itself."""
    try:
        async with asyncio.TaskGroup() as group:
            first, second = group.create_task(one), group.create_task(other)
    except BaseExceptionGroup as failures:
        raise first_cause(failures) from None
    return first.result(), second.result()


def first_cause(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first leaf of an exception group, with its own traceback and cause."""
    cause = failures.exceptions[0]
    return first_cause(cast(BaseExceptionGroup[BaseException], cause)) if _is_group(cause) else cause


def _is_group(error: BaseException) -> bool:
    return isinstance(error, BaseExceptionGroup)
