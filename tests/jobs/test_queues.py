"""What every queue keeps, on its real server: twelve cases, each on every engine (R46).

KIBITZ_BACKLOG says how long the backlog is; 10000 is what is promised. With KIBITZ_KILLS each engine is tried with
clocks that are wrong either way, else with one.
"""

import asyncio
import os
from collections import Counter

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import JobRow, OpenedFileRow
from bot.domain.errors import MediaError
from bot.jobs.order import FAILED_EACH_TIME, MOST_ATTEMPTS, Claim, Outcome, State
from bot.jobs.quarantine import Quarantine
from bot.jobs.runner import Report

from .conftest import Bench

BACKLOG = int(os.environ.get("KIBITZ_BACKLOG", "60"))
SHORT_LEASE_SECONDS = 2.0
DONE = Outcome(result="done")
_FIRST = {"builtin": 60.0, "saq": -60.0}


async def at_once(claim: Claim, report: Report) -> Outcome:
    return DONE


async def never(claim: Claim, report: Report) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError


async def test_what_is_ordered_twice_is_done_once(bench: Bench) -> None:
    job_id = await bench.put(1)
    assert await bench.put(1) == job_id
    async with bench.worker(at_once):
        await bench.until(job_id, State.DONE)
        await bench.put(1)
        await bench.until(await bench.put(2), State.DONE)
    assert bench.served.count((job_id, 1)) == len(bench.served) - 1 == 1
    assert await bench.table.outcome(job_id) == DONE


async def test_what_a_worker_left_is_done_by_another_when_its_lease_has_ended(bench: Bench) -> None:
    job_id = await bench.put(1)
    assert await bench.table.claim("gone", lease_seconds=-1) is not None
    async with bench.worker(at_once):
        standing = await bench.until(job_id, State.DONE)
    assert standing.attempts == 2
    assert bench.served == [(job_id, 2)]


@pytest.mark.parametrize("skew", [60.0, -60.0])
async def test_a_worker_with_a_wrong_clock_keeps_its_work_while_it_lives_and_no_longer(
    bench: Bench, skew: float
) -> None:
    if bench.where.url is None and skew < 0:
        pytest.skip("on SQLite there is one process, and its clock is its own")
    if skew != _FIRST.get(bench.settings.engine, skew) and not os.environ.get("KIBITZ_KILLS"):
        pytest.skip("with KIBITZ_KILLS")
    bench.lease(SHORT_LEASE_SECONDS)
    kept, left = await bench.put(1), await bench.put(2)
    async with bench.process(skew=0 if bench.where.url is None else skew) as process:
        assert {await process.begins(), await process.begins()} == {kept, left}
        async with bench.worker(at_once):
            await asyncio.sleep(1.5 * SHORT_LEASE_SECONDS)
            await bench.until(await bench.put(3), State.DONE)
            assert (await bench.standing(kept)).attempts == 1
            process.end(kept)
            await bench.until(kept, State.DONE)
            await process.kill()
            assert (await bench.until(left, State.DONE)).attempts == 2
    assert (await bench.table.outcome(kept)) == Outcome(result="by the process")
    assert (left, 2) in bench.served
    assert (kept, 2) not in bench.served


async def test_two_workers_never_have_the_same_job(bench: Bench) -> None:
    async def briefly(claim: Claim, report: Report) -> Outcome:
        await asyncio.sleep(0.01)
        return DONE

    async with bench.worker(briefly, at_once=4), bench.worker(briefly, at_once=4):
        jobs = [await bench.put(number) for number in range(1, 31)]
        await bench.until_all(jobs, State.DONE)
    assert Counter(bench.served) == Counter((job_id, 1) for job_id in jobs)


async def test_what_waits_and_is_cancelled_is_not_begun(bench: Bench) -> None:
    cancelled, wanted = await bench.put(1), await bench.put(2)
    await bench.table.cancel([cancelled])
    async with bench.worker(at_once):
        await bench.until(wanted, State.DONE)
    assert (await bench.standing(cancelled)).state is State.CANCELLED
    assert bench.served == [(wanted, 1)]


