"""Background work: it is kept until it ends, its failure is seen, and its owner can finish it."""

import asyncio
import gc

import pytest

from bot.tasks import Tasks


async def test_work_is_kept_until_it_ends() -> None:
    tasks, done = Tasks(), asyncio.Event()

    async def work() -> None:
        await asyncio.sleep(0)
        done.set()

    tasks.spawn(work(), name="work")
    gc.collect()
    await asyncio.wait_for(done.wait(), 5)


async def test_a_failure_is_logged_with_the_name_of_the_work(caplog: pytest.LogCaptureFixture) -> None:
    async def work() -> None:
        raise ValueError("canary")

    await asyncio.wait({Tasks().spawn(work(), name="sweeping")})
    (record,) = caplog.records
    assert record.getMessage() == "sweeping failed"
    assert record.exc_info


async def test_what_ends_in_time_is_waited_for_and_the_rest_cancelled() -> None:
    tasks, ends = Tasks(), list[str]()

    async def short() -> None:
        await asyncio.sleep(0)
        ends.append("short")
        tasks.spawn(late(), name="late")

    async def late() -> None:
        await asyncio.sleep(0)
        ends.append("late")

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ends.append("cancelled")
            raise

    tasks.spawn(short(), name="short")
    running = tasks.spawn(endless(), name="endless")
    await tasks.finish(0.2)
    assert ends == ["short", "late", "cancelled"]
    assert running.cancelled()
    await tasks.finish(5)


async def test_work_that_is_cancelled_before_it_begins_leaves_no_warning() -> None:
    tasks = Tasks()

    async def work() -> None:
        await asyncio.sleep(0)

    tasks.spawn(work(), name="early").cancel()
    await tasks.finish(1.0)
    gc.collect()
