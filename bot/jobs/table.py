"""The table of work between processes. What counts as true of a job stands here, whatever carries the word of it."""

import logging
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import read_ask, read_place, to_json
from bot.database.engine import Database
from bot.database.tables import AskRow, JobRow
from bot.database.types import UtcTime
from bot.domain.ask import Ask
from bot.domain.quote import Consent
from bot.jobs.order import FAILED_EACH_TIME, MOST_ATTEMPTS, Claim, Order, Outcome, Shown, Standing, State, word_of
from bot.jobs.quarantine import acquit, condemn, took_back

_log = logging.getLogger(__name__)

PUT, ENDED = "kibitz_jobs_put", "kibitz_jobs_ended"
"""What PostgreSQL tells who listens: there is work, or some has come to its end."""

_KEPT_FOR = timedelta(hours=1)  # what came of a job whose gateway never fetched it
_DEAD_FOR = timedelta(days=1)
_FOR_ANOTHER_VERSION = timedelta(seconds=5)
_TOLD_AT_ONCE = 100
_NOTHING = "{}"
_FREE: dict[str, None] = {"owner": None, "lease_until": None}


def steady() -> Callable[[], datetime]:
    """A clock that does not jump when that of the machine is set."""
    began, seconds = datetime.now(UTC), time.monotonic()
    return lambda: began + timedelta(seconds=time.monotonic() - seconds)


