"""An answer that repeats a rare word of what is forgotten goes; common words and other places take nothing."""

from dataclasses import replace

import pytest

from bot.domain.conversation import ClipRef, ConversationKey
from bot.domain.recollection import Fact, Scope, Summary
from bot.domain.timeline import Caption
from bot.domain.understanding import Seen
from bot.memory.store import Memory

from ..database.material import CHANNEL, HERE, NOON, SERVER, clip, message, minutes, source, turn

ALICE, BOB, CAROL = 42, 43, 44
ELSEWHERE = ConversationKey(server_id=SERVER + 1, channel_id=CHANNEL + 1)


async def answered(memory: Memory, number: int) -> str:
    kept = await memory.turn(turn(number).job_id)
    assert kept is not None
    return kept.answer


@pytest.fixture
async def told(memory: Memory) -> Memory:
    await memory.keep_turn(turn(1, asker_id=ALICE, question="My cat is called Zorblax.", answer="A fine name."))
    return memory


async def test_an_answer_to_somebody_else_that_repeats_it_is_emptied_and_the_question_stays(told: Memory) -> None:
    await told.keep_turn(turn(2, asker_id=BOB, people=(ALICE,), question="And hers?", answer="Hers is Zorblax."))
    gone = await told.forget_person(ALICE)
    assert (gone.jobs, gone.resting) == ({turn(1).job_id}, 1)
    kept = await told.turn(turn(2).job_id)
    assert kept is not None
    assert (kept.question, kept.answer, kept.people) == ("And hers?", "", ())
    assert await told.search(Scope(key=HERE), "Zorblax", limit=5) == ()


async def test_chinese_words_are_found_in_pairs(memory: Memory) -> None:
    await memory.keep_turn(turn(1, asker_id=ALICE, question="我的猫叫佐布拉克斯", answer="好名字"))
    await memory.keep_turn(turn(2, asker_id=BOB, people=(ALICE,), question="她的呢?", answer="她的猫叫佐布拉克斯。"))
    await memory.forget_person(ALICE)
    assert await answered(memory, 2) == ""


async def test_an_answer_that_repeats_what_was_asked_stays(told: Memory) -> None:
    asked = {"question": "Who is Zorblax?", "answer": "Zorblax is a cat."}
    await told.keep_turn(turn(2, asker_id=BOB, people=(ALICE,), **{**asked, "question": "Is Zorblax a cat?"}))
    await told.keep_turn(turn(3, asker_id=BOB, people=(CAROL,), **asked))
    await told.forget_person(ALICE)
    assert await answered(told, 2) == "Zorblax is a cat."
    assert await answered(told, 3) == "Zorblax is a cat."


async def test_a_word_that_stands_in_many_other_passages_tells_nothing(told: Memory) -> None:
    await told.keep_turn(turn(2, asker_id=BOB, people=(ALICE,), question="And hers?", answer="Hers is Zorblax."))
    for number in range(10, 13):
        await told.keep_turn(turn(number, asker_id=CAROL, question="Zorblax again?", answer="Yes."))
    await told.forget_person(ALICE)
    assert await answered(told, 2) == "Hers is Zorblax."


async def test_however_often_answers_that_rest_on_it_repeat_it_they_go(told: Memory) -> None:
    for number in range(10, 20):
        await told.keep_turn(turn(number, asker_id=BOB, people=(ALICE,), question="Hers?", answer="Hers is Zorblax."))
    assert (await told.forget_person(ALICE)).resting == 10


async def test_what_goes_on_from_it_is_looked_through_as_well(told: Memory) -> None:
    await told.keep_turn(turn(2, asker_id=BOB, follows=turn(1).job_id, question="And?", answer="Zorblax."))
    await told.keep_turn(turn(3, asker_id=ALICE, follows=turn(1).job_id, question="And?", answer="Zorblax."))
    await told.forget_turn(turn(1).job_id)
    assert await answered(told, 2) == ""
    assert await answered(told, 3) == "Zorblax."


async def test_another_server_repeats_nothing_of_this_one(told: Memory) -> None:
    await told.keep_turn(turn(2, ELSEWHERE, asker_id=BOB, people=(ALICE,), question="Hers?", answer="Zorblax."))
    await told.forget_place(HERE)
    assert await answered(told, 2) == "Zorblax."


async def test_a_fact_that_is_taken_back_goes_from_answers(memory: Memory) -> None:
    fact = await memory.keep_fact(Fact(key=HERE, author_id=ALICE, said_at=NOON, text="The password is Zorblax"))
    await memory.keep_turn(turn(2, asker_id=BOB, people=(ALICE,), question="What is it?", answer="Zorblax."))
    await memory.drop_fact(fact.fact_id)
    assert await answered(memory, 2) == ""


async def test_what_was_seen_in_a_clip_that_goes_is_found_in_answers_that_rest_on_it(memory: Memory) -> None:
    posted = ClipRef(sha256=clip(1).sha256, source=replace(source(1), author_id=ALICE))
    seen = Seen(captions=(Caption(at_seconds=0.0, since_seconds=0.0, text="A cat named Zorblax."),), end_seconds=1.0)
    await memory.keep_seen(posted.sha256, "r", seen, fresh_until=None)
    await memory.keep_digest(posted.source, posted.sha256)
    await memory.keep_turn(turn(2, asker_id=BOB, people=(ALICE,), question="And hers?", answer="Hers is Zorblax."))
    assert (await memory.forget_message(message(1))).resting == 1
    assert await answered(memory, 2) == ""


async def test_of_turns_that_faded_their_summary_tells_what_to_look_for(told: Memory) -> None:
    kept = await told.turn(turn(1).job_id)
    assert kept is not None
    summary = Summary(key=HERE, from_at=NOON, through_at=NOON, text="A cat called Zorblax was mentioned.")
    assert await told.keep_summary(summary, [kept])
    assert await told.fade(before=NOON + minutes(9)) == 1
    await told.keep_turn(turn(2, asker_id=BOB, people=(ALICE,), question="And hers?", answer="Hers is Zorblax."))
    assert (await told.forget_person(ALICE)).resting == 2
    assert await answered(told, 2) == ""
