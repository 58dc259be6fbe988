"""Forgetting is complete: no table, index, log or file still holds the words; and it takes nobody else's."""

from dataclasses import replace

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.engine import Database
from bot.database.tables import AskRow, Base
from bot.database.where import Where
from bot.domain.conversation import ClipRef, ConversationKey, MediaSource, MessageRef, PlaceSettings
from bot.domain.recollection import Forgotten, Scope, Summary
from bot.domain.timeline import Caption
from bot.domain.understanding import Seen
from bot.jobs.intake import Intake
from bot.memory.store import Memory
from tests.databases import holds

from ..database.material import BIGGEST_ID, CHANNEL, HERE, NOON, SERVER, ask, clip, message, minutes, source, turn

OTHER = ConversationKey(server_id=SERVER + 1, channel_id=CHANNEL + 100)
CANARY = "canary-words"
ALICE, BOB = 42, 43
SEEN = Seen(captions=(Caption(at_seconds=0.0, since_seconds=0.0, text=CANARY),))


async def fill(database: Database, key: ConversationKey, number: int) -> None:
    """Something in every table, of one place; the words are the same everywhere."""
    memory, channel_id = Memory(database), key.channel_id
    about = clip(number, channel_id)
    await memory.keep_seen(about.sha256, "r1", SEEN, fresh_until=None)
    await memory.keep_digest(about.source, about.sha256)
    await memory.add_reply(f"{number:012x}", message(number + 1, channel_id))
    await memory.add_reply(f"{number + 1:012x}", message(number + 3, channel_id))
    await memory.change_settings(key.server_id, channel_id, {"voice": CANARY})
    await memory.plugin_records.put("p", "t", {"text": CANARY}, version=1, key=key)
    asked = {"question": CANARY, "source": message(number + 2, channel_id)}
    await memory.keep_turn(turn(number, key, answer=CANARY, clips=(about,), **asked))
    await Intake(database).accept(ask(number + 1, key, **asked), reply_to=None)


async def rows(session: AsyncSession) -> dict[str, int]:
    tables = Base.metadata.sorted_tables
    return {table.name: len((await session.execute(select(table))).all()) for table in tables}


async def test_a_server_is_forgotten_in_every_table_and_on_disk(database: Database, where: Where) -> None:
    await fill(database, HERE, 10)
    assert await holds(where, database, CANARY)
    await Memory(database).forget_server(SERVER)
    assert set((await database.read(rows)).values()) == {0}
    await database.wipe()
    assert not await holds(where, database, CANARY)


async def test_forgetting_one_server_takes_nothing_of_another(database: Database) -> None:
    await fill(database, OTHER, 20)
    before = await database.read(rows)
    await fill(database, HERE, 10)
    memory = Memory(database)
    await memory.forget_server(SERVER)
    assert await database.read(rows) == before
    assert await memory.turn_of_message(message(21, OTHER.channel_id)) is not None
    assert (await memory.settings_for(OTHER.server_id, OTHER.channel_id)).voice == CANARY
    assert await memory.settings_for(HERE.server_id, HERE.channel_id) == PlaceSettings()


async def test_a_clip_stays_while_another_server_refers_to_it(memory: Memory) -> None:
    posted_there = MediaSource(
        channel_id=OTHER.channel_id, message_id=5, attachment_id=BIGGEST_ID, url="https://cdn.example/x", size_bytes=1
    )
    for number in (1, 2):
        await memory.keep_seen(clip(number).sha256, "r1", SEEN, fresh_until=None)
    await memory.keep_turn(turn(1, clips=(clip(1), clip(2))))
    await memory.keep_turn(turn(2, OTHER, clips=(clip(1),)))
    await memory.keep_digest(posted_there, clip(2).sha256)
    await memory.forget_server(SERVER)
    assert await memory.seen(clip(1).sha256, "r1") == SEEN
    assert await memory.seen(clip(2).sha256, "r1") == SEEN
    await memory.forget_server(SERVER + 1)
    assert await memory.seen(clip(1).sha256, "r1") is None
    assert await memory.seen(clip(2).sha256, "r1") is None


async def test_the_turn_of_a_deleted_message_goes(database: Database, where: Where) -> None:
    memory = Memory(database)
    await memory.keep_turn(turn(1, question=CANARY, answer=CANARY, source=message(1), clips=(clip(1),)))
    await memory.add_reply(turn(1).job_id, message(2))
    await memory.keep_turn(turn(2, source=message(3), follows=turn(1).job_id))
    await memory.forget_message(message(1))
    assert await memory.turn(turn(1).job_id) is None
    assert await memory.replies(turn(1).job_id) == ()
    assert await memory.turn(turn(2).job_id) is not None
    await database.wipe()
    assert not await holds(where, database, CANARY)


