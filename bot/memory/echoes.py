"""Words of others inside answers: an answer that repeats what somebody wants forgotten goes, the question stays."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import bindparam, case, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from bot.database.tables import PassageRow, SummaryMarkRow, SummaryRow, TurnClipRow, TurnPersonRow, TurnRow, VectorRow
from bot.domain.recollection import Fact
from bot.memory import passages
from bot.memory.parts import in_parts
from bot.memory.words import search_words

COMMON_FROM = 50
"""A word that stands in so many other passages tells nothing of one person; where there are few passages, in every
hundredth of them, but in three at least."""

_LEAST_COMMON_FROM = 3
_STEPS = (50, 500, 5_000, 2**31 - COMMON_FROM - 1)
_ANY_SERVER = -1

_UNINDEXED = case((PassageRow.words.is_(None), TurnRow.question + "\n" + TurnRow.answer), else_="")
_INDEXED = func.coalesce(PassageRow.words, "")

Place = tuple[int, int | None]
"""Whose words, and in which server; None: in direct messages."""


@dataclass(slots=True, kw_only=True)
class Trace:
    """Search words of what is about to be forgotten, and other people's turns that go on from it, by whose it was."""

    words: defaultdict[Place, set[str]] = field(default_factory=lambda: defaultdict[Place, set[str]](set), repr=False)
    following: dict[str, int] = field(default_factory=dict[str, int])

    def repeated_in(self, words: Collection[str], people: Collection[int], server_id: int | None) -> set[str]:
        """Those of these words that the people said in that server."""
        repeated: set[str] = set()
        for person in people:
            for server in (server_id, _ANY_SERVER):
                if said := self.words.get((person, server)):
                    repeated |= said.intersection(words)
        return repeated


async def trace(
    session: AsyncSession, jobs: Collection[str], facts: Sequence[Fact], *, person_id: int | None = None
) -> Trace:
    """Of turns and facts that are still there. Words of a turn are the asker's and those of whoever posted its clips,
    or of one person alone."""
    left = Trace()
    for fact in facts:
        left.words[fact.author_id, fact.key.server_id].update(search_words(fact.text))
    before = aliased(TurnRow)
    for part in in_parts(jobs):
        posted: defaultdict[str, set[int]] = defaultdict(set)
        authors = select(TurnClipRow.job_id, TurnClipRow.author_id).where(TurnClipRow.job_id.in_(part))
        for job_id, author_id in await session.execute(authors):
            posted[job_id].add(author_id)
        said = (
            select(TurnRow.job_id, TurnRow.server_id, TurnRow.asker_id, TurnRow.asker_name, _INDEXED, _UNINDEXED)
            .outerjoin(PassageRow, PassageRow.job_id == TurnRow.job_id)
            .where(TurnRow.job_id.in_(part))
        )
        for job_id, server_id, asker_id, name, words, unindexed in await session.execute(said):
            own = {*search_words(name), *(search_words(unindexed) if unindexed else words.split())}
            for person in (person_id,) if person_id else (asker_id, *posted[job_id]):
                left.words[person, server_id].update(own)
        goes_on = select(TurnRow.job_id, before.asker_id).join(before, TurnRow.follows == before.job_id)
        others = before.job_id.in_(part) & (before.asker_id != TurnRow.asker_id)
        left.following.update((job, asker) for job, asker in await session.execute(goes_on.where(others)))
    return left


async def add_clips(session: AsyncSession, left: Trace, posted: Collection[tuple[str, int]]) -> None:
    """What was seen and heard in clips that go, by their digests; it belongs to whoever posted them."""
    authors: defaultdict[str, set[int]] = defaultdict(set)
    for sha256, author_id in posted:
        authors[sha256].add(author_id)
    for part in in_parts(authors):
        found = select(PassageRow.sha256, PassageRow.words).where(PassageRow.sha256.in_(part))
        for sha256, words in await session.execute(found):
            for person in authors[sha256 or ""]:
                left.words[person, _ANY_SERVER].update(words.split())


