"""What plugins keep: found by whose and where it is, within limits, brought to new versions at once, and forgotten."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.engine import Database
from bot.database.tables import PluginRecordRow
from bot.domain.conversation import ConversationKey
from bot.domain.errors import BotError
from bot.domain.recollection import Summary
from bot.domain.records import Record
from bot.jobs.intake import Intake
from bot.memory import records
from bot.memory.consents import MEMORY
from bot.memory.plugin_records import PluginRecords
from bot.memory.store import Memory

from ..database.material import BIGGEST_ID, CHANNEL, DIRECT, HERE, NOON, SERVER, ask, message, minutes, turn
from .conftest import Clock

ALICE, BOB = 42, BIGGEST_ID
THERE = ConversationKey(server_id=SERVER, channel_id=CHANNEL + 1)
JOB = turn(1).job_id


@pytest.fixture
def kept(memory: Memory) -> PluginRecords:
    return memory.plugin_records


async def put(kept: PluginRecords, text: str, *, plugin: str = "p", table: str = "t", **more: Any) -> Record:
    record = await kept.put(plugin, table, {"text": text}, **{"version": 1, **more})
    assert record is not None
    return record


async def texts(kept: PluginRecords, plugin: str = "p", table: str = "t", **which: Any) -> list[object]:
    return [record.value["text"] for record in await kept.find(plugin, table, **which)]


async def test_a_record_comes_back_as_it_was_kept(kept: PluginRecords) -> None:
    value = {"text": "早上好 \0", "n": 1.5, "list": [1, None, {"deep": True}]}
    record = await kept.put("p", "t", value, version=1, key=DIRECT, person_id=BOB, job_id=JOB)
    assert record == Record(record_id=1, table="t", value=value, key=DIRECT, person_id=BOB, job_id=JOB, kept_at=NOON)
    assert await kept.find("p", "t") == (record,)
    assert "早上好" not in repr(record)


async def test_records_are_found_by_what_they_belong_to_newest_first(kept: PluginRecords, clock: Clock) -> None:
    belonging = ({"key": HERE}, {"key": HERE, "person_id": ALICE}, {"key": THERE, "job_id": JOB}, {"person_id": ALICE})
    for number, more in enumerate(belonging):
        await put(kept, f"{number}", **more)
        clock.pass_by(seconds=1)
    await put(kept, "of another table", table="u", key=HERE, person_id=ALICE, job_id=JOB)
    await put(kept, "of another plugin", plugin="q", key=HERE, person_id=ALICE, job_id=JOB)
    assert await texts(kept) == ["3", "2", "1", "0"]
    assert await texts(kept, limit=2) == ["3", "2"]
    assert await texts(kept, key=HERE) == ["1", "0"]
    assert await texts(kept, key=ConversationKey(server_id=None, channel_id=CHANNEL)) == []
    assert await texts(kept, person_id=ALICE) == ["3", "1"]
    assert await texts(kept, key=HERE, person_id=ALICE) == ["1"]
    assert await texts(kept, job_id=JOB) == ["2"]


async def test_the_only_one_replaces_that_of_the_same_table_place_and_person(kept: PluginRecords) -> None:
    belonging = ({"key": HERE}, {"key": HERE, "person_id": ALICE}, {"key": THERE}, {"person_id": ALICE}, {})
    for text in ("old", "new"):
        for table in ("t", "u"):
            for more in belonging:
                await put(kept, text, table=table, only=True, **more)
    for table in ("t", "u"):
        assert await texts(kept, table=table) == ["new"] * len(belonging)


async def test_a_plugin_drops_its_own_alone(kept: PluginRecords) -> None:
    first, second = await put(kept, "first"), await put(kept, "second")
    await put(kept, "of another", plugin="q")
    await kept.drop("q", second.record_id)
    await kept.drop("p", first.record_id)
    assert await texts(kept) == ["second"]
    assert await kept.drop_all("p") == 1
    assert (await texts(kept), await texts(kept, plugin="q")) == ([], ["of another"])


async def test_nothing_is_kept_of_somebody_who_opted_out(database: Database, memory: Memory) -> None:
    kept = memory.plugin_records
    await memory.choose(ALICE, MEMORY, is_given=False)
    await Intake(database).accept(ask(1, asker_id=ALICE), reply_to=None)
    for more in ({"person_id": ALICE}, {"job_id": ask(1).job_id}, {"job_id": ask(1).job_id, "person_id": BOB}):
        assert await kept.put("p", "t", {}, version=1, key=HERE, **more) is None
    assert await kept.find("p", "t") == ()
    await put(kept, "of the place", key=HERE)


async def test_nothing_is_kept_of_a_job_that_was_forgotten(database: Database, memory: Memory) -> None:
    kept = memory.plugin_records
    for number in (1, 2):
        await Intake(database).accept(ask(number, asker_id=BOB, source=message(number)), reply_to=None)
    await memory.forget_message(message(1))
    await Intake(database).finished(ask(2).job_id)
    assert await kept.put("p", "t", {}, version=1, job_id=ask(1).job_id) is None
    assert await kept.put("p", "t", {}, version=1, job_id=ask(2).job_id) is not None


async def test_of_too_many_in_a_place_the_oldest_go(
    database: Database, kept: PluginRecords, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 5
    monkeypatch.setattr(records, "MOST_RECORDS", most)
    alike = {"plugin": "p", "name": "t", "version": 1, "value": "{}", "server_id": None, "channel_id": None}
    there = {"server_id": SERVER, "channel_id": CHANNEL}

    async def fill(session: AsyncSession) -> None:
        rows = [{**alike, **there, "person_id": n or None, "kept_at": NOON - minutes(n)} for n in range(most)]
        rows += [{**alike, "person_id": ALICE, "kept_at": NOON - minutes(n)} for n in range(most)]
        await session.execute(insert(PluginRecordRow), rows)

    await database.write(fill)
    for more in ({"key": HERE}, {"key": THERE}, {"key": HERE, "table": "u"}, {"person_id": ALICE}, {"person_id": BOB}):
        await put(kept, "one more", **more)
    for which in ({"key": HERE}, {"person_id": ALICE}):
        found = await kept.find("p", "t", **which, limit=most + 9)
        assert (len(found), found[-1].kept_at) == (most, NOON - minutes(most - 2))
    assert len(await kept.find("p", "t", limit=3 * most)) == 2 * most + 2


async def test_what_cannot_be_kept_is_refused_before_anything_is_written(kept: PluginRecords) -> None:
    around = len(json.dumps({"text": ""}, separators=(",", ":")))
    largest = "x" * (records.MOST_BYTES - around)
    await put(kept, largest, only=True)
    refused: tuple[tuple[Any, str], ...] = (
        ({"text": f"{largest[1:]}ß"}, "plugin_record_too_large"),
        ({"time": NOON}, "plugin_record_not_json"),
        ({"number": float("nan")}, "plugin_record_not_json"),
        (None, "plugin_record_not_json"),
    )
    for value, code in refused:
        with pytest.raises(BotError, match=code):
            await kept.put("p", "t", value, version=1, only=True)
    assert await texts(kept) == [largest]


async def shout(version: int, value: dict[str, object]) -> Mapping[str, object]:
    return {"text": f"{value['text']}!", "was": version}


async def test_older_records_are_brought_to_a_new_version(kept: PluginRecords) -> None:
    for version in (1, 2, 3):
        await put(kept, f"{version}", version=version, key=HERE, person_id=ALICE, job_id=JOB)
    await put(kept, "of another table", table="u")
    assert await kept.upgrade("p", "t", 3, shout) == 2
    assert await kept.upgrade("p", "t", 3, shout) == 0
    newest, *older = await kept.find("p", "t", key=HERE, person_id=ALICE, job_id=JOB)
    assert (newest.value, newest.kept_at) == ({"text": "3"}, NOON)
    assert [record.value for record in older] == [{"text": "2!", "was": 2}, {"text": "1!", "was": 1}]
    assert await texts(kept, table="u") == ["of another table"]


async def test_a_newer_version_is_refused(kept: PluginRecords) -> None:
    await put(kept, "old")
    await put(kept, "new", version=3)
    with pytest.raises(BotError, match="plugin_records_newer"):
        await kept.upgrade("p", "t", 2, shout)
    assert await texts(kept) == ["new", "old"]
    assert await kept.upgrade("p", "u", 2, shout) == 0


async def test_an_upgrade_that_fails_changes_nothing(kept: PluginRecords) -> None:
    for text in ("first", "second"):
        await put(kept, text)

    async def stumble(version: int, value: dict[str, object]) -> Mapping[str, object]:
        if value["text"] == "second":
            raise LookupError
        return await shout(version, value)

    async def swell(version: int, value: dict[str, object]) -> Mapping[str, object]:
        return {"text": "x" * records.MOST_BYTES} if value["text"] == "second" else await shout(version, value)

    with pytest.raises(LookupError):
        await kept.upgrade("p", "t", 2, stumble)
    with pytest.raises(BotError, match="plugin_record_too_large"):
        await kept.upgrade("p", "t", 2, swell)
    assert await texts(kept) == ["second", "first"]


async def test_what_changes_during_an_upgrade_is_left_alone(database: Database, memory: Memory) -> None:
    kept = memory.plugin_records
    await put(kept, "goes", person_id=ALICE)
    await put(kept, "was changed by another")

    async def meanwhile(version: int, value: dict[str, object]) -> Mapping[str, object]:
        if value["text"] == "goes":
            await memory.forget_person(ALICE)
            newer = update(PluginRecordRow).values(version=2)
            await database.write(lambda session: session.execute(newer))
        return await shout(version, value)

    await kept.upgrade("p", "t", 2, meanwhile)
    assert await texts(kept) == ["was changed by another"]


async def test_records_go_with_what_they_belong_to(database: Database, memory: Memory) -> None:
    """The rest of it is walked through in test_walk."""
    kept = memory.plugin_records
    direct = ConversationKey(server_id=None, channel_id=CHANNEL + 8)
    alone = ConversationKey(server_id=None, channel_id=ALICE)
    same_number = ConversationKey(server_id=SERVER + 1, channel_id=ALICE)
    await memory.keep_turn(turn(1, DIRECT, asker_id=ALICE))
    await put(kept, "of Alice", person_id=ALICE)
    for text, key in (("here", HERE), ("direct", DIRECT), ("alone", alone), ("same", same_number), ("else", direct)):
        await put(kept, text, key=key)
    assert (await memory.forget_person(ALICE)).records == 3
    assert await texts(kept) == ["else", "same", "here"]
    await Intake(database).accept(ask(2, asker_id=BOB, source=message(2), question="What?"), reply_to=None)
    await put(kept, "What?", job_id=ask(2).job_id)
    assert await memory.edit_question(message(2), "And now?")
    assert await texts(kept) == ["else", "same", "here"]
    assert (await memory.forget_place(direct)).records == 1
    gone = await memory.forget_server(SERVER)
    assert (gone.records, gone.is_nothing) == (1, False)
    assert await texts(kept) == ["same"]


async def test_records_fade_with_the_turn_they_belong_to(database: Database, memory: Memory) -> None:
    kept = memory.plugin_records
    for number in (1, 2):
        await memory.keep_turn(turn(number, asker_id=ALICE))
        await put(kept, f"{number}", job_id=turn(number).job_id)
    first = await memory.turn(turn(1).job_id)
    assert first is not None
    await memory.keep_summary(Summary(key=HERE, from_at=NOON, through_at=NOON, text="All."), [first])
    assert await memory.fade(before=NOON + minutes(9)) == 1
    assert await texts(kept) == ["2"]
