"""What is too old goes: by the channel's time, else the server's, and never later than the operator's."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.database.engine import Database
from bot.domain.conversation import ConversationKey
from bot.domain.recollection import Scope, Summary
from bot.domain.understanding import Look, LookKind, Seen
from bot.jobs.intake import Intake
from bot.memory.store import Memory

from ..database.material import CHANNEL, DIRECT, HERE, NOON, SERVER, ask, clip, message, source, turn
from .conftest import Clock

THERE = ConversationKey(server_id=SERVER, channel_id=CHANNEL + 1)
ELSEWHERE = ConversationKey(server_id=SERVER + 1, channel_id=CHANNEL + 2)
PLACES = (HERE, THERE, ELSEWHERE, DIRECT)


async def prune(memory: Memory, clock: Clock, days: int = 30) -> set[str]:
    oldest = clock.now - timedelta(days=days)
    return set((await memory.prune(turns_before=oldest, clips_before=oldest)).jobs)


@pytest.mark.parametrize(
    ("server_days", "channel_days", "gone_after_ten"),
    [
        (None, None, ()),
        (5, None, (HERE, THERE)),
        (None, 5, (HERE,)),
        (5, 20, (THERE,)),
        (20, 5, (HERE,)),
        (99, None, ()),
    ],
)
async def test_each_place_keeps_as_long_as_it_wants(
    memory: Memory,
    clock: Clock,
    server_days: int | None,
    channel_days: int | None,
    gone_after_ten: tuple[ConversationKey, ...],
) -> None:
    jobs: dict[ConversationKey, str] = {}
    for number, key in enumerate(PLACES):
        await memory.keep_turn(turn(number, key, asked_at=NOON))
        jobs[key] = turn(number).job_id
        kept = await memory.turn(jobs[key])
        assert kept is not None
        await memory.keep_summary(Summary(key=key, from_at=NOON, through_at=NOON, text="All of it."), [kept])
    await memory.change_settings(SERVER, None, {"keep_days": server_days})
    await memory.change_settings(SERVER, CHANNEL, {"keep_days": channel_days})
    clock.pass_by(days=10)
    assert await prune(memory, clock) == {jobs[key] for key in gone_after_ten}
    left = {key for key in PLACES if (await memory.overview(Scope(key=key))).summaries}
    assert left == set(PLACES) - set(gone_after_ten)
    clock.pass_by(days=21)
    await prune(memory, clock)
    assert [key for key in PLACES if (await memory.overview(Scope(key=key))).oldest_at is not None] == []


async def test_records_of_plugins_keep_as_long_as_their_place_but_for_its_settings(
    memory: Memory, clock: Clock
) -> None:
    kept = memory.plugin_records
    belonging = ({"person_id": 42}, {"job_id": turn(1).job_id}, {})
    for key in (HERE, THERE, None):
        for more in belonging:
            await kept.put("p", "t", {}, version=1, key=key, **more)
    await memory.keep_turn(turn(2, asked_at=NOON - timedelta(days=30)))
    await kept.put("p", "t", {}, version=1, key=THERE, job_id=turn(2).job_id)
    await memory.change_settings(SERVER, CHANNEL, {"keep_days": 5})
    for days, counts in ((10, [1, 3, 3]), (21, [1, 1, 1])):
        clock.pass_by(days=days)
        await prune(memory, clock)
        keys = [record.key for record in await kept.find("p", "t")]
        assert [keys.count(key) for key in (HERE, THERE, None)] == counts


async def test_a_direct_message_keeps_as_long_as_it_wants(memory: Memory, clock: Clock) -> None:
    await memory.keep_turn(turn(1, DIRECT, asked_at=NOON))
    await memory.change_settings(None, DIRECT.channel_id, {"keep_days": 1})
    clock.pass_by(days=2)
    assert await prune(memory, clock) == {turn(1).job_id}


async def test_clips_go_with_the_turns_of_a_place_unless_they_are_known_elsewhere(memory: Memory, clock: Clock) -> None:
    for number, key in ((1, HERE), (2, HERE), (3, ELSEWHERE), (4, HERE)):
        await memory.keep_seen(clip(number).sha256, "r", Seen(), fresh_until=None)
        await memory.keep_digest(source(number, key.channel_id), clip(number).sha256)
        await memory.keep_turn(turn(number, key, asked_at=NOON, clips=(clip(number, key.channel_id),)))
    await memory.keep_turn(turn(5, ELSEWHERE, asked_at=NOON, clips=(clip(2),)))
    await memory.keep_digest(source(9, ELSEWHERE.channel_id), clip(4).sha256)
    await memory.change_settings(SERVER, None, {"keep_days": 5})
    clock.pass_by(days=10)
    await prune(memory, clock)
    known = [number for number in (1, 2, 3, 4) if await memory.seen(clip(number).sha256, "r") is not None]
    assert known == [2, 3, 4]
    assert await memory.digest_of(source(2).attachment_id) == clip(2).sha256


async def test_a_clip_that_was_kept_lately_stays(memory: Memory, clock: Clock) -> None:
    await memory.keep_digest(source(1), clip(1).sha256)
    await memory.keep_turn(turn(1, asked_at=NOON, clips=(clip(1),)))
    await memory.change_settings(SERVER, None, {"keep_days": 5})
    clock.pass_by(days=10)
    await memory.keep_seen(clip(1).sha256, "r", Seen(), fresh_until=None)
    assert await prune(memory, clock) == {turn(1).job_id}
    assert await memory.seen(clip(1).sha256, "r") == Seen()


async def test_what_was_asked_when_a_clip_was_looked_at_goes_with_the_turns(memory: Memory, clock: Clock) -> None:
    look = Look(kind=LookKind.LOOK, start_seconds=0.0, end_seconds=1.0, question="What is on the cup?")
    await memory.keep_turn(turn(1, asked_at=NOON, clips=(clip(1),)))
    await memory.keep_turn(turn(2, asked_at=NOON + timedelta(days=20), clips=(clip(1),)))
    await memory.keep_look(clip(1).sha256, "r", look)
    clock.pass_by(days=31)
    await prune(memory, clock)
    assert await memory.looks(clip(1).sha256, "r") == ()


async def test_requests_that_are_over_are_not_kept(database: Database, memory: Memory, clock: Clock) -> None:
    intake = Intake(database, clock=clock)
    for number in (1, 2):
        await intake.accept(replace(ask(number), asked_at=NOON, source=message(number)), reply_to=None)
    await intake.finished(ask(1).job_id)
    clock.pass_by(days=2)
    await prune(memory, clock)
    assert [accepted.ask.job_id for accepted in await intake.unfinished()] == [ask(2).job_id]
    assert await intake.accept(ask(1, source=message(1)), reply_to=None)
    clock.pass_by(days=30)
    await prune(memory, clock)
    assert await intake.unfinished() == ()
