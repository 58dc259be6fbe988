"""Whatever is forgotten stands in no table, index, log, copy, backup, cached file or queued job, and nothing else goes.

A table that is new fails here until it is known what forgetting does to it.
"""

import shutil
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.backup import back_up
from bot.database.codec import to_json
from bot.database.engine import Database
from bot.database.tables import (
    Base,
    FindingRow,
    PassageRow,
    PluginRecordRow,
    QuarantineRow,
    SummaryMarkRow,
    SummaryRow,
    TurnRow,
    VectorRow,
)
from bot.database.where import Where
from bot.domain.conversation import ClipRef, ConversationKey, MessageRef, PlaceSettings
from bot.domain.media import MediaKind, MediaProbe
from bot.domain.money import Account
from bot.domain.recollection import Fact, Scope
from bot.domain.speech import Segment
from bot.domain.standing import BlockKind
from bot.domain.timeline import Caption, Moment, MomentKind
from bot.domain.understanding import Heard, Look, LookKind, Seen
from bot.jobs.bookings import Caps
from bot.jobs.intake import Intake
from bot.jobs.ledger import Ledger
from bot.jobs.order import Order, Outcome, State
from bot.jobs.quarantine import Quarantine
from bot.jobs.steps import Steps
from bot.jobs.table import JobTable
from bot.media.cache import ClipCache
from bot.memory.consents import MEMORY
from bot.memory.house_rules import HouseRules
from bot.memory.store import Memory
from bot.memory.words import search_words
from bot.services.forget import ForgetService
from tests.databases import POSTGRESQL, SQLITE

from ..database.material import CHANNEL, HERE, NOON, SERVER, ask, message, minutes, source, turn
from .canaries import Canary, canaries, files, tables

ALICE, BOB = 42, 43
THERE = ConversationKey(server_id=SERVER, channel_id=CHANNEL + 1)
ELSEWHERE = ConversationKey(server_id=SERVER + 1, channel_id=CHANNEL + 2)
DIRECT_OF = {person: ConversationKey(server_id=None, channel_id=CHANNEL + person) for person in (ALICE, BOB)}
PLACES = (HERE, THERE, ELSEWHERE)
AT_HOME = {
    "asked": "turns",
    "answered": "turns",
    "named": "turns",
    "pinned": "facts",
    "shown": "findings",
    "looked": "findings",
    "queued": "asks",
    "echoed": "turns",
    "recorded": "plugin_records",
    "noted": "plugin_records",
    "placed": "plugin_records",
}
"""What is told, and where it stands in the first place."""


@dataclass(slots=True)
class Told:
    """What one person left in one place, each with words of its own."""

    person: int
    key: ConversationKey
    number: int
    asked: Canary
    answered: Canary
    named: Canary
    pinned: Canary
    shown: Canary
    looked: Canary
    queued: Canary
    echoed: Canary
    """Said to somebody else, in an answer that rests on the first of these."""
    recorded: Canary
    """By a plugin, of the person; `noted` of what they asked, `placed` of the place alone."""
    noted: Canary
    placed: Canary

    @property
    def own(self) -> tuple[Canary, ...]:
        """What is of this person alone, whatever the place."""
        turn = (self.asked, self.answered, self.named, self.noted)
        return (*turn, self.pinned, self.shown, self.looked, self.queued, self.recorded)

    @property
    def all(self) -> tuple[Canary, ...]:
        """In a direct message nobody else is told."""
        here = (*self.own, self.placed)
        return here if self.key.server_id is None else (*here, self.echoed)

    @property
    def question(self) -> MessageRef:
        return message(self.number, self.key.channel_id)

    @property
    def clip(self) -> ClipRef:
        posted = source(self.number + 1, self.key.channel_id)
        url = f"https://cdn.example/{self.shown}"
        return ClipRef(sha256=self.sha256, source=replace(posted, author_id=self.person, url=url))

    @property
    def posted(self) -> MessageRef:
        return message(self.number + 1, self.key.channel_id)

    @property
    def sha256(self) -> str:
        return f"{self.number:064x}"


@dataclass(slots=True)
class World:
    memory: Memory
    database: Database
    where: Where
    service: ForgetService
    told: list[Told] = field(default_factory=list)

    def of(self, person: int, key: ConversationKey) -> Told:
        return next(told for told in self.told if (told.person, told.key) == (person, key))


