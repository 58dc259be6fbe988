"""Nothing crosses places: whatever was said where, each place gets its own words back and nobody else's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.database.engine import open_database
from bot.database.where import Where
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, Turn
from bot.domain.recollection import Fact, Found, Recollection, Scope, Summary
from bot.domain.timeline import Caption, Moment, MomentKind
from bot.domain.understanding import Look, LookKind, Seen
from bot.memory.store import Memory
from tests.databases import SQLITE, only

from ..database.material import NOON, turn

ANNA, BEN = 101, 102
GENERAL = ConversationKey(server_id=1, channel_id=11)
SECRET = ConversationKey(server_id=1, channel_id=12)
THREAD = ConversationKey(server_id=1, channel_id=13)
SECRET_THREAD = ConversationKey(server_id=1, channel_id=14)
LOUNGE = ConversationKey(server_id=2, channel_id=21)
SAME_NUMBER = ConversationKey(server_id=2, channel_id=11)
DIRECT_ANNA = ConversationKey(server_id=None, channel_id=31)
DIRECT_BEN = ConversationKey(server_id=None, channel_id=32)
ALONE_ANNA = ConversationKey(server_id=None, channel_id=ANNA)
SCOPES = (
    Scope(key=GENERAL),
    Scope(key=SECRET),
    Scope(key=THREAD, also=(GENERAL.channel_id,)),
    Scope(key=SECRET_THREAD, also=(SECRET.channel_id,)),
    Scope(key=LOUNGE),
    Scope(key=SAME_NUMBER),
    Scope(key=DIRECT_ANNA),
    Scope(key=DIRECT_BEN),
    Scope(key=ALONE_ANNA),
)
KEYS = tuple(scope.key for scope in SCOPES)
WORDS = ("zeppelin", "harbour", "红色汽车", "Straße", "7", "laugh")


def canary(key: ConversationKey) -> str:
    """A word that is said in one place alone."""
    return f"canary{key.server_id or 0}x{key.channel_id}"


@dataclass(frozen=True)
class Said:
    """Something in a place, about a clip or none."""

    at: int
    place: int
    word: int
    clip: int | None
    posted_in: int
    follows: int | None


SAID = st.builds(
    Said,
    at=st.integers(0, 60),
    place=st.integers(0, len(KEYS) - 1),
    word=st.integers(0, len(WORDS) - 1),
    clip=st.none() | st.integers(0, 3),
    posted_in=st.integers(0, len(KEYS) - 1),
    follows=st.none() | st.integers(0, 20),
)


def told(back: Recollection) -> str:
    """Every word that comes back."""
    said = [part for one in back.turns for part in (one.question, one.answer, one.asker_name)]
    said += [summary.text for summary in back.summaries]
    said += [fact.text for fact in back.facts]
    said += [found.moment.text for found in back.moments]
    said += [moment.text for moment in back.focus]
    return "\n".join(said)


def about(number: int, channel_id: int) -> ClipRef:
    source = MediaSource(
        channel_id=channel_id, message_id=500 + number, attachment_id=900 + number, url="https://cdn.invalid/c",
        size_bytes=1,
    )  # fmt: skip
    return ClipRef(sha256=f"{number:064x}", source=source)


async def fill(memory: Memory, everything: list[Said]) -> list[Turn]:
    kept: list[Turn] = []
    for number, one in enumerate(everything):
        key = KEYS[one.place]
        clips = () if one.clip is None else (about(one.clip, KEYS[one.posted_in].channel_id),)
        made = turn(
            number,
            key,
            asked_at=NOON + timedelta(minutes=one.at),
            question=f"{WORDS[one.word]} {canary(key)}?",
            answer=f"{canary(key)} answer {WORDS[one.word]}",
            asker_name=canary(key),
            clips=clips,
            follows=None if one.follows is None else f"{one.follows:012x}",
        )
        await memory.keep_turn(made)
        kept.append(made)
    for key in KEYS:
        text = f"{canary(key)} zeppelin"
        await memory.keep_fact(Fact(key=key, author_id=ANNA, said_at=NOON, text=text))
        own = [one for one in kept if one.key == key][:2]
        await memory.keep_summary(Summary(key=key, from_at=NOON, through_at=NOON, text=text), own)
    return kept


def clips_that_may_surface(scope: Scope, everything: list[Said]) -> set[int]:
    """Those a turn of the scope was about; in a server only where they were posted in the scope."""
    channels = {key.channel_id for key in scope.keys}
    return {
        one.clip
        for one in everything
        if one.clip is not None
        and KEYS[one.place] in scope.keys
        and (scope.key.server_id is None or KEYS[one.posted_in].channel_id in channels)
    }


async def see(memory: Memory, everything: list[Said]) -> None:
    """Each clip is seen, and once looked at again for a question."""
    for number in {one.clip for one in everything if one.clip is not None}:
        sha256 = about(number, 0).sha256
        seen = Seen(captions=(Caption(at_seconds=0, since_seconds=0, text=f"zeppelin seen{number}"),), end_seconds=5.0)
        await memory.keep_seen(sha256, "recipe", seen, fresh_until=None)
        found = Moment(kind=MomentKind.SEEN, start_seconds=0, end_seconds=1, text=f"zeppelin looked{number}")
        look = Look(kind=LookKind.LOOK, start_seconds=0, end_seconds=1, question="?", moments=(found,))
        await memory.keep_look(sha256, "recipe", look)


def may_be_told(scope: Scope, everything: list[Said]) -> set[str]:
    """Canaries of places, of clips, and of what was found on a second look nobody else can have asked for."""
    clips = clips_that_may_surface(scope, everything)
    elsewhere = {one.clip for one in everything if KEYS[one.place] not in scope.keys}
    told = {f"seen{number}" for number in clips} | {f"looked{number}" for number in clips - elsewhere}
    return told | {canary(key) for key in scope.keys}


@only(SQLITE)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(everything=st.lists(SAID, max_size=12), follows=st.none() | st.integers(0, 20))
async def test_no_word_of_another_place_comes_back(where: Where, everything: list[Said], follows: int | None) -> None:
    async with open_database(where) as database:
        memory = Memory(database)
        await memory.forget_server(1)
        await memory.forget_server(2)
        for key in KEYS[-3:]:
            await memory.forget_place(key)
        await fill(memory, everything)
        await see(memory, everything)
        canaries = {canary(key) for key in KEYS} | {f"{kind}{n}" for kind in ("seen", "looked") for n in range(4)}
        for scope in SCOPES:
            foreign = canaries - may_be_told(scope, everything)
            last = None if follows is None or scope.key.server_id is None else f"{follows:012x}"
            for word in (WORDS[0], *sorted(foreign)[:1]):
                back = await memory.recall(scope, f"{word} zeppelin", follows=last, clips=[], since=NOON)
                assert not {one for one in foreign if one in told(back)}
                assert {one.key for one in back.turns} <= {*scope.keys}
                assert not {one for one in foreign if one in found_by(await memory.search(scope, word))}
            assert {fact.key for fact in await memory.pinned(scope)} <= set(scope.keys)


def found_by(hits: Sequence[Found]) -> str:
    """Every word of what a search shows."""
    said = [f"{hit.turn.question} {hit.turn.answer} {hit.turn.asker_name}" for hit in hits if hit.turn]
    return "\n".join([*said, *(hit.moment.moment.text for hit in hits if hit.moment)])


async def test_a_chain_from_elsewhere_is_not_followed_in_a_server(memory: Memory) -> None:
    """What is for one person alone may go on from an answer they read elsewhere."""
    await memory.keep_turn(turn(1, SECRET))
    await memory.keep_turn(turn(2, GENERAL, follows=turn(1).job_id))
    await memory.keep_turn(turn(3, DIRECT_ANNA))
    late = NOON + timedelta(days=1)

    async def goes_on_from(scope: Scope, number: int) -> list[str]:
        back = await memory.recall(scope, "so", follows=turn(number).job_id, clips=[], since=late)
        return [one.job_id for one in back.recent]

    for scope in SCOPES:
        if scope.key.server_id is not None:
            expected = [turn(2).job_id] if GENERAL in scope.keys else []
            assert await goes_on_from(scope, 2) == expected
            assert await goes_on_from(scope, 3) == []
    assert await goes_on_from(Scope(key=ALONE_ANNA), 2) == [turn(2).job_id]
    assert await goes_on_from(Scope(key=SECRET_THREAD, also=(SECRET.channel_id,)), 1) == [turn(1).job_id]


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: canary(scope.key))
async def test_each_place_finds_its_own(memory: Memory, scope: Scope) -> None:
    """The matrix once in full, on both databases."""
    await fill(memory, [Said(at=n, place=n, word=0, clip=None, posted_in=n, follows=None) for n in range(len(KEYS))])
    allowed = {canary(key) for key in scope.keys}
    for key in KEYS:
        back = await memory.recall(scope, f"What of {canary(key)}?", follows=None, clips=[], since=NOON)
        searched = {hit.turn.key for hit in await memory.search(scope, canary(key)) if hit.turn}
        assert searched == ({key} if canary(key) in allowed else set())
        found = {word for word in map(canary, KEYS) if word in told(back)}
        assert found <= allowed
        assert canary(scope.key) in found


async def test_each_place_finds_what_plugins_keep_of_it_and_no_more(memory: Memory) -> None:
    for key in KEYS:
        await memory.plugin_records.put("p", "t", {"text": canary(key)}, version=1, key=key)
    for key in KEYS:
        own = await memory.plugin_records.find("p", "t", key=key)
        assert [record.value for record in own] == [{"text": canary(key)}]


async def test_a_clip_is_brought_up_where_it_was_posted_only(memory: Memory) -> None:
    seen = Seen(captions=(Caption(at_seconds=0, since_seconds=0, text="A secret zeppelin"),), end_seconds=5.0)
    await memory.keep_seen(about(1, 0).sha256, "recipe", seen, fresh_until=None)
    await memory.keep_turn(turn(1, SECRET, clips=(about(1, SECRET.channel_id),)))
    await memory.keep_turn(turn(2, GENERAL, clips=(about(1, SECRET.channel_id),)))
    await memory.keep_turn(turn(3, LOUNGE, clips=(about(1, LOUNGE.channel_id),)))
    for scope in SCOPES:
        back = await memory.recall(scope, "zeppelin", follows=None, clips=[], since=NOON + timedelta(days=1))
        expected = scope.key in (SECRET, SECRET_THREAD, LOUNGE)
        assert bool(back.moments) is expected, scope
        assert bool(await memory.search(scope, "zeppelin")) is expected


async def test_what_a_second_look_found_stays_where_it_can_have_been_asked_for(memory: Memory) -> None:
    await memory.keep_turn(turn(1, GENERAL, clips=(about(1, GENERAL.channel_id),)))
    await see(memory, [Said(at=0, place=0, word=0, clip=1, posted_in=0, follows=None)])
    late = NOON + timedelta(days=1)

    async def told_in(scope: Scope) -> set[str]:
        back = await memory.recall(scope, "zeppelin", follows=None, clips=[], since=late)
        searched = {hit.moment.moment.text for hit in await memory.search(scope, "zeppelin") if hit.moment}
        assert searched == {found.moment.text for found in back.moments}
        return searched

    assert await told_in(Scope(key=GENERAL)) == {"zeppelin seen1", "zeppelin looked1"}
    for number, key in enumerate((DIRECT_ANNA, LOUNGE), start=2):
        await memory.keep_turn(turn(number, key, clips=(about(1, key.channel_id),)))
        for scope in (Scope(key=GENERAL), Scope(key=key)):
            assert await told_in(scope) == {"zeppelin seen1"}
