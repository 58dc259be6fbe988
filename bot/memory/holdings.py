"""What is kept of a place or of a person, for people to read."""

from collections import defaultdict
from dataclasses import replace

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import read_heard, read_looks, read_probe, read_seen
from bot.database.tables import (
    ClipRow,
    FactRow,
    FindingRow,
    Half,
    SummaryMarkRow,
    SummaryRow,
    TurnClipRow,
    TurnRow,
)
from bot.domain.conversation import ConversationKey
from bot.domain.recollection import HeldClip, Holdings, Overview, Scope, Summary
from bot.domain.timeline import Moment, Timeline
from bot.memory import consents, facts, requests, turns
from bot.memory.parts import in_parts
from bot.memory.posts import clips_of, posts_where, was_posted_by

_PERSON = "person:"


async def overview(session: AsyncSession, scope: Scope) -> Overview:
    """What is kept of the place itself, with the facts that may surface there."""
    is_here = turns.is_in(scope.key)
    turn_count = await session.scalar(select(func.count()).select_from(TurnRow).where(is_here))
    oldest = await session.scalar(select(func.min(TurnRow.asked_at)).where(is_here))
    clip_count = await session.scalar(
        select(func.count(TurnClipRow.sha256.distinct()))
        .join(TurnRow, TurnRow.job_id == TurnClipRow.job_id)
        .where(is_here)
    )
    is_of_place = (SummaryRow.server_id == scope.key.server_id) & (SummaryRow.channel_id == scope.key.channel_id)
    summaries = await _summaries(session, is_of_place)
    begun = [*(summary.from_at for summary in summaries), *([] if oldest is None else [oldest])]
    return Overview(
        turn_count=turn_count or 0,
        clip_count=clip_count or 0,
        oldest_at=min(begun, default=None),
        summaries=summaries,
        facts=await facts.pinned(session, scope),
    )


async def holdings(session: AsyncSession, person_id: int) -> Holdings:
    """All of one person, everywhere. Summaries that rest on others' words as well come without their words: they are
    of places that the person may not see any more."""
    rows = (await session.scalars(select(TurnRow).where(TurnRow.asker_id == person_id).order_by(*_OLDEST_FIRST))).all()
    posted = {post.sha256 for post in await posts_where(session, was_posted_by(person_id))}
    theirs = select(TurnClipRow.sha256).where(TurnClipRow.author_id == person_id)
    posted.update(await session.scalars(theirs))
    asked = await clips_of(session, [row.job_id for row in rows])
    marked = select(SummaryMarkRow.summary_id).where(SummaryMarkRow.mark == f"{_PERSON}{person_id}")
    summaries = await _summaries(session, SummaryRow.summary_id.in_(marked))
    return Holdings(
        person_id=person_id,
        turns=await turns.read(session, rows),
        facts=await facts.select_facts(session, FactRow.author_id == person_id),
        clips=await _clips(session, posted, asked),
        summaries=tuple(_of_one(summary, person_id) for summary in summaries),
        waiting=await requests.waiting(session, person_id),
        consents=await consents.chosen(session, person_id),
    )


_OLDEST_FIRST = (TurnRow.asked_at, TurnRow.job_id)


async def _clips(session: AsyncSession, posted: set[str], asked: set[str]) -> tuple[HeldClip, ...]:
    """What was found in a clip is told to whoever posted it."""
    probes: dict[str, str | None] = {}
    moments: defaultdict[str, list[Moment]] = defaultdict(list)
    for part in in_parts(sorted(posted | asked)):
        facts_of = select(ClipRow.sha256, ClipRow.facts).where(ClipRow.sha256.in_(part))
        for sha256, words in await session.execute(facts_of):
            probes[sha256] = words
        for row in await session.scalars(select(FindingRow).where(FindingRow.sha256.in_(set(part) & posted))):
            moments[row.sha256] += _moments(row)
    return tuple(
        HeldClip(
            sha256=sha256,
            duration_seconds=_duration(probes[sha256]),
            was_posted=sha256 in posted,
            moments=tuple(sorted(dict.fromkeys(moments[sha256]), key=lambda moment: moment.start_seconds)),
        )
        for sha256 in sorted(probes)
    )


def _moments(row: FindingRow) -> tuple[Moment, ...]:
    """None of what another version wrote."""
    if row.half == Half.LOOKS:
        return tuple(moment for look in read_looks(row.value) for moment in look.moments)
    if row.half == Half.HEARD:
        heard = read_heard(row.value)
        return () if heard is None else Timeline.weave(duration_seconds=0.0, segments=heard.segments).moments
    seen = read_seen(row.value)
    if seen is None:
        return ()
    woven = Timeline.weave(duration_seconds=seen.end_seconds, captions=seen.captions, uncaptioned=seen.uncaptioned)
    return woven.moments


def _duration(probe: str | None) -> float | None:
    facts_of_file = None if probe is None else read_probe(probe)
    return None if facts_of_file is None else facts_of_file.duration_seconds


async def _summaries(session: AsyncSession, which: ColumnElement[bool]) -> tuple[Summary, ...]:
    """Oldest first."""
    rows = (await session.scalars(select(SummaryRow).where(which).order_by(SummaryRow.through_at))).all()
    people: defaultdict[int, list[int]] = defaultdict(list)
    for part in in_parts(row.summary_id for row in rows):
        is_person = SummaryMarkRow.summary_id.in_(part) & SummaryMarkRow.mark.startswith(_PERSON)
        for mark in await session.scalars(select(SummaryMarkRow).where(is_person)):
            people[mark.summary_id].append(int(mark.mark.removeprefix(_PERSON)))
    return tuple(
        Summary(
            key=ConversationKey(server_id=row.server_id, channel_id=row.channel_id),
            from_at=row.from_at,
            through_at=row.through_at,
            text=row.text,
            people=tuple(sorted(people[row.summary_id])),
        )
        for row in rows
    )


def _of_one(summary: Summary, person_id: int) -> Summary:
    return summary if summary.people == (person_id,) else replace(summary, text="", people=(person_id,))
