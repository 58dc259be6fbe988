"""What comes back is found by words and by meaning; what is kept is embedded and summed up behind the scenes."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.database.engine import Database
from bot.domain.ask import Ask
from bot.domain.conversation import ConversationKey, Turn
from bot.domain.errors import ProviderCategory
from bot.domain.recollection import Scope
from bot.domain.role import Role
from bot.memory.store import Memory
from bot.pipeline.crew import Crew, ModelRef
from bot.services.remembrance import Remembrance
from tests.fakes.providers import ScriptedChat, WordEmbedder, crew_of

HERE = ConversationKey(server_id=1, channel_id=2)
LONG_AGO = datetime.now(UTC) - timedelta(days=5)


@pytest.fixture
def memory(database: Database) -> Memory:
    return Memory(database)


def turn(number: int, question: str = "", answer: str = "It is so.", **more: object) -> Turn:
    return Turn(
        **{
            "job_id": f"{number:012x}",
            "key": HERE,
            "asker_id": 42,
            "asked_at": LONG_AGO + timedelta(minutes=number),
            "question": question or f"question {number}",
            "answer": answer,
            **more,
        }
    )  # type: ignore[arg-type]


def ask(**more: object) -> Ask:
    return Ask(**{"job_id": "f" * 12, "key": HERE, "asker_id": 42, "asked_at": datetime.now(UTC), **more})  # type: ignore[arg-type]


def remembrance(memory: Memory, crew: Crew, *, summarises: bool = False) -> Remembrance:
    return Remembrance(crew, memory, recent=timedelta(hours=24), summarises=summarises)


async def older(works: Remembrance, question: str) -> list[str]:
    back = await works.recollect(ask(), question, [])
    return [one.question for one in back.older]


async def test_what_means_the_like_comes_back(memory: Memory) -> None:
    embedder = WordEmbedder(meanings=[("car", "automobile")])
    works = remembrance(memory, crew_of(embedder=embedder))
    await works.keep(turn(1, "Whose car is it?", "It is Ben's."))
    await works.keep(turn(2, "Does it rain?", "No."))
    await works.finish(5)
    assert await older(works, "Is that automobile fast?") == ["Whose car is it?"]
    assert await older(remembrance(memory, crew_of()), "Is that automobile fast?") == []


async def test_without_an_answer_of_the_model_words_alone_find(memory: Memory) -> None:
    embedder = WordEmbedder(meanings=[("car", "automobile")], fails=True)
    works = remembrance(memory, crew_of(embedder=embedder))
    await works.keep(turn(1, "Whose car is it?", "It is Ben's."))
    await works.finish(5)
    assert await older(works, "an automobile") == []
    assert await older(works, "a car") == ["Whose car is it?"]
    embedder.fails = False
    await works.keep(turn(2, "Does it rain?", "No."))
    await works.finish(5)
    assert await older(works, "an automobile") == ["Whose car is it?"]


async def test_a_slow_model_is_not_waited_for(memory: Memory) -> None:
    quick, slow = (WordEmbedder(meanings=[("car", "automobile")], seconds=seconds) for seconds in (0.0, 30.0))
    works = remembrance(memory, crew_of(embedder=quick))
    await works.keep(turn(1, "Whose car is it?", "It is Ben's."))
    await works.finish(5)
    late = remembrance(memory, crew_of(embedder=slow))
    assert await older(late, "an automobile") == []
    assert await older(late, "a car") == ["Whose car is it?"]


async def test_a_reply_goes_on_from_its_own_chain(memory: Memory) -> None:
    works = remembrance(memory, crew_of())
    now = datetime.now(UTC)
    await works.keep(turn(1, asked_at=now))
    await works.keep(turn(2, asked_at=now))
    follows = turn(1).job_id
    reply = await works.recollect(ask(follows=follows, is_reply=True), "so", [])
    assert [one.question for one in reply.recent] == ["question 1"]
    talk = await works.recollect(ask(follows=follows), "so", [])
    assert {one.question for one in talk.recent} == {"question 1", "question 2"}


async def test_what_came_back_is_marked_so_that_it_stays(memory: Memory) -> None:
    works = remembrance(memory, crew_of(), summarises=True)
    for number in range(24):
        await works.keep(turn(number, f"zeppelin{number}"))
    await works.finish(5)
    assert await older(works, "zeppelin3") == ["zeppelin3"]
    await works.finish(5)
    assert await memory.fade(before=datetime.now(UTC) - timedelta(days=1)) == 11
    assert await memory.turn(turn(3).job_id) is not None


async def test_twelve_turns_that_are_no_longer_recent_are_summed_up_once(memory: Memory) -> None:
    chat = ScriptedChat(text="They spoke of numbers.")
    works = remembrance(memory, crew_of(chat=chat), summarises=True)
    for number in range(23):
        await works.keep(turn(number))
    await works.finish(5)
    assert chat.prompts == []
    await works.keep(turn(23))
    await works.keep(turn(24))
    await works.finish(5)
    [prompt] = chat.prompts
    assert 'TURN asked "question 11"' in prompt.evidence
    assert "question 12" not in prompt.evidence
    back = await works.recollect(ask(), "so", [])
    assert [summary.text for summary in back.summaries] == ["They spoke of numbers."]
    assert back.summaries[0].people == (42,)


async def test_a_summary_that_failed_is_tried_again_with_the_next_turn(memory: Memory) -> None:
    chat = ScriptedChat(text="All of it.", break_after=0, failure=ProviderCategory.SERVER)
    works = remembrance(memory, crew_of(chat=chat), summarises=True)
    for number in range(24):
        await works.keep(turn(number))
    await works.finish(5)
    assert chat.prompts
    assert (await works.recollect(ask(), "so", [])).summaries == ()
    chat.break_after = None
    await works.keep(turn(24))
    await works.finish(5)
    assert [one.text for one in (await works.recollect(ask(), "so", [])).summaries] == ["All of it."]


async def test_offline_the_first_sentences_are_the_summary(memory: Memory) -> None:
    offline = {role: (ModelRef(provider="offline", model="offline"),) for role in Role}
    works = remembrance(memory, crew_of(models=offline), summarises=True)
    for number in range(24):
        await works.keep(turn(number, f"What is {number}?", f"Number {number}. And more of it."))
    await works.finish(5)
    [summary] = (await works.recollect(ask(), "so", [])).summaries
    assert summary.text.splitlines()[0] == "What is 0?: Number 0."
    assert "And more" not in summary.text


async def test_who_opted_out_may_not_be_kept(memory: Memory) -> None:
    works = remembrance(memory, crew_of())
    assert await works.may_keep({1, 2})
    await memory.choose(2, "memory", is_given=False)
    assert not await works.may_keep({1, 2})
    assert await works.may_keep({1})
    assert await works.may_keep(set())
    await memory.choose(2, "memory", is_given=True)
    assert await works.may_keep({1, 2})


async def test_nothing_is_found_elsewhere_by_meaning_either(memory: Memory) -> None:
    embedder = WordEmbedder(meanings=[("car", "automobile")])
    works = remembrance(memory, crew_of(embedder=embedder))
    await works.keep(turn(1, "Whose car is it?", key=ConversationKey(server_id=1, channel_id=3)))
    await works.finish(5)
    assert await older(works, "an automobile") == []
    assert await memory.search(Scope(key=HERE), "car") == ()
