"""Turns and the messages that show them: found again, in order, each in its own place."""

from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from bot.database.engine import open_database
from bot.database.where import Where
from bot.domain.answer import Usage
from bot.domain.conversation import ConversationKey
from bot.domain.role import Role
from bot.domain.sentence import Sentence, sentence
from bot.domain.timeline import Notice, NoticeCode
from bot.memory.store import Memory
from tests.databases import SQLITE, only

from ..database.material import BIGGEST_ID, CHANNEL, DIRECT, HERE, NOON, SERVER, clip, message, minutes, turn
from .conftest import Clock

THERE = ConversationKey(server_id=SERVER, channel_id=CHANNEL + 1)
ELSEWHERE = ConversationKey(server_id=SERVER + 1, channel_id=CHANNEL)
FULL = turn(
    1,
    question="Was ist das?\n👀",
    answer="A cat at 0:42.",
    clips=(clip(2), clip(1)),
    follows="f" * 12,
    source=message(1),
    was_heard=True,
    notices=(Notice(code=NoticeCode.NO_SOUND, public=sentence("The {what} has no sound.", what="clip")),),
    usages=(Usage(role=Role.CHAT, provider="openai", model="m", input_tokens=10, cost_usd=0.25),),
)


async def test_a_turn_comes_back_whole_after_a_restart(where: Where) -> None:
    async with open_database(where) as database:
        await Memory(database).keep_turn(FULL)
        await Memory(database).keep_turn(turn(2, DIRECT, asker_id=BIGGEST_ID))
    async with open_database(where) as database:
        kept = await Memory(database).turn(FULL.job_id)
        assert kept == FULL
        assert kept is not None
        assert isinstance(kept.notices[0].public, Sentence)
        assert await Memory(database).turn(turn(2).job_id) == turn(2, DIRECT, asker_id=BIGGEST_ID)
        assert await Memory(database).turn("e" * 12) is None


async def test_times_come_back_in_utc(memory: Memory) -> None:
    await memory.keep_turn(turn(1, asked_at=NOON.astimezone(timezone(timedelta(hours=8)))))
    kept = await memory.turn(turn(1).job_id)
    assert kept is not None
    assert (kept.asked_at, kept.asked_at.utcoffset()) == (NOON, timedelta())


async def test_a_turn_is_kept_once(memory: Memory) -> None:
    await memory.keep_turn(FULL)
    await memory.keep_turn(replace(FULL, answer="another", clips=()))
    assert await memory.turn(FULL.job_id) == FULL


async def test_a_turn_is_found_by_its_messages(memory: Memory, clock: Clock) -> None:
    await memory.add_reply(FULL.job_id, message(12))
    assert await memory.turn_of_message(message(12)) is None
    await memory.keep_turn(FULL)
    clock.pass_by(seconds=1)
    await memory.add_reply(FULL.job_id, message(11))
    await memory.add_reply(FULL.job_id, message(11))
    assert await memory.replies(FULL.job_id) == (message(12), message(11))
    for number in (1, 11, 12):
        assert await memory.turn_of_message(message(number)) == FULL
        assert await memory.turn_of_message(message(number, CHANNEL + 1)) is None
    assert await memory.turn_of_message(message(13)) is None
    assert await memory.replies(turn(2).job_id) == ()


async def test_a_chain_is_followed_back(memory: Memory) -> None:
    first, second, third = turn(1), turn(2, follows=turn(1).job_id), turn(3, follows=turn(2).job_id)
    other = turn(4, follows=turn(1).job_id)
    for one in (third, first, other, second):
        await memory.keep_turn(one)
    assert await memory.chain(third.job_id, limit=10) == (first, second, third)
    assert await memory.chain(third.job_id, limit=2) == (second, third)
    assert await memory.chain(other.job_id, limit=10) == (first, other)
    assert await memory.chain("e" * 12, limit=10) == ()


async def test_a_chain_ends_where_a_turn_is_gone_or_comes_round(memory: Memory) -> None:
    await memory.keep_turn(turn(2, follows=turn(1).job_id))
    assert await memory.chain(turn(2).job_id, limit=10) == (turn(2, follows=turn(1).job_id),)
    await memory.keep_turn(turn(1, follows=turn(2).job_id))
    assert len(await memory.chain(turn(2).job_id, limit=10)) == 2


