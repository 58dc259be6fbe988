"""What comes back for a question: the last turns, older ones that match, summaries, facts, moments of clips."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import Half, SummaryRow, TurnClipRow, TurnRow
from bot.domain.conversation import ClipRef, ConversationKey
from bot.domain.recollection import ClipMoment, Found, Recollection, Scope, Summary, Vector
from bot.memory import facts, passages, summaries, turns, vectors
from bot.memory.passages import Hit
from bot.memory.words import clip_place, place_of

_MOST_RECENT = 8
_MOST_OLDER = 4
_MOST_MOMENTS = 6
_MOST_OF_ONE_CLIP = 3
_MOST_FOCUS = 24
_MOST_FACTS = 20
_MOST_SUMMARIES = 3
_MOST_OLDER_SUMMARIES = 2
_TURNS_LOOKED_THROUGH = 2_000
_CLIPS_LOOKED_THROUGH = 300

_FUSED = 60
"""The constant of reciprocal rank fusion (Cormack, Clarke, Büttcher 2009)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ranked:
    """What was found, the best first: turns and summaries, and moments of clips."""

    said: list[Hit]
    seen: list[Hit]


async def recall(
    session: AsyncSession,
    scope: Scope,
    question: str,
    *,
    follows: str | None,
    clips: Collection[str],
    since: datetime,
    vector: Vector | None,
) -> Recollection:
    """See Memory.recall."""
    recent = await _recent(session, scope, follows, since)
    known = {row.job_id for row in recent}
    shown = {sha256: job for sha256, job in (await _clips_of(session, scope)).items() if sha256 not in clips}
    ranked = await _ranked(session, scope, question, vector, [*shown, *clips])
    older = _jobs(hit for hit in ranked.said if hit.job_id not in known)[:_MOST_OLDER]
    told = await turns.read(session, [*recent, *await _turn_rows(session, older)])
    moments = _few_of_each(hit for hit in ranked.seen if hit.sha256 in shown)[:_MOST_MOMENTS]
    focus = [hit for hit in ranked.seen if hit.sha256 in clips][:_MOST_FOCUS]
    rows = await passages.rows(session, [hit.passage_id for hit in (*moments, *focus)])
    refs = await _refs(session, scope, _of(shown, moments))
    return Recollection(
        recent=told[: len(recent)],
        older=tuple(sorted(told[len(recent) :], key=lambda turn: (turn.asked_at, turn.job_id))),
        summaries=await _summaries(session, scope, ranked.said),
        facts=await facts.newest(session, scope, _MOST_FACTS),
        moments=tuple(
            ClipMoment(clip=refs[row.sha256], moment=passages.moment_of(row)) for row in rows if row.sha256 in refs
        ),
        focus=tuple(passages.moment_of(row) for row in rows if row.sha256 in clips),
    )


async def search(
    session: AsyncSession, scope: Scope, wanted: str, *, vector: Vector | None, limit: int
) -> tuple[Found, ...]:
    """See Memory.search."""
    shown = await _clips_of(session, scope)
    ranked = await _ranked(session, scope, wanted, vector, shown)
    found = [hit for hit in _fuse([ranked.said, ranked.seen]) if hit.summary_id is None][:limit]
    rows = await _turn_rows(session, _jobs(found))
    about = {turn.job_id: turn for turn in await turns.read(session, rows)}
    seen = await passages.rows(session, [hit.passage_id for hit in found if hit.sha256 is not None])
    refs = await _refs(session, scope, _of(shown, found))
    moments = {row.passage_id: passages.moment_of(row) for row in seen}
    return tuple(
        Found(turn=about[hit.job_id])
        if hit.job_id is not None
        else Found(moment=ClipMoment(clip=refs[hit.sha256 or ""], moment=moments[hit.passage_id]))
        for hit in found
    )


async def _summaries(session: AsyncSession, scope: Scope, said: Iterable[Hit]) -> tuple[Summary, ...]:
    """The newest of the place, and before them those that match."""
    newest = select(SummaryRow).where(summaries.is_in(scope.key))
    newest = newest.order_by(SummaryRow.through_at.desc(), SummaryRow.summary_id.desc()).limit(_MOST_SUMMARIES)
    rows = list(await session.scalars(newest))
    known = {row.summary_id for row in rows}
    others = [hit.summary_id for hit in said if hit.summary_id is not None and hit.summary_id not in known]
    if others:
        matching = select(SummaryRow).where(SummaryRow.summary_id.in_(others[:_MOST_OLDER_SUMMARIES]))
        rows += await session.scalars(matching)
    return await summaries.read(session, sorted(rows, key=lambda row: (row.through_at, row.summary_id)))


async def _recent(session: AsyncSession, scope: Scope, follows: str | None, since: datetime) -> list[TurnRow]:
    """The chain, filled up with the newest turns of the place itself, oldest first. What is for one person alone may
    go on from an answer they read elsewhere."""
    within = () if scope.key.server_id is None else scope.keys
    chain = await turns.chain_rows(session, follows, _MOST_RECENT, within=within) if follows else []
    known = {row.job_id for row in chain}
    newest = await turns.recent_rows(session, scope.key, since, _MOST_RECENT)
    beside = [row for row in newest if row.job_id not in known]
    room = _MOST_RECENT - len(chain)
    both = (*chain, *(beside[-room:] if room else ()))
    return sorted(both, key=lambda row: (row.asked_at, row.job_id))