@pytest.fixture
async def world(database: Database, where: Where) -> World:
    memory = Memory(database, clock=lambda: NOON)
    folder = where.directory / "cache"
    folder.mkdir()
    cache = ClipCache(folder, max_bytes=2**30, keep_seconds=3600)
    made = World(memory, database, where, ForgetService(memory, cache, keep_days=30, clock=lambda: NOON))
    words = canaries()
    places = [(person, key) for key in PLACES for person in (ALICE, BOB)]
    places += [(person, DIRECT_OF[person]) for person in (ALICE, BOB)]
    for number, (person, key) in enumerate(places):
        named = {what: replace(next(words), name=f"{what} by {person} in place {number}") for what in AT_HOME}
        told = Told(person=person, key=key, number=100 * (number + 1), **named)
        await _tell(made, told)
        made.told.append(told)
    for told in made.told:
        await _talk_about(made, told)
        await _record(made, told)
    await _index(made)
    if where.url is None:
        shutil.copy(where.file, where.directory / "kibitz.db.0001.20261125T000000000000Z.copy")
    condemned = insert(QuarantineRow).values(sha256="nobody's", until=NOON + minutes(9))
    await database.write(lambda session: session.execute(condemned))
    rules = HouseRules(database)
    await rules.block(BlockKind.PERSON, CHANNEL)
    await rules.pause("The house is being painted.")
    await back_up(where)
    return made


async def _tell(world: World, told: Told) -> None:
    """A clip, looked at; a turn about it; a fact; a question that waits; choices and settings."""
    memory, number, key = world.memory, told.number, told.key
    await memory.keep_digest(told.clip.source, told.sha256)
    probe = MediaProbe(kind=MediaKind.VIDEO, container="mp4", size_bytes=1, duration_seconds=9.0)
    await memory.keep_facts(told.sha256, probe)
    seen = Seen(captions=(Caption(at_seconds=0.0, since_seconds=0.0, text=f"{told.shown}"),), end_seconds=9.0)
    await memory.keep_seen(told.sha256, "r", seen, fresh_until=None)
    heard = Heard(segments=(Segment(start_seconds=0.0, end_seconds=1.0, text=f"{told.shown}"),), end_seconds=9.0)
    await memory.keep_heard(told.sha256, "r", heard, fresh_until=None)
    moment = Moment(kind=MomentKind.TEXT, start_seconds=0.0, end_seconds=1.0, text=f"{told.looked}")
    look = Look(kind=LookKind.LOOK, start_seconds=0.0, end_seconds=1.0, question=f"{told.looked}", moments=(moment,))
    await memory.keep_look(told.sha256, "r", look)
    await memory.keep_turn(
        turn(
            number,
            key,
            asker_id=told.person,
            asker_name=f"{told.named}",
            asked_at=NOON - minutes(number),
            question=f"What about {told.asked}?",
            answer=f"It is {told.answered}.",
            clips=(told.clip,),
            source=told.question,
        )
    )
    await memory.add_reply(turn(number).job_id, message(number + 2, key.channel_id))
    await memory.keep_fact(Fact(key=key, author_id=told.person, said_at=NOON, text=f"{told.pinned}"))
    waits = ask(
        number + 3, key, asker_id=told.person, question=f"{told.queued}", source=message(number + 3, key.channel_id)
    )
    intake = Intake(world.database)
    await intake.accept(waits, reply_to=None, token=f"{told.queued}".encode())
    await intake.posting(waits.job_id, f"{told.queued}")
    await Steps(world.database).put(waits.job_id, f"key {told.queued}", f"{told.queued}".encode())
    account = Account(job_id=waits.job_id, person_id=told.person, server_id=key.server_id)
    await Ledger(world.database, Caps(), clock=lambda: NOON).reserve(account, role="chat", model="m", usd=0.1)
    await Intake(world.database).claimed(waits.job_id)
    await Quarantine(world.database, clock=lambda: NOON).check(waits.job_id, f"{told.queued}")
    jobs = JobTable(world.database)
    await jobs.put(Order(ask=waits, place=PlaceSettings()))
    begun = await jobs.claim("a worker", lease_seconds=60)
    assert begun is not None
    await jobs.report(begun, "a worker", progress=f'["{told.queued}"]', text=f"So far {told.queued}")
    outcome = Outcome(result=f"{told.queued}", data=f"{told.queued}".encode(), error=f"{told.queued}")
    await jobs.end(begun, "a worker", State.DONE, outcome)
    await memory.choose(told.person, MEMORY, is_given=True)
    await memory.change_settings(key.server_id, key.channel_id, {"language": "zh-CN"})
    (world.where.directory / "cache" / told.sha256).write_bytes(f"{told.shown}".encode())