class JobTable:
    """Each method is one transaction and raises MemoryFault. On PostgreSQL time is that of its server; `clock` counts
    on SQLite alone, where there is one process."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] | None = None) -> None:
        self.database = database
        self._clock = clock or steady()

    # For whoever orders

    async def put(self, order: Order) -> State:
        """What it is now: queued, or where it stands when it was put before. Lost: its request was taken back."""
        return await self.database.write(lambda session: self._put(session, order))

    async def standings(self, job_ids: Collection[str]) -> dict[str, Standing]:
        """Of those that are there."""
        statement = select(JobRow.job_id, JobRow.state, JobRow.attempts, JobRow.revision).where(
            JobRow.job_id.in_(job_ids)
        )
        rows = (await self.database.read(lambda session: session.execute(statement))).all()
        return {
            job_id: Standing(job_id=job_id, state=State(state), attempts=attempts, revision=revision)
            for job_id, state, attempts, revision in rows
        }

    async def shown(self, job_id: str) -> Shown | None:
        """None: it is lost."""
        statement = select(JobRow.attempts, JobRow.progress, JobRow.text).where(JobRow.job_id == job_id)
        row = (await self.database.read(lambda session: session.execute(statement))).one_or_none()
        return None if row is None else Shown(attempts=row[0], progress=row[1], text=row[2])

    async def outcome(self, job_id: str) -> Outcome | None:
        """What came of a job that has ended; None: it is lost."""
        statement = select(JobRow.result, JobRow.data, JobRow.error).where(JobRow.job_id == job_id)
        row = (await self.database.read(lambda session: session.execute(statement))).one_or_none()
        return None if row is None else Outcome(result=row[0], data=row[1], error=row[2])

    async def cancel(self, job_ids: Collection[str]) -> None:
        """What waits is not begun; who works on one stops."""

        async def work(session: AsyncSession) -> None:
            ours = JobRow.job_id.in_(job_ids)
            now = await self._time(session)
            await session.execute(
                update(JobRow)
                .where(ours, JobRow.state == State.QUEUED)
                .values(state=State.CANCELLED, is_cancelled=True, finished_at=now, revision=JobRow.revision + 1)
            )
            await session.execute(update(JobRow).where(ours, JobRow.state == State.RUNNING).values(is_cancelled=True))
            await self._ring(session, ENDED)

        await self.database.share(work)

    async def drop(self, job_id: str) -> None:
        """Handed over, or wanted no more."""
        statement = delete(JobRow).where(JobRow.job_id == job_id)
        await self.database.share(lambda session: session.execute(statement))

    async def asks(self) -> tuple[Ask, ...]:
        """Of all that wait or are worked on, whoever ordered them."""
        statement = (
            select(AskRow.ask)
            .join(JobRow, JobRow.job_id == AskRow.job_id)
            .where(JobRow.state.in_((State.QUEUED, State.RUNNING)), AskRow.ask.is_not(None))
        )
        rows = await self.database.read(lambda session: session.scalars(statement))
        return tuple(ask for words in rows if words and (ask := read_ask(words)) is not None)

    # For whoever works

    async def claim(self, owner: str, *, lease_seconds: float) -> Claim | None:
        """The next job, begun once more; None: there is none to be begun."""
        return await self.database.share(lambda session: self._claim(session, owner, lease_seconds))

    async def keep(self, owner: str, job_ids: Collection[str], *, lease_seconds: float) -> frozenset[str]:
        """Prolongs the leases; gives those that are still ours."""

        async def work(session: AsyncSession) -> frozenset[str]:
            now = await self._time(session)
            kept = await session.scalars(
                update(JobRow)
                .where(JobRow.job_id.in_(job_ids), JobRow.owner == owner, JobRow.state == State.RUNNING)
                .values(lease_until=now + timedelta(seconds=lease_seconds))
                .returning(JobRow.job_id)
            )
            return frozenset(kept)

        return await self.database.share(work)

    async def wanted(self, owner: str, job_ids: Collection[str]) -> frozenset[str]:
        """Those that are still ours and nobody has cancelled."""
        statement = select(JobRow.job_id).where(
            JobRow.job_id.in_(job_ids),
            JobRow.owner == owner,
            JobRow.state == State.RUNNING,
            JobRow.is_cancelled.is_(False),
        )
        return frozenset(await self.database.read(lambda session: session.scalars(statement)))

    async def report(self, claim: Claim, owner: str, *, progress: str, text: str) -> bool:
        """What can be shown. False: the job is not ours any more."""
        statement = (
            update(JobRow)
            .where(*_is_held(claim, owner))
            .values(progress=progress, text=text, revision=JobRow.revision + 1)
            .returning(JobRow.job_id)
        )
        return await self.database.share(lambda session: session.scalar(statement)) is not None

    async def end(self, claim: Claim, owner: str, state: State, outcome: Outcome) -> bool:
        """It is over. False: the job is not ours any more, so what came of it is not wanted."""

        async def work(session: AsyncSession) -> bool:
            ended = await session.scalar(
                update(JobRow)
                .where(*_is_held(claim, owner))
                .values(
                    **_FREE,
                    state=state,
                    result=outcome.result,
                    data=outcome.data,
                    error=outcome.error,
                    finished_at=await self._time(session),
                    revision=JobRow.revision + 1,
                )
                .returning(JobRow.job_id)
            )
            await self._ring(session, ENDED)
            return ended is not None

        return await self.database.share(work)

    async def again(self, claim: Claim, owner: str, *, seconds: float, counts: bool = True) -> bool:
        """To be begun once more, not before so many seconds have passed, if it may; `counts` False: this attempt was
        none, because the worker was told to stop. False: the job is not ours any more."""

        async def work(session: AsyncSession) -> bool:
            now, attempts = await self._time(session), claim.attempt if counts else claim.attempt - 1
            if attempts >= MOST_ATTEMPTS:
                values = {**_dead(now), "error": FAILED_EACH_TIME}
            else:
                run_at = now + timedelta(seconds=seconds)
                values = {**_FREE, "state": State.QUEUED, "attempts": attempts, "run_at": run_at}
            ours = await session.scalar(
                update(JobRow).where(*_is_held(claim, owner)).values(values).returning(JobRow.job_id)
            )
            if ours is not None and counts:
                await acquit(session, [ours])
            elif ours is not None:
                await took_back(session, ours, attempts)
            await self._ring(session, PUT)
            return ours is not None

        return await self.database.share(work)

    async def outlived(self, job_ids: Collection[str]) -> None:
        """Their leases ended, but not because whoever worked on them died."""
        await self.database.share(lambda session: acquit(session, job_ids))

    # For both, every few seconds

    async def tidy(self) -> tuple[str, ...]:
        """Jobs whose lease has ended wait again, or go to the dead letters; what nobody fetched is deleted. Gives a
        word for each that waits and may be begun."""
        return await self.database.share(self._tidy)

    async def _put(self, session: AsyncSession, order: Order) -> State:
        ask = order.ask
        state = await session.scalar(select(JobRow.state).where(JobRow.job_id == ask.job_id))
        if state is not None:
            return State(state)
        if await session.scalar(select(AskRow.ask).where(AskRow.job_id == ask.job_id)) is None:
            return State.LOST
        session.add(
            JobRow(
                job_id=ask.job_id,
                consent=ask.consent,
                place=to_json(order.place),
                priority=order.priority,
                state=State.QUEUED,
                attempts=0,
                run_at=await self._time(session),
                is_cancelled=False,
                revision=0,
                progress=_NOTHING,
                text="",
            )
        )
        await session.flush()
        await self._ring(session, PUT)
        return State.QUEUED

    async def _claim(self, session: AsyncSession, owner: str, lease_seconds: float) -> Claim | None:
        now = await self._time(session)
        job_id = await session.scalar(
            select(JobRow.job_id)
            .where(JobRow.state == State.QUEUED, JobRow.run_at <= now)
            .order_by(JobRow.priority, JobRow.run_at)
            .limit(1)
            .with_for_update(skip_locked=True)  # nobody else gets it until this transaction has ended
        )
        if job_id is None:
            return None
        row = await session.execute(
            update(JobRow)
            .where(JobRow.job_id == job_id)
            .values(
                state=State.RUNNING,
                owner=owner,
                lease_until=now + timedelta(seconds=lease_seconds),
                attempts=JobRow.attempts + 1,
                progress=_NOTHING,
                text="",
                revision=JobRow.revision + 1,
            )
            .returning(JobRow.attempts, JobRow.consent, JobRow.place)
        )
        attempt, consent, place = row.one()
        words = await session.scalar(select(AskRow.ask).where(AskRow.job_id == job_id))
        ask, wanted = None if words is None else read_ask(words), read_place(place)
        if ask is not None and wanted is not None:
            return Claim(job_id=job_id, attempt=attempt, ask=replace(ask, consent=Consent(consent)), place=wanted)
        _log.warning("Job %s was ordered by another version, which has to do it.", job_id)
        await session.execute(
            update(JobRow)
            .where(JobRow.job_id == job_id)
            .values(**_FREE, state=State.QUEUED, attempts=attempt - 1, run_at=now + _FOR_ANOTHER_VERSION)
        )
        return None

    async def _tidy(self, session: AsyncSession) -> tuple[str, ...]:
        now = await self._time(session)
        expired = (JobRow.state == State.RUNNING) & (JobRow.lease_until < now)
        await session.execute(
            update(JobRow)
            .where(expired, JobRow.is_cancelled.is_(True))
            .values(state=State.CANCELLED, finished_at=now, revision=JobRow.revision + 1, **_FREE)
        )
        buried = await session.scalars(
            update(JobRow)
            .where(expired, JobRow.attempts >= MOST_ATTEMPTS)
            .values(**_dead(now))
            .returning(JobRow.job_id)
        )
        if dead := buried.all():
            _log.error("begun %d times, never ended, not begun again: %s", MOST_ATTEMPTS, ", ".join(dead))
            await condemn(session, dead, now)
        requeued = await session.scalars(
            update(JobRow).where(expired).values(state=State.QUEUED, run_at=now, **_FREE).returning(JobRow.job_id)
        )
        for job_id in requeued:
            _log.warning("job %s was left by its worker and waits for another", job_id)
        await session.execute(
            delete(JobRow).where(
                (JobRow.finished_at < now - _KEPT_FOR) & (JobRow.state != State.DEAD)
                | (JobRow.finished_at < now - _DEAD_FOR)
            )
        )
        waiting = select(JobRow.job_id, JobRow.attempts).where(JobRow.state == State.QUEUED, JobRow.run_at <= now)
        rows = await session.execute(waiting.order_by(JobRow.priority, JobRow.run_at).limit(_TOLD_AT_ONCE))
        return tuple(word_of(job_id, attempts) for job_id, attempts in rows)

    async def _time(self, session: AsyncSession) -> datetime:
        if not self.database.is_shared:
            return self._clock()
        return (await session.scalars(select(func.clock_timestamp(type_=UtcTime())))).one()

    async def _ring(self, session: AsyncSession, channel: str) -> None:
        """Heard by those who listen when the transaction is kept."""
        if self.database.is_shared:
            await session.execute(text(f"NOTIFY {channel}"))


def _is_held(claim: Claim, owner: str) -> Sequence[ColumnElement[bool]]:
    return (
        JobRow.job_id == claim.job_id,
        JobRow.owner == owner,
        JobRow.attempts == claim.attempt,
        JobRow.state == State.RUNNING,
    )


def _dead(now: datetime) -> dict[str, object]:
    return {
        **_FREE,
        "state": State.DEAD,
        "finished_at": now,
        "revision": JobRow.revision + 1,
        "progress": _NOTHING,
        "text": "",
    }
