"""Accepted work: once, complete, oldest first, counted at each attempt, forgotten when it is finished."""

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from bot.database.engine import Database, open_database
from bot.database.where import Where
from bot.domain.ask import AskKind
from bot.jobs.intake import Accepted, Intake
from tests.databases import holds

from ..database.material import BIGGEST_ID, CHANNEL, DIRECT, NOON, ask, message, source

FULL = ask(
    1,
    DIRECT,
    asker_id=BIGGEST_ID,
    kind=AskKind.SUMMARIZE,
    question="这是什么? 👀",
    clips=(source(1), source(2)),
    voice_question=source(3),
    follows="f" * 12,
    source=message(1),
    speak=True,
    form="srt",
    locale="zh-CN",
)


@pytest.fixture
def intake(database: Database) -> Intake:
    return Intake(database, clock=lambda: NOON)


async def test_what_was_accepted_is_complete_after_a_restart(where: Where) -> None:
    async with open_database(where) as database:
        intake = Intake(database)
        assert await intake.accept(FULL, reply_to=message(9))
        await intake.showed(FULL.job_id, message(10))
        assert await intake.claimed(FULL.job_id) == 1
    async with open_database(where) as database:
        again = Accepted(ask=FULL, shown=message(10), reply_to=message(9), attempts=1)
        assert await Intake(database).unfinished() == (again,)


async def test_unfinished_are_oldest_first(intake: Intake) -> None:
    for number in (2, 3, 1):
        assert await intake.accept(ask(number), reply_to=None)
    assert await intake.unfinished() == tuple(
        Accepted(ask=ask(number), shown=None, reply_to=None, attempts=0) for number in (1, 2, 3)
    )


async def test_the_same_job_or_message_is_accepted_once(intake: Intake) -> None:
    assert await intake.accept(ask(1, source=message(1)), reply_to=None)
    assert not await intake.accept(ask(1), reply_to=None)
    assert not await intake.accept(ask(2, source=message(1)), reply_to=None)
    assert await intake.accept(ask(3), reply_to=None)
    assert await intake.accept(ask(4), reply_to=None)
    assert len(await intake.unfinished()) == 3


async def test_fifty_deliveries_of_one_message_are_one_job(intake: Intake) -> None:
    told = await asyncio.gather(*(intake.accept(ask(number, source=message(1)), reply_to=None) for number in range(50)))
    assert told.count(True) == 1
    assert len(await intake.unfinished()) == 1


async def test_attempts_are_counted_when_they_begin(intake: Intake) -> None:
    await intake.accept(ask(1), reply_to=None)
    assert [await intake.claimed(ask(1).job_id) for _ in range(3)] == [1, 2, 3]
    (left,) = await intake.unfinished()
    assert left.attempts == 3
    await intake.handed_back(ask(1).job_id)
    assert await intake.claimed(ask(1).job_id) == 3, "what we broke off ourselves is no attempt"
    await intake.accept(ask(2), reply_to=None)
    await intake.handed_back(ask(2).job_id)
    assert await intake.claimed(ask(2).job_id) == 1
    await intake.finished(ask(1).job_id)
    assert await intake.claimed(ask(1).job_id) == 0
    assert await intake.claimed("e" * 12) == 0


async def test_finished_work_leaves_no_words_and_is_known_for_a_day(database: Database, where: Where) -> None:
    now: list[datetime] = [NOON]
    intake = Intake(database, clock=lambda: now[-1])
    secret = ask(1, source=message(1), question="canary-words", clips=(source(1, CHANNEL),))
    await intake.accept(secret, reply_to=None)
    await intake.finished(secret.job_id)
    await intake.finished(secret.job_id)
    assert await intake.unfinished() == ()
    await database.wipe()
    assert not await holds(where, database, "canary-words")
    assert not await holds(where, database, "cdn.example")
    now.append(NOON + timedelta(hours=24))
    assert not await intake.accept(secret, reply_to=None)
    now.append(NOON + timedelta(hours=24, seconds=1))
    assert await intake.accept(secret, reply_to=None)


async def test_unfinished_work_does_not_grow_old(database: Database) -> None:
    await Intake(database, clock=lambda: NOON).accept(ask(1), reply_to=None)
    later = Intake(database, clock=lambda: NOON + timedelta(days=30))
    assert await later.accept(ask(2), reply_to=None)
    assert [one.ask for one in await later.unfinished()] == [ask(1), ask(2)]


async def test_work_of_another_version_is_passed_over(
    intake: Intake, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (1, 2):
        await intake.accept(ask(number), reply_to=None)
    change = """UPDATE asks SET ask = replace(ask, '"kind":"ask"', '"kind":"sing"') WHERE job_id = :job"""
    await database.write(lambda session: session.execute(text(change), {"job": ask(1).job_id}))
    assert [one.ask for one in await intake.unfinished()] == [ask(2)]
    assert ask(1).job_id in caplog.text