@pytest.mark.parametrize("other", [THERE, ELSEWHERE, DIRECT])
async def test_nothing_of_one_place_comes_back_in_another(memory: Memory, other: ConversationKey) -> None:
    await memory.keep_turn(turn(1, clips=(clip(1),)))
    await memory.keep_turn(turn(2, other, follows=turn(1).job_id))
    assert await memory.recent(other, since=NOON, limit=10) == (turn(2, other, follows=turn(1).job_id),)
    assert await memory.recent(HERE, since=NOON, limit=10) == (turn(1, clips=(clip(1),)),)
    assert await memory.latest_clips(other, since=NOON) == ()
    assert await memory.chain(turn(2).job_id, limit=10) == (turn(2, other, follows=turn(1).job_id),)


async def test_recent_are_the_newest_oldest_first(memory: Memory) -> None:
    for number in (3, 1, 4, 2):
        await memory.keep_turn(turn(number))
    assert await memory.recent(HERE, since=NOON, limit=3) == (turn(2), turn(3), turn(4))
    assert await memory.recent(HERE, since=NOON + minutes(3), limit=9) == (turn(3), turn(4))
    assert await memory.recent(HERE, since=NOON + minutes(5), limit=9) == ()


async def test_latest_clips_are_those_of_the_newest_turn_that_had_any(memory: Memory) -> None:
    assert await memory.latest_clips(HERE, since=NOON) == ()
    await memory.keep_turn(turn(2, clips=(clip(3), clip(2))))
    await memory.keep_turn(turn(1, clips=(clip(1),)))
    await memory.keep_turn(turn(3))
    assert await memory.latest_clips(HERE, since=NOON) == (clip(3), clip(2))
    assert await memory.latest_clips(HERE, since=NOON + minutes(3)) == ()


async def test_the_same_clip_twice_in_one_turn(memory: Memory) -> None:
    twice = turn(1, clips=(clip(1), replace(clip(1), source=clip(2).source)))
    await memory.keep_turn(twice)
    assert await memory.turn(twice.job_id) == twice


async def test_direct_messages_have_their_own_turns(memory: Memory) -> None:
    await memory.keep_turn(turn(1, DIRECT, clips=(clip(1, DIRECT.channel_id),)))
    assert await memory.recent(DIRECT, since=NOON, limit=9) == (turn(1, DIRECT, clips=(clip(1, DIRECT.channel_id),)),)
    assert await memory.latest_clips(DIRECT, since=NOON) == (clip(1, DIRECT.channel_id),)


async def test_old_turns_go_with_the_links_to_their_messages(memory: Memory, clock: Clock) -> None:
    await memory.keep_turn(turn(1, clips=(clip(1),)))
    await memory.keep_turn(turn(2))
    for number in (1, 2, 3):
        await memory.add_reply(turn(number).job_id, message(10 + number))
    clock.pass_by(minutes=1)
    await memory.add_reply(turn(4).job_id, message(14))
    gone = await memory.prune(turns_before=NOON + minutes(1.5), clips_before=NOON + minutes(1))
    assert (gone.jobs, len(gone.clips)) == ({turn(1).job_id}, 1)
    assert await memory.turn(turn(1).job_id) is None
    assert await memory.turn(turn(2).job_id) == turn(2)
    assert await memory.replies(turn(1).job_id) == ()
    assert await memory.replies(turn(2).job_id) == (message(12),)
    assert await memory.replies(turn(3).job_id) == ()
    assert await memory.replies(turn(4).job_id) == ()
    assert await memory.digest_of(clip(1).source.attachment_id) is None


@only(SQLITE)
async def test_copies_of_old_databases_go_with_the_turns_in_them(memory: Memory, where: Where) -> None:
    old = where.file.with_name("kibitz.db.0000.20260101T000000000000Z.copy")
    old.touch()
    await memory.prune(turns_before=NOON - timedelta(days=9999), clips_before=NOON)
    assert old.exists()
    await memory.prune(turns_before=NOON + timedelta(days=9999), clips_before=NOON)
    assert not old.exists()
    assert where.file.exists()