async def test_a_deleted_clip_goes_with_the_turns_about_it(database: Database, where: Where) -> None:
    memory = Memory(database)
    await memory.keep_seen(clip(1).sha256, "r1", SEEN, fresh_until=None)
    await memory.keep_digest(source(1), clip(1).sha256)
    await memory.keep_turn(turn(1, source=message(8), answer=CANARY, clips=(clip(2), clip(1))))
    await memory.keep_turn(turn(2, clips=(clip(2),)))
    await memory.forget_message(message(1))
    assert await memory.turn(turn(1).job_id) is None
    assert await memory.turn(turn(2).job_id) is not None
    assert await memory.digest_of(source(1).attachment_id) is None
    await database.wipe()
    assert not await holds(where, database, CANARY)


async def test_a_deleted_clip_that_was_posted_elsewhere_too_is_still_known(memory: Memory) -> None:
    await memory.keep_seen(clip(1).sha256, "r1", SEEN, fresh_until=None)
    for number in (1, 2):
        await memory.keep_digest(source(number), clip(1).sha256)
    await memory.forget_message(message(1))
    assert await memory.seen(clip(1).sha256, "r1") == SEEN
    await memory.forget_message(message(2))
    assert await memory.seen(clip(1).sha256, "r1") is None


async def test_a_deleted_message_of_ours_shows_the_turn_no_more(memory: Memory) -> None:
    await memory.keep_turn(turn(1))
    for number in (2, 3):
        await memory.add_reply(turn(1).job_id, message(number))
    await memory.forget_message(message(2))
    assert await memory.replies(turn(1).job_id) == (message(3),)
    assert await memory.turn(turn(1).job_id) == turn(1)


async def test_a_deleted_question_is_not_worked_on_any_more(database: Database, where: Where) -> None:
    intake = Intake(database)
    asked = ask(1, source=message(1), question=CANARY)
    await intake.accept(asked, reply_to=None)
    await Memory(database).forget_message(message(1))
    assert await intake.unfinished() == ()
    assert await intake.claimed(asked.job_id) == 0
    assert not await intake.accept(asked, reply_to=None)
    await database.wipe()
    assert not await holds(where, database, CANARY)


@pytest.mark.parametrize("other", [message(9), message(1, CHANNEL + 1)])
async def test_a_message_nothing_is_known_of_takes_nothing(database: Database, other: MessageRef) -> None:
    memory = Memory(database)
    await memory.keep_turn(turn(1, source=message(1), clips=(clip(1),)))
    await memory.add_reply(turn(1).job_id, message(2))
    before = await database.read(rows)
    await memory.forget_message(other)
    assert await database.read(rows) == before


async def test_a_clip_that_no_turn_knows_goes_with_the_channels_discord_tells_of(memory: Memory) -> None:
    await memory.keep_seen(clip(1).sha256, "r1", SEEN, fresh_until=None)
    await memory.keep_digest(source(1), clip(1).sha256)
    assert (await memory.forget_server(SERVER)).is_nothing
    gone = await memory.forget_server(SERVER, channels=[CHANNEL])
    assert gone.clips == {clip(1).sha256}
    assert await memory.seen(clip(1).sha256, "r1") is None


async def test_a_clip_somebody_else_posted_too_is_still_known(memory: Memory) -> None:
    await memory.keep_seen(clip(1).sha256, "r1", SEEN, fresh_until=None)
    for number, author in ((1, ALICE), (2, BOB)):
        posted = replace(source(number), author_id=author)
        await memory.keep_digest(posted, clip(1).sha256)
        about = ClipRef(sha256=clip(1).sha256, source=posted)
        await memory.keep_turn(turn(number, asker_id=BOB, clips=(about,)))
    gone = await memory.forget_person(ALICE)
    assert (gone.jobs, gone.clips) == ({turn(1).job_id}, set())
    assert await memory.turn(turn(2).job_id) is not None
    assert await memory.seen(clip(1).sha256, "r1") == SEEN
    assert (await memory.forget_person(BOB)).clips == {clip(1).sha256}


async def test_what_an_older_version_kept_is_the_askers(memory: Memory) -> None:
    """It did not write who posted: a clip in the message that asked, or given to the command, is the asker's."""
    given = replace(source(3), message_id=0)
    for number, posted in ((1, source(1)), (3, given), (5, source(5))):
        await memory.keep_seen(clip(number).sha256, "r1", SEEN, fresh_until=None)
        await memory.keep_digest(posted, clip(number).sha256)
        about = ClipRef(sha256=clip(number).sha256, source=posted)
        await memory.keep_turn(
            turn(number, asker_id=ALICE, clips=(about,), source=message(number) if number == 1 else None)
        )
    await memory.keep_turn(turn(7, asker_id=BOB, clips=(clip(1),)))
    gone = await memory.forget_person(ALICE)
    assert gone.jobs == {turn(number).job_id for number in (1, 3, 5, 7)}
    assert gone.clips == {clip(1).sha256, clip(3).sha256}
    assert await memory.seen(clip(5).sha256, "r1") == SEEN


