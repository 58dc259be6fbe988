"""Forgetting is complete: no table, index, log or file still holds the words; and it takes nobody else's."""

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.engine import Database
from bot.database.tables import Base
from bot.domain.conversation import ConversationKey, MediaSource, MessageRef, PlaceSettings
from bot.domain.timeline import Caption
from bot.domain.understanding import Seen
from bot.jobs.intake import Intake
from bot.memory.store import Memory

from ..database.material import BIGGEST_ID, CHANNEL, HERE, SERVER, ask, clip, message, source, turn

OTHER = ConversationKey(server_id=SERVER + 1, channel_id=CHANNEL + 100)
CANARY = "canary-words"
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
    asked = {"question": CANARY, "source": message(number + 2, channel_id)}
    await memory.keep_turn(turn(number, key, answer=CANARY, clips=(about,), **asked))
    await Intake(database).accept(ask(number + 1, key, **asked), reply_to=None)


async def rows(session: AsyncSession) -> dict[str, int]:
    tables = Base.metadata.sorted_tables
    return {table.name: len((await session.execute(select(table))).all()) for table in tables}


def has_words(path: Path) -> bool:
    return any(CANARY.encode() in file.read_bytes() for file in path.parent.iterdir())


async def test_a_server_is_forgotten_in_every_table_and_on_disk(database: Database, path: Path) -> None:
    await fill(database, HERE, 10)
    assert min((await database.read(rows)).values()) >= 1
    assert has_words(path)
    await Memory(database).forget_server(SERVER)
    assert set((await database.read(rows)).values()) == {0}
    assert not has_words(path)


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


async def test_the_turn_of_a_deleted_message_goes(database: Database, path: Path) -> None:
    memory = Memory(database)
    await memory.keep_turn(turn(1, question=CANARY, answer=CANARY, source=message(1), clips=(clip(1),)))
    await memory.add_reply(turn(1).job_id, message(2))
    await memory.keep_turn(turn(2, source=message(3), follows=turn(1).job_id))
    await memory.forget_message(message(1))
    assert await memory.turn(turn(1).job_id) is None
    assert await memory.replies(turn(1).job_id) == ()
    assert await memory.turn(turn(2).job_id) is not None
    assert not has_words(path)


async def test_a_deleted_clip_goes_with_the_turns_about_it(database: Database, path: Path) -> None:
    memory = Memory(database)
    await memory.keep_seen(clip(1).sha256, "r1", SEEN, fresh_until=None)
    await memory.keep_digest(source(1), clip(1).sha256)
    await memory.keep_turn(turn(1, source=message(8), answer=CANARY, clips=(clip(2), clip(1))))
    await memory.keep_turn(turn(2, clips=(clip(2),)))
    await memory.forget_message(message(1))
    assert await memory.turn(turn(1).job_id) is None
    assert await memory.turn(turn(2).job_id) is not None
    assert await memory.digest_of(source(1).attachment_id) is None
    assert not has_words(path)


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


async def test_a_deleted_question_is_not_worked_on_any_more(database: Database, path: Path) -> None:
    intake = Intake(database)
    asked = ask(1, source=message(1), question=CANARY)
    await intake.accept(asked, reply_to=None)
    await Memory(database).forget_message(message(1))
    assert await intake.unfinished() == ()
    assert await intake.claimed(asked.job_id) == 0
    assert not await intake.accept(asked, reply_to=None)
    assert not has_words(path)


@pytest.mark.parametrize("other", [message(9), message(1, CHANNEL + 1)])
async def test_a_message_nothing_is_known_of_takes_nothing(database: Database, other: MessageRef) -> None:
    memory = Memory(database)
    await memory.keep_turn(turn(1, source=message(1), clips=(clip(1),)))
    await memory.add_reply(turn(1).job_id, message(2))
    before = await database.read(rows)
    await memory.forget_message(other)
    assert await database.read(rows) == before