async def add_faded(session: AsyncSession, left: Trace, summaries: Collection[int], person_id: int) -> None:
    """Of turns that are gone but summed up nothing else is known than what the summaries say."""
    is_gone = ~exists().where(TurnRow.job_id == func.substr(SummaryMarkRow.mark, len("job:") + 1))
    sums_up = exists().where(
        SummaryMarkRow.summary_id == SummaryRow.summary_id, SummaryMarkRow.mark.startswith("job:"), is_gone
    )
    for part in in_parts(summaries):
        said = select(SummaryRow.server_id, SummaryRow.text).where(SummaryRow.summary_id.in_(part), sums_up)
        for server_id, words in await session.execute(said):
            left.words[person_id, server_id].update(search_words(words))


async def silence(session: AsyncSession, left: Trace, *, also: Mapping[str, int] | None = None) -> set[str]:
    """Empties the answers that repeat a rare word of what was just forgotten; gives their jobs. Looked at are turns
    that rest on words of these people or go on from theirs, and `also`."""
    if not left.words:
        return set()
    repeated, times = await _repeated(session, left, {**left.following, **(also or {})})
    rare = await _rare(session, times)
    found = ((job_id, rare.intersection(words.split())) for job_id, words in repeated.items())
    suspects = {job_id: words for job_id, words in found if words}
    asked: dict[str, tuple[str, ...]] = {}
    for part in in_parts(suspects):
        questions = select(TurnRow.job_id, TurnRow.question).where(TurnRow.job_id.in_(part))
        asked.update((job_id, search_words(question)) for job_id, question in await session.execute(questions))
    repeating = {job_id: asked[job_id] for job_id, words in suspects.items() if words.difference(asked[job_id])}
    await _empty(session, repeating)
    return set(repeating)


async def _repeated(
    session: AsyncSession, left: Trace, given: Mapping[str, int]
) -> tuple[dict[str, str], Counter[str]]:
    """Words that were forgotten and stand in turns that may have them from there, by their jobs, and in how many of
    these each stands. Joined, because the collector of garbage would walk through a hundred thousand sets."""
    people: defaultdict[str, tuple[int, ...]] = defaultdict(tuple)
    for job_id, person in given.items():
        people[job_id] += (person,)
    for part in in_parts({person for person, _ in left.words}):
        rests = select(TurnPersonRow.job_id, TurnPersonRow.person_id).where(TurnPersonRow.person_id.in_(part))
        for job_id, person in await session.execute(rests):
            people[job_id] += (person,)
    repeated: dict[str, str] = {}
    times: Counter[str] = Counter()
    for part in in_parts(people):
        answers = (
            select(TurnRow.job_id, TurnRow.server_id, _INDEXED, _UNINDEXED)
            .outerjoin(PassageRow, PassageRow.job_id == TurnRow.job_id)
            .where(TurnRow.job_id.in_(part), TurnRow.answer != "")
        )
        for job_id, server_id, words, unindexed in await session.execute(answers):
            said = search_words(unindexed) if unindexed else words.split()
            both = left.repeated_in(said, people[job_id], server_id)
            repeated[job_id] = " ".join(both)
            times.update(both)
    return repeated, times


async def _empty(session: AsyncSession, asked: Mapping[str, Collection[str]]) -> None:
    """What is found of these turns from now on is what was asked, in search words by their jobs."""
    for part in in_parts(asked):
        await session.execute(update(TurnRow).where(TurnRow.job_id.in_(part)).values(answer=""))
        found = select(PassageRow.passage_id).where(PassageRow.job_id.in_(part))
        await session.execute(delete(VectorRow).where(VectorRow.passage_id.in_(found)))
        connection = await session.connection()
        await connection.execute(
            update(PassageRow).where(PassageRow.job_id == bindparam("job")).values(words=bindparam("asked")),
            [{"job": job_id, "asked": " ".join(asked[job_id])} for job_id in part],
        )


async def _rare(session: AsyncSession, times: Counter[str]) -> set[str]:
    """Those that stand in few passages besides these, in which they stand so many `times`."""
    total = await session.scalar(select(func.count()).select_from(PassageRow)) or 0
    common_from = min(COMMON_FROM, max(_LEAST_COMMON_FROM, total // 100))
    rare: set[str] = set()
    least = 0
    for most in _STEPS:
        words = [word for word, count in times.items() if least < count <= most]
        least = most
        if not words:
            continue
        counts, _ = await passages.count(session, words, most=common_from + most)
        rare.update(word for word, count in counts.items() if count - times[word] < common_from)
    return rare