async def test_what_runs_and_is_cancelled_stops(bench: Bench) -> None:
    stopped = asyncio.Event()

    async def until_stopped(claim: Claim, report: Report) -> Outcome:
        try:
            return await never(claim, report)
        except asyncio.CancelledError:
            stopped.set()
            raise

    job_id = await bench.put(1)
    async with bench.worker(until_stopped):
        await bench.until(job_id, State.RUNNING)
        await bench.table.cancel([job_id])
        async with asyncio.timeout(10):
            await stopped.wait()
        await bench.until(job_id, State.CANCELLED)
        await bench.until(await _replaced(bench), State.DONE, State.RUNNING)


async def _replaced(bench: Bench) -> str:
    """The hand that was stopped takes the next one."""
    return await bench.put(2)


async def test_poison_goes_to_the_dead_letters_and_nothing_else_with_it(bench: Bench) -> None:
    poison = await bench.put(1)

    async def fail(claim: Claim, report: Report) -> Outcome:
        if claim.job_id == poison:
            raise ValueError("poison")
        return DONE

    async with bench.worker(fail):
        dead = await bench.until(poison, State.DEAD)
        await bench.until(await bench.put(2), State.DONE)
    assert dead.attempts == MOST_ATTEMPTS == len([one for one in bench.served if one[0] == poison])
    assert await bench.table.outcome(poison) == Outcome(error=FAILED_EACH_TIME)


async def test_what_takes_its_workers_down_is_not_begun_a_fourth_time(bench: Bench) -> None:
    poison, quarantine = await bench.put(1), Quarantine(bench.database)
    for _ in range(MOST_ATTEMPTS):
        await dies_at(bench, poison, "the file it opens")
    async with bench.worker(at_once):
        await bench.until(await bench.put(2), State.DONE)
    assert (await bench.standing(poison)).state is State.DEAD
    assert await bench.table.outcome(poison) == Outcome()
    with pytest.raises(MediaError, match="media_quarantined"):
        await quarantine.check("another", "the file it opens")


async def test_attempts_that_nobody_died_of_condemn_no_file(bench: Bench) -> None:
    """The worker was told to stop, something failed that may not repeat, or the worker was too slow for its lease."""
    for number, way in enumerate(("told to stop", "failed", "too slow"), start=1):
        job_id = await bench.put(number)
        claim = await bench.table.claim("alive", lease_seconds=-1)
        assert claim is not None
        await Quarantine(bench.database).check(job_id, way)
        if way == "too slow":
            await bench.table.tidy()
            assert not await bench.table.end(claim, "alive", State.DONE, DONE)
            await bench.table.outlived([job_id])
        else:
            assert await bench.table.again(claim, "alive", seconds=0, counts=way == "failed")
        while (await bench.standing(job_id)).state is not State.DEAD:
            await dies_at(bench, job_id, "another file" if way == "told to stop" else way)
        await Quarantine(bench.database).check("another", way)


async def test_a_worker_that_was_too_slow_says_that_it_lives(bench: Bench) -> None:
    job_id, quarantine = await bench.put(1), Quarantine(bench.database)
    opened = asyncio.Event()

    async def open_it(claim: Claim, report: Report) -> Outcome:
        await quarantine.check(claim.job_id, "the file it opens")
        opened.set()
        return DONE if claim.attempt > 1 else await never(claim, report)

    async with bench.worker(open_it, at_once=1):
        await asyncio.wait_for(opened.wait(), 30)
        assert await bench.database.read(_opened) == 1
        await bench.database.share(lambda session: session.execute(update(JobRow).values(lease_until=JobRow.run_at)))
        await bench.queues[0].announce(await bench.table.tidy())
        await bench.until(job_id, State.DONE)
        async with asyncio.timeout(30):
            while await bench.database.read(_opened):  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.02)