async def _record(world: World, told: Told) -> None:
    """A plugin keeps something of the person, of the place, and of each job: asked, waiting, answered to somebody."""
    number, here = told.number, {"server_id": told.key.server_id, "channel_id": told.key.channel_id}
    belonging: list[tuple[Canary, dict[str, Any]]] = [
        (told.recorded, {"person_id": told.person, **here}),
        (told.placed, here),
        (told.noted, {"job_id": turn(number).job_id}),
        (told.queued, {"job_id": ask(number + 3).job_id}),
    ]
    if told.key.server_id is not None:
        belonging.append((told.echoed, {"job_id": turn(number + 10).job_id, **here}))
    alike = {"plugin": "p", "name": "t", "version": 1, "kept_at": NOON}
    rows = [PluginRecordRow(**alike, value=to_json({"text": f"{words}"}), **more) for words, more in belonging]

    async def keep(session: AsyncSession) -> None:
        session.add_all(rows)

    await world.database.write(keep)


async def _talk_about(world: World, told: Told) -> None:
    """Somebody else in the same server gets an answer that repeats what was told, and another about the clip; a
    summary rests on both."""
    if told.key.server_id is None:
        return
    other = world.of(BOB if told.person == ALICE else ALICE, told.key)
    number = told.number + 10
    await world.memory.keep_turn(
        turn(
            number,
            told.key,
            asker_id=other.person,
            people=(told.person,),
            question="Who said that?",
            answer=f"It was {told.asked}, {told.echoed}.",
        )
    )
    asked = {"asker_id": other.person, "question": "And the clip?", "answer": f"There is {told.shown}."}
    await world.memory.keep_turn(turn(number + 1, told.key, clips=(told.clip,), **asked))
    await _summarise(world, told, jobs=(told.number, number, number + 1), people=(told.person, other.person))


async def _summarise(world: World, told: Told, *, jobs: tuple[int, ...], people: tuple[int, ...]) -> None:
    row = SummaryRow(
        server_id=told.key.server_id,
        channel_id=told.key.channel_id,
        from_at=NOON,
        through_at=NOON,
        text=f"{told.asked} {told.echoed} {told.shown}",
    )
    marks = {*(f"person:{person}" for person in people), *(f"job:{turn(job).job_id}" for job in jobs)}
    marks |= {f"clip:{told.sha256}", f"message:{told.key.channel_id}:{told.posted.message_id}"}

    async def keep(session: AsyncSession) -> None:
        session.add(row)
        await session.flush()
        session.add_all(SummaryMarkRow(summary_id=row.summary_id, mark=mark) for mark in marks)

    await world.database.write(keep)


async def _index(world: World) -> None:
    """What has no passage yet gets one, and each passage a vector."""

    async def keep(session: AsyncSession) -> None:
        turns = {row.job_id: f"{row.question} {row.answer}" for row in await session.scalars(select(TurnRow))}
        summaries = {row.summary_id: row.text for row in await session.scalars(select(SummaryRow))}
        findings = {(row.sha256, row.half): row.value for row in await session.scalars(select(FindingRow))}
        for row in await session.scalars(select(PassageRow)):
            turns.pop(row.job_id, None)
            summaries.pop(row.summary_id, None)
            findings.pop((row.sha256, row.half), None)
        session.add_all(
            PassageRow(job_id=job, place="here", words=" ".join(search_words(said))) for job, said in turns.items()
        )
        session.add_all(
            PassageRow(summary_id=one, place="here", words=" ".join(search_words(said)))
            for one, said in summaries.items()
        )
        session.add_all(
            PassageRow(
                sha256=sha256, half=half, shown=said, speaker=said, place="here", words=" ".join(search_words(said))
            )
            for (sha256, half), said in findings.items()
        )
        await session.flush()
        session.add_all(
            VectorRow(passage_id=row.passage_id, model="m", value=row.words.encode())
            for row in await session.scalars(select(PassageRow))
        )

    await world.database.write(keep)


Forgetting = Callable[[World], Awaitable[set[Canary]]]


def everything_of(world: World, person: int, *keys: ConversationKey) -> set[Canary]:
    places = [told for told in world.told if told.person == person and (not keys or told.key in keys)]
    return {canary for told in places for canary in told.all}


async def person(world: World) -> set[Canary]:
    await world.service.person(ALICE)
    return _of_alice(world)


async def opting_out(world: World) -> set[Canary]:
    await world.service.opt_out(ALICE)
    assert await world.memory.opted_out(ALICE, BOB) == {ALICE}
    return _of_alice(world)


