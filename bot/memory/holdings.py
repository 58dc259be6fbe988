"""What is kept of a place or of a person, for people to read."""

from collections import defaultdict
from dataclasses import replace

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import read_probe
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
from bot.domain.recollection import HeldClip, Holdings, Overview, Scope, Summary
from bot.domain.timeline import Moment
from bot.memory import consents, facts, passages, records, requests, summaries, turns
from bot.memory.parts import in_parts
from bot.memory.posts import clips_of, posts_where, was_posted_by


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
    summed_up = await _summaries(session, summaries.is_in(scope.key))
    begun = [*(summary.from_at for summary in summed_up), *([] if oldest is None else [oldest])]
    return Overview(
        turn_count=turn_count or 0,
        clip_count=clip_count or 0,
        oldest_at=min(begun, default=None),
        summaries=summed_up,
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
    marked = select(SummaryMarkRow.summary_id).where(SummaryMarkRow.mark == f"{summaries.PERSON}{person_id}")
    summed_up = await _summaries(session, SummaryRow.summary_id.in_(marked))
    return Holdings(
        person_id=person_id,
        turns=await turns.read(session, rows),
        facts=await facts.select_facts(session, FactRow.author_id == person_id),
        clips=await _clips(session, posted, asked),
        summaries=tuple(_of_one(summary, person_id) for summary in summed_up),
        waiting=await requests.waiting(session, person_id),
        consents=await consents.chosen(session, person_id),
        plugins=await records.held_of(session, person_id),
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
            moments[row.sha256] += passages.found_moments(Half(row.half), row.value)
    return tuple(
        HeldClip(
            sha256=sha256,
            duration_seconds=_duration(probes[sha256]),
            was_posted=sha256 in posted,
            moments=tuple(sorted(dict.fromkeys(moments[sha256]), key=lambda moment: moment.start_seconds)),
        )
        for sha256 in sorted(probes)
    )


def _duration(probe: str | None) -> float | None:
    facts_of_file = None if probe is None else read_probe(probe)
    return None if facts_of_file is None else facts_of_file.duration_seconds


async def _summaries(session: AsyncSession, which: ColumnElement[bool]) -> tuple[Summary, ...]:
    """Oldest first."""
    rows = await session.scalars(select(SummaryRow).where(which).order_by(SummaryRow.through_at))
    return await summaries.read(session, rows.all())


def _of_one(summary: Summary, person_id: int) -> Summary:
    return summary if summary.people == (person_id,) else replace(summary, text="", people=(person_id,))
