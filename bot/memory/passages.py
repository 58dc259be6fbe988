"""Rows of passages: what can be found of turns, summaries and clips, and the full-text search over them.

Narrowed to places before anything is ranked. The index is FTS5 on SQLite (https://www.sqlite.org/fts5.html) and a
tsvector on PostgreSQL; both hold the words of memory/words.py, so that the same is found in both.
"""

import json
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.codec import read_heard, read_looks, read_seen
from bot.database.tables import Half, PassageRow
from bot.domain.conversation import Turn
from bot.domain.recollection import Summary
from bot.domain.timeline import Moment, MomentKind, Timeline
from bot.domain.understanding import Heard, Seen
from bot.memory.words import clip_place, place_of, search_words

_MOST_WORDS_COUNTED = 40
_MOST_QUERY_WORDS = 8
_COMMON_FROM = 2_000
"""A word that stands in so many passages finds nothing by itself."""

_LOOKED_THROUGH = 2_000
_LOOKED_THROUGH_OF_COMMON = 300
_LEAST_SHARE = 0.4

_FIND = {  # CROSS JOIN and + keep SQLite from beginning with the places, which can hold many more passages
    "sqlite": """
        SELECT p.passage_id, p.place, p.job_id, p.summary_id, p.sha256, p.half, p.words
        FROM passages_fts f CROSS JOIN passages p ON p.passage_id = f.rowid
        WHERE passages_fts MATCH :query AND +p.place IN (SELECT value FROM json_each(:places))
        ORDER BY f.rowid DESC LIMIT :most
    """,
    "postgresql": """
        SELECT passage_id, place, job_id, summary_id, sha256, half, words FROM passages
        WHERE place IN (SELECT json_array_elements_text(CAST(:places AS json)))
            AND search @@ to_tsquery('simple', :query)
        ORDER BY passage_id DESC LIMIT :most
    """,
}
_COUNT = {
    "sqlite": """
        SELECT value, (SELECT count(*) FROM
            (SELECT 1 FROM passages_fts WHERE passages_fts MATCH 'words:"' || value || '"' LIMIT :most)),
            (SELECT max(passage_id) FROM passages)
        FROM json_each(:words)
    """,
    "postgresql": """
        SELECT value, (SELECT count(*) FROM
            (SELECT 1 FROM passages WHERE search @@ plainto_tsquery('simple', value) LIMIT :most) AS found),
            (SELECT max(passage_id) FROM passages)
        FROM json_array_elements_text(CAST(:words AS json)) AS value
    """,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A passage that was found: of a turn, of a summary, or of a half of a clip."""

    passage_id: int
    place: str
    job_id: str | None = None
    summary_id: int | None = None
    sha256: str | None = None
    half: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A question as search words with their weights (inverse document frequency, Spärck Jones 1972). A passage is
    looked at that holds one of `telling`, or all words where every one is common."""

    weights: dict[str, float] = field(repr=False)
    telling: tuple[str, ...] = field(repr=False)

    def share(self, words: str) -> float:
        """How much of the question's weight stands in the words of a passage, from 0 to 1."""
        held = set(words.split())
        return sum(weight for word, weight in self.weights.items() if word in held) / sum(self.weights.values())


async def index_turn(session: AsyncSession, turn: Turn) -> None:
    """Instead of what was found of it before."""
    await session.execute(delete(PassageRow).where(PassageRow.job_id == turn.job_id))
    words = search_words(f"{turn.question}\n{turn.answer}")
    if words:
        session.add(PassageRow(job_id=turn.job_id, place=place_of(turn.key), words=" ".join(words)))


async def index_summary(session: AsyncSession, summary_id: int, summary: Summary) -> None:
    """A summary is found like a turn of its place."""
    words = " ".join(search_words(summary.text))
    session.add(PassageRow(summary_id=summary_id, place=place_of(summary.key), words=words))


def seen_moments(seen: Seen) -> tuple[Moment, ...]:
    """What was seen and read, as it stands in a timeline."""
    woven = Timeline.weave(
        duration_seconds=seen.end_seconds, captions=seen.captions, uncaptioned=seen.uncaptioned, cuts=seen.cuts
    )
    return woven.of(MomentKind.SEEN, MomentKind.TEXT)


def heard_moments(heard: Heard) -> tuple[Moment, ...]:
    """What was said and what else was heard, as it stands in a timeline."""
    woven = Timeline.weave(duration_seconds=heard.end_seconds, segments=heard.segments, sounds=heard.moments)
    return woven.of(MomentKind.HEARD, MomentKind.TONE, MomentKind.SOUND)


def found_moments(half: Half, value: str) -> tuple[Moment, ...]:
    """What was found in a half of a clip, as it is kept; none that this version cannot read."""
    match half:
        case Half.SEEN:
            seen = read_seen(value)
            return seen_moments(seen) if seen else ()
        case Half.HEARD:
            heard = read_heard(value)
            return heard_moments(heard) if heard else ()
        case Half.LOOKS:
            return tuple(moment for look in read_looks(value) for moment in look.moments)


async def index_half(session: AsyncSession, sha256: str, half: Half, moments: Iterable[Moment]) -> None:
    """Instead of what was found of this half of the clip before; only moments with words are found."""
    await session.execute(delete(PassageRow).where(PassageRow.sha256 == sha256, PassageRow.half == half))
    for moment in moments:
        words = search_words(f"{moment.speaker or ''} {moment.text}")
        if words:
            session.add(
                PassageRow(
                    sha256=sha256,
                    half=half,
                    kind=moment.kind,
                    start_seconds=moment.start_seconds,
                    end_seconds=moment.end_seconds,
                    speaker=moment.speaker,
                    shown=moment.text,
                    place=clip_place(sha256),
                    words=" ".join(words),
                )
            )


async def count(session: AsyncSession, words: Sequence[str], *, most: int) -> tuple[dict[str, int], int]:
    """In how many passages each word stands, counted up to `most`; and how many passages there were ever."""
    counting = text(_COUNT[session.get_bind().dialect.name])
    counts: dict[str, int] = {}
    total = 0
    for word, times, last in await session.execute(counting, {"words": json.dumps(words), "most": most}):
        counts[word], total = times, last or 0
    return counts, total


async def prepare(session: AsyncSession, question: str) -> Query:
    """The words of a question that tell most: at most eight, the rarest that stand anywhere; of a long question those
    of its beginning."""
    words = list(dict.fromkeys(search_words(question)))[:_MOST_WORDS_COUNTED]
    if not words:
        return Query(weights={}, telling=())
    counts, total = await count(session, words, most=_COMMON_FROM)
    rarest = sorted(words, key=lambda word: (counts[word] == 0, counts[word]))[:_MOST_QUERY_WORDS]
    weights = {word: _weight(counts[word], total) for word in rarest}
    return Query(weights=weights, telling=_telling(weights, counts))


def _weight(count: int, total: int) -> float:
    """A word that stands nowhere tells less than one that could have been found: people say the same in other words."""
    weight = math.log1p(total / (count + 1))
    return weight if count else weight / 2


def _telling(weights: dict[str, float], counts: dict[str, int]) -> tuple[str, ...]:
    """The rarest words, without which no passage has enough of the question (as MaxScore leaves out lists: Turtle and
    Flood 1995), as far as they do not stand in too many passages to look at."""
    told: list[str] = []
    least = _LEAST_SHARE * sum(weights.values())
    standing = {word: weight for word, weight in weights.items() if counts[word]}
    left, looked_through = sum(standing.values()), 0
    for word, weight in standing.items():
        looked_through += counts[word]
        if left < least or counts[word] >= _COMMON_FROM or looked_through > _LOOKED_THROUGH:
            break
        told.append(word)
        left -= weight
    return tuple(told)


async def find(session: AsyncSession, query: Query, places: Collection[str]) -> list[Hit]:
    """Passages of these places that have two fifths of the question's weight; those that have most come first, of
    equals the newest."""
    if not query.weights or not places:
        return []
    kind = session.get_bind().dialect.name
    words, either = (query.telling, True) if query.telling else (tuple(query.weights), False)
    most = _LOOKED_THROUGH if either else _LOOKED_THROUGH_OF_COMMON
    values: dict[str, str | int] = {"places": json.dumps(sorted(places)), "most": most}
    if kind == "sqlite":
        quoted = (f'"{word}"' for word in words)  # letters and digits only, so that none is an operator of FTS5
        values["query"] = f"{{words}} : ({(' OR ' if either else ' AND ').join(quoted)})"
    else:
        values["query"] = (" | " if either else " & ").join(words)
    found: list[tuple[float, Hit]] = []
    for *ids, held in await session.execute(text(_FIND[kind]), values):
        share = query.share(held)
        if share >= _LEAST_SHARE:
            passage_id, place, job_id, summary_id, sha256, half = ids
            hit = Hit(
                passage_id=passage_id, place=place, job_id=job_id, summary_id=summary_id, sha256=sha256, half=half
            )
            found.append((share, hit))
    return [hit for _, hit in sorted(found, key=lambda one: (-one[0], -one[1].passage_id))]


async def hits(session: AsyncSession, passage_ids: Collection[int]) -> list[Hit]:
    """These passages, in any order."""
    names = ("passage_id", "place", "job_id", "summary_id", "sha256", "half")
    found = await session.execute(
        select(*(getattr(PassageRow, name) for name in names)).where(PassageRow.passage_id.in_(passage_ids))
    )
    return [Hit(**dict(zip(names, row, strict=True))) for row in found]


async def rows(session: AsyncSession, passage_ids: Sequence[int]) -> list[PassageRow]:
    """In the order of the ids."""
    if not passage_ids:
        return []
    found = await session.scalars(select(PassageRow).where(PassageRow.passage_id.in_(passage_ids)))
    by_id = {row.passage_id: row for row in found}
    return [by_id[passage_id] for passage_id in passage_ids if passage_id in by_id]


def moment_of(row: PassageRow) -> Moment:
    """The moment that a passage of a clip shows."""
    return Moment(
        kind=MomentKind(row.kind or MomentKind.SEEN),
        start_seconds=row.start_seconds or 0.0,
        end_seconds=row.end_seconds or 0.0,
        text=row.shown or "",
        speaker=row.speaker,
    )