async def dies_at(bench: Bench, job_id: str, sha256: str) -> None:
    """A worker, while it has a job and a file open."""
    claim = await bench.table.claim("gone", lease_seconds=-1)
    assert claim is not None
    assert claim.job_id == job_id
    await Quarantine(bench.database).check(job_id, sha256)
    await bench.table.tidy()


async def _opened(session: AsyncSession) -> int | None:
    return await session.scalar(select(func.count()).select_from(OpenedFileRow))


async def test_what_failed_waits_before_it_is_tried_again(bench: Bench) -> None:
    later, soon = await bench.put(1), await bench.put(2)

    async def fail_once(claim: Claim, report: Report) -> Outcome:
        if claim.attempt == 1 and claim.job_id in (later, soon):
            raise ValueError("once")
        return DONE

    pauses = iter([3600.0, 0.0])
    async with bench.worker(fail_once, at_once=1, pause=lambda _: next(pauses)):
        await bench.until(soon, State.DONE)
        await bench.table.tidy()
        await bench.until(await bench.put(3), State.DONE)
    assert [one for one in bench.served if one[0] in (later, soon)] == [(later, 1), (soon, 1), (soon, 2)]
    assert (await bench.standing(later)).state is State.QUEUED


async def test_the_urgent_comes_first(bench: Bench) -> None:
    slow = [await bench.put(number, priority=1) for number in (1, 2, 3)]
    urgent = await bench.put(4)
    async with bench.worker(at_once, at_once=1):
        await bench.until_all([*slow, urgent], State.DONE)
    assert bench.served[0] == (urgent, 1)
    assert [job_id for job_id, _ in bench.served[1:]] == slow


async def test_a_worker_that_is_told_to_stop_ends_what_it_can_and_hands_the_rest_back(bench: Bench) -> None:
    ends, stays, waits = await bench.put(1), await bench.put(2), await bench.put(3)
    gate = asyncio.Event()

    async def held(claim: Claim, report: Report) -> Outcome:
        return DONE if claim.job_id == ends and await gate.wait() else await never(claim, report)

    async with bench.worker(held, at_once=2, grace_seconds=0.3) as runner:
        await bench.until(ends, State.RUNNING)
        await bench.until(stays, State.RUNNING)
        runner.stop()
        gate.set()
    assert [(await bench.standing(job_id)).state for job_id in (ends, stays, waits)] == [
        State.DONE,
        State.QUEUED,
        State.QUEUED,
    ]
    assert (await bench.standing(stays)).attempts == 0, "an attempt that was broken off by us is none"
    async with bench.worker(at_once):
        await bench.until_all([stays, waits], State.DONE)


async def test_progress_is_seen_and_begins_anew_with_another_worker(bench: Bench) -> None:
    job_id = await bench.put(1)
    told = asyncio.Event()

    async def tell(claim: Claim, report: Report) -> Outcome:
        assert await report('[{"half": true}]', "Half of")
        told.set()
        return await never(claim, report)

    async with bench.worker(tell):
        async with asyncio.timeout(10):
            await told.wait()
        before = await bench.standing(job_id)
        shown = await bench.table.shown(job_id)
        assert shown is not None
        assert (shown.attempts, shown.progress, shown.text) == (1, '[{"half": true}]', "Half of")
    again = await bench.table.claim("another", lease_seconds=60)
    assert again is not None
    shown = await bench.table.shown(job_id)
    assert shown is not None
    assert (shown.progress, shown.text) == ("{}", "")
    assert (await bench.standing(job_id)).revision > before.revision
    assert not await bench.table.report(again, "not the owner", progress="[]", text="Whose?")


async def test_a_backlog_is_worked_off(bench: Bench) -> None:
    jobs = [await bench.put(number) for number in range(1, BACKLOG + 1)]
    async with bench.worker(at_once, at_once=16):
        await bench.until_all(jobs, State.DONE)
    assert Counter(bench.served) == Counter((job_id, 1) for job_id in jobs)