async def _ranked(
    session: AsyncSession, scope: Scope, question: str, vector: Vector | None, seen: Collection[str]
) -> _Ranked:
    """Among what was said in the scope and among the clips `seen`: by words, by meaning, and both fused."""
    query = await passages.prepare(session, question)
    said = [place_of(key) for key in scope.keys]
    shown = [clip_place(sha256) for sha256 in seen]
    by_words = [await passages.find(session, query, [*said, *shown])]
    by_meaning = [await vectors.nearest(session, vector, places) for places in (said, shown)] if vector else []
    rankings = [*by_words, *by_meaning]
    looks = {hit for ranking in rankings for hit in ranking if hit.half == Half.LOOKS}
    left_out = await _asked_elsewhere(session, scope, looks) if looks else set[Hit]()
    return _Ranked(
        said=_fuse([[hit for hit in ranking if hit.sha256 is None] for ranking in rankings]),
        seen=_fuse(
            [[hit for hit in ranking if hit.sha256 is not None and hit not in left_out] for ranking in rankings]
        ),
    )


async def _asked_elsewhere(session: AsyncSession, scope: Scope, looks: Collection[Hit]) -> set[Hit]:
    """What was found when a clip was looked at again answers what somebody asked; where the clip is known in another
    place as well, it may have been there."""
    about = (
        select(TurnClipRow.sha256, TurnRow.server_id, TurnRow.channel_id)
        .join(TurnRow, TurnRow.job_id == TurnClipRow.job_id)
        .where(TurnClipRow.sha256.in_({hit.sha256 for hit in looks}))
        .distinct()
    )
    elsewhere = {
        sha256
        for sha256, server_id, channel_id in await session.execute(about)
        if ConversationKey(server_id=server_id, channel_id=channel_id) not in scope.keys
    }
    return {hit for hit in looks if hit.sha256 in elsewhere}


def _fuse(rankings: Iterable[Sequence[Hit]]) -> list[Hit]:
    """Reciprocal rank fusion; of equals the newest come first."""
    scores: dict[Hit, float] = {}
    for ranking in rankings:
        for rank, hit in enumerate(ranking, start=1):
            scores[hit] = scores.get(hit, 0.0) + 1 / (_FUSED + rank)
    return sorted(scores, key=lambda hit: (-scores[hit], -hit.passage_id))


def _jobs(found: Iterable[Hit]) -> list[str]:
    return [hit.job_id for hit in found if hit.job_id is not None]


def _few_of_each(found: Iterable[Hit]) -> list[Hit]:
    """Not more than a few of one clip."""
    kept: list[Hit] = []
    times: Counter[str | None] = Counter()
    for hit in found:
        times[hit.sha256] += 1
        if times[hit.sha256] <= _MOST_OF_ONE_CLIP:
            kept.append(hit)
    return kept


def _of(shown: Mapping[str, str], found: Iterable[Hit]) -> dict[str, str]:
    """Those of the clips that were found."""
    return {hit.sha256: shown[hit.sha256] for hit in found if hit.sha256 is not None}


async def _clips_of(session: AsyncSession, scope: Scope) -> dict[str, str]:
    """The clips that the last turns of the scope were about, and for each the turn by which it was seen last. In a
    server only those that were posted in the scope or given to a command there: others were linked by somebody who may
    see more."""
    shown: list[tuple[datetime, str, str]] = []
    for key in scope.keys:
        last = select(TurnRow.job_id, TurnRow.asked_at).where(turns.is_in(key)).order_by(TurnRow.asked_at.desc())
        last = last.limit(_TURNS_LOOKED_THROUGH).subquery()
        wanted = select(last.c.asked_at, last.c.job_id, TurnClipRow.sha256).where(_may_surface(scope))
        wanted = wanted.join(TurnClipRow, TurnClipRow.job_id == last.c.job_id)
        found = await session.execute(wanted.order_by(last.c.asked_at.desc()).limit(_CLIPS_LOOKED_THROUGH))
        shown += [(asked_at, job_id, sha256) for asked_at, job_id, sha256 in found]
    return {sha256: job_id for _, job_id, sha256 in sorted(shown)}


async def _refs(session: AsyncSession, scope: Scope, shown: Mapping[str, str]) -> dict[str, ClipRef]:
    """Where these clips were seen by these turns."""
    wanted = select(TurnClipRow).where(TurnClipRow.job_id.in_({*shown.values()}), _may_surface(scope))
    rows = await session.scalars(wanted.order_by(TurnClipRow.position)) if shown else ()
    return {row.sha256: turns.clip_of(row) for row in rows if shown.get(row.sha256) == row.job_id}


def _may_surface(scope: Scope) -> ColumnElement[bool]:
    """Whether a clip of a turn was shown to everybody who reads the place."""
    if scope.key.server_id is None:
        return true()
    return TurnClipRow.channel_id.in_([key.channel_id for key in scope.keys]) | (TurnClipRow.message_id == 0)


async def _turn_rows(session: AsyncSession, jobs: Sequence[str]) -> list[TurnRow]:
    """In the order of the jobs."""
    if not jobs:
        return []
    by_job = {row.job_id: row for row in await session.scalars(select(TurnRow).where(TurnRow.job_id.in_(jobs)))}
    return [by_job[job] for job in jobs if job in by_job]
