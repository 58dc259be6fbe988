"""What comes back for a question: what it goes on from, what matches, nothing that does not."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.domain.conversation import ConversationKey, Turn
from bot.domain.recollection import Fact, Recollection, Scope, Summary
from bot.domain.speech import Segment
from bot.domain.timeline import Caption
from bot.domain.understanding import Heard, Look, LookKind, Seen
from bot.memory.store import Memory

from ..database.material import CHANNEL, DIRECT, HERE, NOON, SERVER, clip, minutes, turn

RECIPE = "recipe"
ONLY_HERE = Scope(key=HERE)
THREAD = ConversationKey(server_id=SERVER, channel_id=CHANNEL + 100)
IN_THREAD = Scope(key=THREAD, also=(CHANNEL,))


async def recall(
    memory: Memory,
    question: str,
    scope: Scope = ONLY_HERE,
    *,
    follows: str | None = None,
    clips: tuple[str, ...] = (),
    since: float = -60,
) -> Recollection:
    return await memory.recall(scope, question, follows=follows, clips=clips, since=NOON + minutes(since))


def jobs(turns: tuple[Turn, ...]) -> list[int]:
    return [int(one.job_id, 16) for one in turns]


async def keep(memory: Memory, *kept: Turn) -> None:
    for one in kept:
        await memory.keep_turn(one)


def seen(*captions: tuple[float, str, str | None]) -> Seen:
    return Seen(
        captions=tuple(
            Caption(at_seconds=at, since_seconds=at, text=text, text_on_screen=read) for at, text, read in captions
        ),
        end_seconds=60.0,
    )


async def keep_clip(memory: Memory, number: int, *captions: tuple[float, str, str | None]) -> str:
    sha256 = clip(number).sha256
    await memory.keep_seen(sha256, RECIPE, seen(*captions), fresh_until=None)
    return sha256


async def test_the_chain_comes_first_and_the_place_fills_it_up(memory: Memory) -> None:
    await keep(memory, *(turn(number) for number in range(1, 20)))
    await keep(memory, turn(30, follows=turn(2).job_id), turn(31, follows=turn(30).job_id))
    back = await recall(memory, "and then", follows=turn(31).job_id)
    assert jobs(back.recent) == [2, 15, 16, 17, 18, 19, 30, 31]
    alone = await recall(memory, "and then", follows=turn(31).job_id, since=1_000)
    assert jobs(alone.recent) == [2, 30, 31]


async def test_an_old_place_has_no_recent_turns(memory: Memory) -> None:
    await keep(memory, turn(1), turn(2))
    assert jobs((await recall(memory, "so", since=1.5)).recent) == [2]
    assert jobs((await recall(memory, "so", since=3)).recent) == []


async def test_a_thread_goes_on_from_the_channel_it_hangs_on_and_never_the_other_way(memory: Memory) -> None:
    await keep(
        memory,
        turn(1, question="Who drives the zeppelin?", answer="Marta drives the zeppelin."),
        turn(2, key=THREAD, follows=turn(1).job_id, question="And the xylophone?", answer="Nobody plays it."),
    )
    back = await recall(memory, "And then?", IN_THREAD, follows=turn(2).job_id)
    assert jobs(back.recent) == [1, 2]
    assert jobs((await recall(memory, "zeppelin", IN_THREAD)).older) == [1]
    assert jobs((await recall(memory, "zeppelin", Scope(key=THREAD))).older) == []
    assert jobs((await recall(memory, "xylophone")).older) == []


async def test_older_turns_come_back_when_they_match(memory: Memory) -> None:
    await keep(
        memory,
        turn(1, question="What colour is the zeppelin?", answer="The zeppelin is red [0:12]."),
        turn(2, question="Who laughs?", answer="A man in a hat."),
        *(turn(number, question=f"What about number {number}?", answer="It is there.") for number in range(3, 40)),
    )
    back = await recall(memory, "Was the zeppelin near the harbour?", since=35)
    assert jobs(back.older) == [1]
    assert jobs(back.recent) == [35, 36, 37, 38, 39]
    assert jobs((await recall(memory, "Did the man with the hats laugh?", since=35)).older) == [2]


@pytest.mark.parametrize("question", ["", "?", "And now?", "什么时候？", "Tell me about the weather in Lisbon", "👀"])
async def test_what_has_nothing_to_do_with_it_stays_where_it_is(memory: Memory, question: str) -> None:
    await keep(memory, turn(1, question="What colour is the zeppelin?", answer="The zeppelin is red."))
    await keep_clip(memory, 5, (0.0, "A red zeppelin over a harbour.", "LANDING"))
    await keep(memory, turn(2, clips=(clip(5),), question="What is it?", answer="A zeppelin."))
    back = await recall(memory, question, since=60)
    assert (back.older, back.moments, back.focus) == ((), (), ())


async def test_chinese_is_found_by_parts_of_its_sentences(memory: Memory) -> None:
    await keep(
        memory,
        turn(1, question="红色的汽车什么时候出现？", answer="红色汽车在[0:12]出现，停在路边。"),
        turn(2, question="有人笑吗？", answer="一个戴帽子的人在笑。"),
        *(turn(number, question=f"第{number}个问题", answer="没有答案。") for number in range(3, 20)),
    )
    assert jobs((await recall(memory, "那辆红色汽车停在哪里？", since=60)).older) == [1]
    assert jobs((await recall(memory, "戴帽子的人", since=60)).older) == [2]


async def test_moments_of_other_clips_come_back_with_where_they_were_seen(memory: Memory) -> None:
    other = await keep_clip(memory, 1, (0.0, "An empty street.", None), (12.0, "A red zeppelin lands.", "GATE 7"))
    here = await keep_clip(memory, 2, (0.0, "A blue zeppelin flies.", None))
    said = Segment(start_seconds=3, end_seconds=4, text="Mind the zeppelin", speaker="A")
    await memory.keep_heard(other, RECIPE, Heard(segments=(said,)), fresh_until=None)
    await keep(memory, turn(1, clips=(clip(1),)), turn(2, clips=(clip(2),)))
    back = await recall(memory, "Which zeppelin was it?", clips=(here,), since=60)
    assert [(found.clip, found.moment.start_seconds, found.moment.text) for found in back.moments] == [
        (clip(1), 3.0, "Mind the zeppelin"),
        (clip(1), 12.0, "A red zeppelin lands."),
    ]
    assert back.moments[0].moment.speaker == "A"
    assert [moment.text for moment in back.focus] == ["A blue zeppelin flies."]
    gate = await recall(memory, "Who went through gate 7?", clips=(here,), since=60)
    assert [found.moment.text for found in gate.moments] == ["GATE 7"]


async def test_what_was_found_on_a_second_look_is_found_too(memory: Memory) -> None:
    sha256 = await keep_clip(memory, 1, (0.0, "An empty street.", None))
    await keep(memory, turn(1, clips=(clip(1),)))
    moment = (await recall(memory, "street", since=60)).moments[0].moment
    look = Look(
        kind=LookKind.LOOK, start_seconds=0, end_seconds=1, question="cup?", moments=(replace(moment, text="A cup"),)
    )
    await memory.keep_look(sha256, RECIPE, look)
    assert [found.moment.text for found in (await recall(memory, "the cup", since=60)).moments] == ["A cup"]


async def test_one_clip_does_not_take_all_the_room(memory: Memory) -> None:
    await keep_clip(memory, 1, *((float(at), f"The zeppelin in scene {at}.", None) for at in range(20)))
    await keep_clip(memory, 2, (0.0, "A zeppelin on the ground.", None))
    await keep(memory, turn(1, clips=(clip(1),)), turn(2, clips=(clip(2),)))
    found = (await recall(memory, "zeppelin", since=60)).moments
    assert sorted(moment.clip.sha256 for moment in found) == sorted([clip(1).sha256] * 3 + [clip(2).sha256])


async def test_a_clip_linked_from_a_channel_others_cannot_read_is_not_brought_up(memory: Memory) -> None:
    """Its answer was posted here and comes back; what else is known of the clip does not."""
    await keep_clip(memory, 1, (0.0, "A secret zeppelin.", None))
    linked = clip(1, channel_id=CHANNEL + 55)
    await keep(memory, turn(1, clips=(linked,), question="What is it?", answer="An airship."))
    assert (await recall(memory, "secret zeppelin", since=60)).moments == ()
    assert await memory.search(Scope(key=HERE), "secret zeppelin") == ()
    await keep(memory, turn(2, key=DIRECT, clips=(linked,)))
    assert len((await recall(memory, "secret zeppelin", Scope(key=DIRECT), since=60)).moments) == 1


async def test_summaries_and_facts_of_the_place_come_along(memory: Memory) -> None:
    await keep(memory, *(turn(number) for number in range(5)))
    for number in range(5):
        summary = Summary(key=HERE, from_at=NOON, through_at=NOON + minutes(number), text=f"summary {number}")
        assert await memory.keep_summary(summary, [turn(number, people=(7,))])
    fact = await memory.keep_fact(Fact(key=HERE, author_id=9, said_at=NOON, text="The zeppelin is Marta's."))
    back = await recall(memory, "so")
    assert [summary.text for summary in back.summaries] == ["summary 2", "summary 3", "summary 4"]
    assert back.summaries[0].people == (7, 42)
    assert back.facts == (fact,)
    assert {7, 9, 42} <= back.people
    elsewhere = await recall(memory, "so", Scope(key=DIRECT))
    assert (elsewhere.summaries, elsewhere.facts) == ((), ())


@pytest.mark.parametrize(
    "wanted",
    [
        '"',
        "*",
        "NEAR(a b)",
        "place : x",
        "a AND",
        "NOT",
        "{words} : zeppelin",
        "' OR 1=1 --",
        "zeppelin & | !",
        "\0",
        "(",
        "^x",
    ],
)
async def test_no_question_is_a_query_of_its_own(memory: Memory, wanted: str) -> None:
    await keep(memory, turn(1, question="zeppelin", answer="x"), turn(2, key=DIRECT, question="zeppelin", answer="y"))
    for text in (wanted, f"{wanted} zeppelin", f"zeppelin{wanted}"):
        found = await memory.search(Scope(key=HERE), text)
        assert {hit.turn.job_id for hit in found if hit.turn} <= {turn(1).job_id}


async def test_a_huge_question_is_answered(memory: Memory) -> None:
    await keep(memory, turn(1, question="zeppelin", answer="x"))
    assert await memory.search(Scope(key=HERE), "zeppelin " + "word " * 50_000) is not None


async def test_search_gives_turns_and_moments(memory: Memory) -> None:
    await keep_clip(memory, 1, (3.0, "A red zeppelin.", None))
    await keep(memory, turn(1, clips=(clip(1),), question="Which airship?", answer="It is a zeppelin."))
    found = await memory.search(Scope(key=HERE), "zeppelins")
    assert {hit.turn.job_id for hit in found if hit.turn} == {turn(1).job_id}
    assert [hit.moment.moment.text for hit in found if hit.moment] == ["A red zeppelin."]
    assert len(await memory.search(Scope(key=HERE), "zeppelins", limit=1)) == 1
    assert await memory.search(Scope(key=DIRECT), "zeppelins") == ()


async def test_what_came_back_is_marked_and_fades_later(memory: Memory, clock: object) -> None:
    kept = [turn(number, question=f"zeppelin {number}", answer="x") for number in range(3)]
    await keep(memory, *kept)
    summary = Summary(key=HERE, from_at=NOON, through_at=NOON, text="all of it")
    assert await memory.keep_summary(summary, kept[:2])
    clock.pass_by(days=10)  # type: ignore[attr-defined]
    await memory.mark_used([kept[0].job_id])
    assert await memory.fade(before=NOON + timedelta(days=5)) == 1
    assert [await memory.turn(one.job_id) is not None for one in kept] == [True, False, True]


async def test_what_is_recent_does_not_come_back_a_second_time(memory: Memory) -> None:
    await keep(memory, *(turn(number, question="the zeppelin", answer=f"lands {number}") for number in range(4)))
    back = await recall(memory, "zeppelin", since=2)
    assert (jobs(back.recent), jobs(back.older)) == ([2, 3], [0, 1])


async def test_an_old_summary_comes_back_when_it_matches(memory: Memory) -> None:
    """Its turns may have faded."""
    said = ("a zeppelin", "a barge", "rain", "wind", "snow")
    await keep(memory, *(turn(number) for number in range(len(said))))
    for number, text in enumerate(said):
        summary = Summary(key=HERE, from_at=NOON, through_at=NOON + minutes(number), text=text)
        assert await memory.keep_summary(summary, [turn(number)])
    assert [one.text for one in (await recall(memory, "zeppelins")).summaries] == ["a zeppelin", "rain", "wind", "snow"]
    thread = await recall(memory, "zeppelins", IN_THREAD)
    assert [one.text for one in thread.summaries] == ["a zeppelin"]
    assert (await recall(memory, "zeppelins", Scope(key=DIRECT))).summaries == ()
