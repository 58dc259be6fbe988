"""What is kept of a place and of a person, complete, and nothing of anybody else."""

from dataclasses import replace

from bot.database.engine import Database
from bot.domain.conversation import ClipRef, ConversationKey
from bot.domain.media import MediaKind, MediaProbe
from bot.domain.recollection import Fact, HeldClip, Holdings, Overview, Scope, Summary
from bot.domain.speech import Segment
from bot.domain.timeline import Caption, Moment, MomentKind
from bot.domain.understanding import Heard, Look, LookKind, Seen
from bot.jobs.intake import Intake
from bot.memory.consents import MEMORY
from bot.memory.store import Memory

from ..database.material import CHANNEL, HERE, NOON, SERVER, ask, clip, message, minutes, source, turn

ALICE, BOB = 42, 43
THERE = ConversationKey(server_id=SERVER, channel_id=CHANNEL + 1)
PROBE = MediaProbe(kind=MediaKind.VIDEO, container="mp4", size_bytes=1, duration_seconds=9.0)


def posted(number: int, person: int) -> ClipRef:
    return ClipRef(sha256=clip(number).sha256, source=replace(source(number), author_id=person))


async def fill(database: Database) -> Memory:
    memory = Memory(database, clock=lambda: NOON)
    for number, person in ((1, ALICE), (2, BOB)):
        about = posted(number, person)
        await memory.keep_digest(about.source, about.sha256)
        await memory.keep_facts(about.sha256, PROBE)
        seen = Seen(captions=(Caption(at_seconds=0.0, since_seconds=0.0, text=f"shown {number}"),), end_seconds=9.0)
        await memory.keep_seen(about.sha256, "r1", seen, fresh_until=None)
        await memory.keep_seen(about.sha256, "r2", seen, fresh_until=None)
        heard = Heard(segments=(Segment(start_seconds=1.0, end_seconds=2.0, text=f"said {number}"),))
        await memory.keep_heard(about.sha256, "r1", heard, fresh_until=None)
        moment = Moment(kind=MomentKind.TEXT, start_seconds=0.5, end_seconds=1.0, text=f"read {number}")
        look = Look(kind=LookKind.LOOK, start_seconds=0.0, end_seconds=1.0, moments=(moment,))
        await memory.keep_look(about.sha256, "r1", look)
        await memory.keep_turn(turn(number, asker_id=person, clips=(posted(1, ALICE), posted(2, BOB))))
        await memory.keep_fact(Fact(key=HERE, author_id=person, said_at=NOON, text=f"fact {number}"))
        waiting = ask(number + 10, asker_id=person, question=f"waiting {number}", source=message(number + 10))
        await Intake(database).accept(waiting, reply_to=None)
    alone = turn(3, THERE, asker_id=ALICE)
    await memory.keep_turn(alone)
    await memory.keep_summary(Summary(key=THERE, from_at=NOON, through_at=NOON, text="Alone."), [alone])
    both = [turn(number, asker_id=person) for number, person in ((1, ALICE), (2, BOB))]
    kept = [one for job in both if (one := await memory.turn(job.job_id)) is not None]
    await memory.keep_summary(Summary(key=HERE, from_at=NOON, through_at=NOON + minutes(1), text="Both."), kept)
    await memory.choose(ALICE, MEMORY, is_given=True)
    for number, person in ((1, ALICE), (2, BOB)):
        of_both = {"person_id": BOB, "job_id": turn(1).job_id}
        for what, more in (
            ("person", {"person_id": person}),
            ("turn", {"job_id": turn(number).job_id}),
            ("waiting", {"job_id": ask(number + 10).job_id}),
            ("both", of_both),
            ("place", {}),
        ):
            await memory.plugin_records.put("p", what, {"of": person}, version=1, key=HERE, **more)
    return memory


async def test_holdings_are_everything_of_one_person(database: Database) -> None:
    memory = await fill(database)
    held = await memory.holdings(ALICE)
    assert [one.job_id for one in held.turns] == [turn(1).job_id, turn(3).job_id]
    assert [fact.text for fact in held.facts] == ["fact 1"]
    assert held.waiting == ("waiting 1",)
    assert held.consents == ((MEMORY, True, NOON),)
    assert [(summary.text, summary.people) for summary in held.summaries] == [("Alone.", (ALICE,)), ("", (ALICE,))]
    assert [held.record.value["of"] for held in held.plugins] == [ALICE] * 3
    assert [(held.plugin, held.record.table) for held in held.plugins] == [
        ("p", "person"),
        ("p", "turn"),
        ("p", "waiting"),
    ]
    own, other = held.clips
    assert [(moment.kind, moment.text) for moment in own.moments] == [
        (MomentKind.SEEN, "shown 1"),
        (MomentKind.TEXT, "read 1"),
        (MomentKind.HEARD, "said 1"),
    ]
    assert (own.sha256, own.was_posted, own.duration_seconds) == (clip(1).sha256, True, 9.0)
    assert other == HeldClip(sha256=clip(2).sha256, duration_seconds=9.0, was_posted=False)


async def test_after_forgetting_only_choices_are_held(database: Database) -> None:
    memory = await fill(database)
    before = await memory.holdings(BOB)
    await memory.forget_person(ALICE)
    assert await memory.holdings(ALICE) == Holdings(person_id=ALICE, consents=((MEMORY, True, NOON),))
    after = await memory.holdings(BOB)
    assert (after.facts, after.waiting) == (before.facts, before.waiting)


async def test_nothing_is_held_of_somebody_unknown(memory: Memory) -> None:
    assert await memory.holdings(ALICE) == Holdings(person_id=ALICE)


async def test_an_overview_is_of_one_place(database: Database) -> None:
    memory = await fill(database)
    seen = await memory.overview(Scope(key=HERE))
    assert (seen.turn_count, seen.clip_count, seen.oldest_at) == (2, 2, NOON)
    assert ([one.text for one in seen.summaries], [one.text for one in seen.facts]) == (["Both."], ["fact 1", "fact 2"])
    there = await memory.overview(Scope(key=THERE, also=(CHANNEL,)))
    assert (there.turn_count, there.clip_count, [one.text for one in there.facts]) == (1, 0, ["fact 1", "fact 2"])
    nowhere = ConversationKey(server_id=SERVER, channel_id=CHANNEL + 5)
    assert await memory.overview(Scope(key=nowhere)) == Overview(
        turn_count=0, clip_count=0, oldest_at=None, summaries=(), facts=()
    )