async def test_the_words_of_a_spoken_question_go_with_its_turn(memory: Memory) -> None:
    await memory.keep_seen(clip(1).sha256, "r1", SEEN, fresh_until=None)
    await memory.keep_digest(source(1), clip(1).sha256)
    await memory.keep_digest(replace(source(2), message_id=source(1).message_id), clip(2).sha256)
    about = ClipRef(sha256=clip(2).sha256, source=replace(source(2), message_id=source(1).message_id))
    await memory.keep_turn(turn(1, was_heard=True, source=message(1), clips=(about,)))
    assert (await memory.forget_turn(turn(1).job_id)).clips == {clip(1).sha256}


async def test_requests_about_clips_that_go_are_withdrawn(database: Database) -> None:
    memory, intake = Memory(database), Intake(database)
    posted = replace(source(1), author_id=ALICE)
    await intake.accept(ask(1, asker_id=BOB, clips=(posted,)), reply_to=None)
    await intake.accept(ask(2, asker_id=BOB, clips=(source(2),)), reply_to=None)
    assert (await memory.forget_person(ALICE)).jobs == {ask(1).job_id}
    assert [accepted.ask.job_id for accepted in await intake.unfinished()] == [ask(2).job_id]
    await memory.keep_digest(source(2), clip(2).sha256)
    assert (await memory.forget_message(message(2))).jobs == {ask(2).job_id}


async def test_a_finished_request_is_still_recognised_but_no_longer_whose_it_was(database: Database) -> None:
    intake = Intake(database)
    asked = ask(1, asker_id=ALICE, source=message(1))
    await intake.accept(asked, reply_to=None)
    await intake.finished(asked.job_id)
    await Memory(database).forget_person(ALICE)
    (row,) = await database.read(lambda session: session.scalars(select(AskRow)))
    assert (row.asker_id, row.channel_id, row.ask) == (None, None, None)
    assert not await intake.accept(asked, reply_to=None)


async def test_settings_go_with_a_channel_that_is_gone(memory: Memory) -> None:
    await memory.change_settings(SERVER, CHANNEL, {"voice": "echo"})
    await memory.forget_place(HERE)
    assert (await memory.own_settings(SERVER, CHANNEL)) == {"voice": "echo"}
    await memory.forget_place(HERE, is_gone=True)
    assert (await memory.own_settings(SERVER, CHANNEL)) == {}


async def test_a_turn_elsewhere_about_a_clip_of_the_place_stays(memory: Memory) -> None:
    await memory.keep_turn(turn(1, clips=(clip(1),)))
    await memory.keep_turn(turn(2, OTHER, clips=(clip(1),)))
    await memory.keep_digest(source(1), clip(1).sha256)
    assert (await memory.forget_place(HERE)).jobs == {turn(1).job_id}
    assert await memory.turn(turn(2).job_id) is not None
    assert await memory.forget_clip(clip(1).sha256, HERE) == Forgotten()
    gone = await memory.forget_clip(clip(1).sha256, OTHER)
    assert (gone.jobs, gone.clips) == ({turn(2).job_id}, {clip(1).sha256})


async def test_turns_of_a_summary_that_went_can_be_summarised_anew(memory: Memory) -> None:
    kept = [turn(number, asker_id=number) for number in (1, 2)]
    for one in kept:
        await memory.keep_turn(one)
    summary = Summary(key=HERE, from_at=NOON, through_at=NOON, text=CANARY)
    assert await memory.keep_summary(summary, kept)
    assert await memory.to_summarise(HERE, keep_recent=0, batch=1) == ()
    assert (await memory.forget_person(1)).resting == 1
    assert await memory.to_summarise(HERE, keep_recent=0, batch=1) == (turn(2, asker_id=2),)


async def test_an_edited_question_is_the_new_one_everywhere(database: Database) -> None:
    memory, intake = Memory(database), Intake(database)
    await memory.keep_turn(turn(1, source=message(1), question=CANARY, answer="It is well."))
    await intake.accept(ask(2, source=message(2), question=CANARY), reply_to=None)
    await memory.keep_turn(turn(3, source=message(3), question=CANARY, was_heard=True))
    for number in (1, 2):
        assert await memory.edit_question(message(number), "And now?")
        assert not await memory.edit_question(message(number), "And now?")
    assert not await memory.edit_question(message(3), "And now?")
    assert not await memory.edit_question(message(4), "And now?")
    edited = await memory.turn(turn(1).job_id)
    assert edited is not None
    assert (edited.question, edited.answer) == ("And now?", "It is well.")
    assert [accepted.ask.question for accepted in await intake.unfinished()] == ["And now?"]


async def test_a_summary_goes_with_a_person_whose_turns_have_faded(memory: Memory) -> None:
    kept = [turn(1, asker_id=ALICE), turn(2, asker_id=BOB)]
    for one in kept:
        await memory.keep_turn(one)
    assert await memory.keep_summary(Summary(key=HERE, from_at=NOON, through_at=NOON, text=CANARY), kept)
    assert await memory.fade(before=NOON + minutes(9)) == 2
    assert (await memory.forget_person(ALICE)).resting == 1
    assert (await memory.overview(Scope(key=HERE))).summaries == ()
