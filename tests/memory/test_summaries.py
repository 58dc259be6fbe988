"""Stretches of turns are summed up once, when there are enough; what was taken back meanwhile is in no summary."""

from dataclasses import replace

from bot.domain.conversation import ConversationKey
from bot.domain.recollection import Scope, Summary
from bot.memory.store import Memory

from ..database.material import DIRECT, HERE, NOON, clip, message, minutes, turn
from .conftest import Clock


def summary_of(first: int, last: int, key: ConversationKey = HERE) -> Summary:
    return Summary(
        key=key, from_at=NOON + minutes(first), through_at=NOON + minutes(last), text=f"turns {first} to {last}"
    )


async def test_the_oldest_are_due_when_enough_newer_ones_are_there(memory: Memory) -> None:
    for number in range(7):
        await memory.keep_turn(turn(number))
        await memory.keep_turn(turn(100 + number, DIRECT))
    assert await memory.to_summarise(HERE, keep_recent=4, batch=4) == ()
    await memory.keep_turn(turn(7))
    due = await memory.to_summarise(HERE, keep_recent=4, batch=4)
    assert [one.job_id for one in due] == [turn(number).job_id for number in range(4)]
    assert await memory.keep_summary(summary_of(0, 3), due)
    assert await memory.to_summarise(HERE, keep_recent=4, batch=4) == ()
    due = await memory.to_summarise(HERE, keep_recent=2, batch=2)
    assert [one.job_id for one in due] == [turn(4).job_id, turn(5).job_id]


async def test_turns_without_an_answer_are_not_summed_up(memory: Memory) -> None:
    for number in range(4):
        await memory.keep_turn(turn(number, answer="" if number == 0 else "yes"))
    due = await memory.to_summarise(HERE, keep_recent=1, batch=2)
    assert [one.job_id for one in due] == [turn(1).job_id, turn(2).job_id]


async def test_a_summary_of_what_is_gone_or_changed_is_not_kept(memory: Memory) -> None:
    turns = [turn(number, source=message(number)) for number in range(3)]
    for one in turns:
        await memory.keep_turn(one)
    due = await memory.to_summarise(HERE, keep_recent=0, batch=3)
    await memory.edit_question(message(1), "something else")
    assert not await memory.keep_summary(summary_of(0, 2), due)
    due = await memory.to_summarise(HERE, keep_recent=0, batch=2)
    await memory.forget_turn(due[0].job_id)
    assert not await memory.keep_summary(summary_of(0, 2), due)
    back = await memory.recall(Scope(key=HERE), "so", follows=None, clips=[], since=NOON)
    assert back.summaries == ()
    assert len(await memory.to_summarise(HERE, keep_recent=0, batch=1)) == 1


async def test_a_summary_goes_with_anybody_or_anything_it_rests_on(memory: Memory) -> None:
    posted = replace(clip(7).source, author_id=77)
    sources = {
        "asker": turn(1, asker_id=71),
        "rested on": turn(2, people=(72,)),
        "author of the clip": turn(3, clips=(replace(clip(7), source=posted),)),
    }
    for number, (one, person) in enumerate(zip(sources.values(), (71, 72, 77), strict=True)):
        await memory.keep_turn(one)
        assert await memory.keep_summary(summary_of(number, number), [one])
        await memory.forget_person(person)
        back = await memory.recall(Scope(key=HERE), "so", follows=None, clips=[], since=NOON)
        assert back.summaries == ()


async def test_faded_turns_leave_their_summary_and_their_clips(memory: Memory, clock: Clock) -> None:
    turns = [turn(0), turn(1, clips=(clip(1),)), turn(2)]
    for one in turns:
        await memory.keep_turn(one)
    assert await memory.keep_summary(summary_of(0, 1), turns[:2])
    assert await memory.fade(before=NOON) == 0
    assert await memory.fade(before=NOON + minutes(60)) == 1
    assert [await memory.turn(one.job_id) is None for one in turns] == [True, False, False]
    back = await memory.recall(Scope(key=HERE), "turns", follows=None, clips=[], since=NOON + minutes(60))
    assert [summary.text for summary in back.summaries] == ["turns 0 to 1"]
    gone = await memory.forget_message(message(0))
    assert gone.is_nothing


async def test_a_faded_turn_takes_its_summary_along_when_its_message_is_deleted(memory: Memory) -> None:
    kept = turn(0, source=message(5))
    await memory.keep_turn(kept)
    assert await memory.keep_summary(summary_of(0, 0), [kept])
    assert await memory.fade(before=NOON + minutes(60)) == 1
    await memory.forget_message(message(5))
    back = await memory.recall(Scope(key=HERE), "turns", follows=None, clips=[], since=NOON)
    assert back.summaries == ()