def _of_alice(world: World) -> set[Canary]:
    """With what she was told of Bob's, and how she had his clips looked at again; what was set in a place of several
    stays."""
    told_by_bob = [told for told in world.told if told.person == BOB and told.key.server_id is not None]
    among_others = {told.placed for told in world.told if told.key.server_id is not None}
    gone = everything_of(world, ALICE) | {word for told in told_by_bob for word in (told.echoed, told.looked)}
    return gone - among_others


async def channel(world: World) -> set[Canary]:
    await world.service.place(HERE)
    return everything_of(world, ALICE, HERE) | everything_of(world, BOB, HERE)


async def direct_messages(world: World) -> set[Canary]:
    await world.service.place(DIRECT_OF[ALICE])
    return everything_of(world, ALICE, DIRECT_OF[ALICE])


async def server(world: World) -> set[Canary]:
    await world.service.server(SERVER)
    return everything_of(world, ALICE, HERE, THERE) | everything_of(world, BOB, HERE, THERE)


async def clip(world: World) -> set[Canary]:
    told = world.of(ALICE, HERE)
    await world.service.clip(told.sha256, HERE)
    return {told.shown, told.looked, told.asked, told.answered, told.named, told.noted, told.echoed}


async def posted_message(world: World) -> set[Canary]:
    told = world.of(ALICE, HERE)
    await world.service.message(told.posted)
    return {told.shown, told.looked, told.asked, told.answered, told.named, told.noted, told.echoed}


async def asking_message(world: World) -> set[Canary]:
    told = world.of(ALICE, HERE)
    await world.service.message(told.question)
    return {told.asked, told.answered, told.named, told.noted, told.echoed, told.looked}


async def waiting_message(world: World) -> set[Canary]:
    told = world.of(ALICE, HERE)
    await world.service.message(message(told.number + 3, told.key.channel_id))
    return {told.queued}


async def message_of_ours(world: World) -> set[Canary]:
    told = world.of(ALICE, HERE)
    await world.service.message(message(told.number + 2, told.key.channel_id))
    return set()


async def answer(world: World) -> set[Canary]:
    told = world.of(ALICE, HERE)
    await world.service.turn(turn(told.number).job_id)
    return {told.asked, told.answered, told.named, told.noted, told.echoed, told.looked}


async def fact(world: World) -> set[Canary]:
    told = world.of(ALICE, HERE)
    (pinned,) = [one for one in await world.memory.pinned(Scope(key=HERE)) if one.author_id == ALICE]
    assert await world.service.fact(pinned.fact_id)
    assert not await world.service.fact(pinned.fact_id)
    return {told.pinned}


async def edited_question(world: World) -> set[Canary]:
    told = world.of(ALICE, HERE)
    assert await world.service.edited(told.question, "What about something else?")
    assert not await world.service.edited(told.question, "What about something else?")
    return {told.asked, told.noted, told.echoed, told.looked}


KINDS: tuple[Forgetting, ...] = (
    person,
    opting_out,
    channel,
    direct_messages,
    server,
    clip,
    posted_message,
    asking_message,
    waiting_message,
    message_of_ours,
    answer,
    fact,
    edited_question,
)


def holding(canary: Canary, found: dict[str, bytes]) -> set[str]:
    return {name for name, held in found.items() if canary.is_in(held)}


async def test_every_table_is_filled(world: World) -> None:
    filled = {name for name, held in (await tables(world.database)).items() if held}
    assert filled >= set(Base.metadata.tables)
    everywhere = [canary for told in world.told for canary in told.own]
    on_disk = b"".join(files(world.where).values())
    assert [canary for canary in everywhere if not canary.is_in(*(await tables(world.database)).values())] == []
    if world.where.url is None:
        assert [canary for canary in everywhere if not canary.is_in(on_disk)] == []


@pytest.mark.parametrize(
    ("where", "forget"),
    [(SQLITE, kind) for kind in KINDS] + [(POSTGRESQL, kind) for kind in (person, server, clip, answer, fact)],
    indirect=["where"],
)
async def test_what_is_forgotten_stands_nowhere_and_nothing_else_goes(world: World, forget: Forgetting) -> None:
    gone = await forget(world)
    await world.service.aclose()
    after = await tables(world.database)
    left = {**after, **files(world.where)}
    assert {canary.name: holding(canary, left) for canary in gone if holding(canary, left)} == {}
    kept = {canary for told in world.told for canary in told.all} - gone
    lost = {canary.name for canary in kept if not canary.is_in(after[AT_HOME[canary.name.split()[0]]])}
    assert lost == set()
