"""Facts stand in their place, once, until they are taken back or forgotten."""

from dataclasses import replace

from bot.domain.conversation import ConversationKey
from bot.domain.recollection import Fact, Scope
from bot.memory.store import Memory

from ..database.material import CHANNEL, DIRECT, HERE, NOON, SERVER, minutes

THREAD = ConversationKey(server_id=SERVER, channel_id=CHANNEL + 1)
FACT = Fact(key=HERE, author_id=42, said_at=NOON, text="We meet on Mondays")


async def test_a_fact_surfaces_in_its_place_and_where_that_may_be_seen(memory: Memory) -> None:
    first = await memory.keep_fact(FACT)
    second = await memory.keep_fact(replace(FACT, key=THREAD, said_at=NOON + minutes(1)))
    await memory.keep_fact(replace(FACT, key=DIRECT))
    assert await memory.pinned(Scope(key=HERE)) == (first,)
    assert await memory.pinned(Scope(key=THREAD)) == (second,)
    assert await memory.pinned(Scope(key=THREAD, also=(CHANNEL,))) == (first, second)
    assert await memory.fact(first.fact_id) == replace(FACT, fact_id=first.fact_id)


async def test_the_same_words_are_pinned_once_in_a_place(memory: Memory) -> None:
    first = await memory.keep_fact(FACT)
    assert await memory.keep_fact(replace(FACT, author_id=43)) == first
    assert await memory.keep_fact(replace(FACT, key=DIRECT)) != first
    assert await memory.facts_of(42) == 2
    assert await memory.facts_of(42, HERE) == 1
    assert await memory.facts_of(43) == 0


async def test_a_fact_can_be_taken_back(memory: Memory) -> None:
    fact = await memory.keep_fact(FACT)
    assert (await memory.drop_fact(fact.fact_id)).facts == 1
    assert (await memory.drop_fact(fact.fact_id)).is_nothing
    assert await memory.fact(fact.fact_id) is None


async def test_facts_outlive_what_is_too_old(memory: Memory) -> None:
    fact = await memory.keep_fact(FACT)
    await memory.change_settings(SERVER, None, {"keep_days": 1})
    await memory.prune(turns_before=NOON + minutes(999), clips_before=NOON + minutes(999))
    assert await memory.pinned(Scope(key=HERE)) == (fact,)
