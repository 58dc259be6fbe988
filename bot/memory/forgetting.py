"""What goes when a person, a place, a server, a clip, a message or a turn is forgotten, across all tables."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import (
    AskRow,
    ClipRow,
    DigestRow,
    FactRow,
    PluginRecordRow,
    ReplyRow,
    SettingRow,
    SummaryMarkRow,
    SummaryRow,
    TurnClipRow,
    TurnPersonRow,
    TurnRow,
)
from bot.domain.ask import Ask
from bot.domain.conversation import ConversationKey, MessageRef
from bot.domain.recollection import Fact, Forgotten
from bot.memory import clips, consents, echoes, facts, passages, records, requests, summaries, turns
from bot.memory.parts import in_parts
from bot.memory.posts import NO_MESSAGE, Post, clips_of, given_with, posts_given_with, posts_where, was_posted_by
from bot.memory.words import search_words

_JOB = "job:"


async def forget_person(session: AsyncSession, person_id: int, now: datetime) -> Forgotten:
    """What they asked and pinned, clips they posted with the turns of others about them, what rests on either, and that
    they agreed to be heard."""
    posts = await posts_where(session, was_posted_by(person_id))
    theirs = select(TurnClipRow.job_id).where(TurnClipRow.author_id == person_id)
    jobs = await _jobs(session, (TurnRow.asker_id == person_id) | TurnRow.job_id.in_(theirs))
    jobs |= await _jobs_about(session, posts)
    waiting = await requests.about(session, _names(posts, person_id))
    asks = await _withdrawn(session, AskRow.asker_id == person_id, waiting, now)
    pinned = await facts.select_facts(session, FactRow.author_id == person_id)
    marks = {f"{summaries.PERSON}{person_id}", *_marks(posts)}
    kept = await records.drop(session, records.is_of_person(person_id))
    gone = await _forget(
        session, jobs=jobs, posts=posts, asks=asks, pinned=pinned, marks=marks, kept=kept, person_id=person_id
    )
    await session.execute(delete(TurnPersonRow).where(TurnPersonRow.person_id == person_id))
    await consents.withdraw(session, person_id)
    return gone


async def forget_place(session: AsyncSession, key: ConversationKey, now: datetime, *, is_gone: bool) -> Forgotten:
    """All that was said, pinned and asked there, and clips seen nowhere else; with `is_gone` what was set, too."""
    posts = await posts_where(session, DigestRow.channel_id == key.channel_id)
    jobs = await _jobs(session, turns.is_in(key))
    waiting = await requests.about(session, lambda ask: ask.key == key)
    is_here = (AskRow.server_id == key.server_id) & (AskRow.channel_id == key.channel_id)
    asks = await _withdrawn(session, is_here, waiting, now)
    pinned = await facts.select_facts(session, facts.is_in(key))
    await session.execute(delete(SummaryRow).where(summaries.is_in(key)))
    await session.execute(delete(ReplyRow).where(ReplyRow.channel_id == key.channel_id))
    if is_gone:
        await session.execute(delete(SettingRow).where(SettingRow.channel_id == key.channel_id))
    kept = await records.drop(session, records.is_in(key))
    return await _forget(session, jobs=jobs, posts=posts, asks=asks, pinned=pinned, kept=kept)


async def forget_server(session: AsyncSession, server_id: int, channels: Collection[int]) -> Forgotten:
    """All that was said, set, pinned and asked there, and clips seen nowhere else. `channels` are those that are known
    to be of this server."""
    ours = {*channels, *await _channels(session, server_id)}
    posts = [post for part in in_parts(ours) for post in await posts_where(session, DigestRow.channel_id.in_(part))]
    jobs = await _jobs(session, TurnRow.server_id == server_id)
    asks = set(await session.scalars(delete(AskRow).where(AskRow.server_id == server_id).returning(AskRow.job_id)))
    pinned = await facts.select_facts(session, FactRow.server_id == server_id)
    await session.execute(delete(SummaryRow).where(SummaryRow.server_id == server_id))
    await session.execute(delete(SettingRow).where(SettingRow.server_id == server_id))
    for part in in_parts(ours):
        await session.execute(delete(ReplyRow).where(ReplyRow.channel_id.in_(part)))
    kept = await records.drop(session, PluginRecordRow.server_id == server_id)
    return await _forget(session, jobs=jobs, posts=posts, asks=asks, pinned=pinned, kept=kept)


async def forget_clip(session: AsyncSession, sha256: str, key: ConversationKey, now: datetime) -> Forgotten:
    """A clip as it is known in a server, or in a direct message: the turns about it there, and what was found in it
    unless it was seen elsewhere."""
    place = turns.is_in(key) if key.server_id is None else TurnRow.server_id == key.server_id
    about = select(TurnClipRow.job_id).where(TurnClipRow.sha256 == sha256)
    jobs = await _jobs(session, place & TurnRow.job_id.in_(about))
    channels = {key.channel_id}
    if key.server_id is not None:
        channels |= await _channels(session, key.server_id)
    posts = await posts_where(session, DigestRow.sha256 == sha256)
    shown = await given_with(session, jobs)
    posts = [post for post in posts if post.message.channel_id in channels or post.attachment_id in shown]
    waiting = await requests.about(session, _names(posts))
    asks = await _withdrawn(session, None, waiting, now)
    resting = await _resting_on(session, {f"clip:{sha256}"})
    here = select(SummaryRow.summary_id).where(
        SummaryRow.server_id == key.server_id,
        SummaryRow.channel_id == key.channel_id if key.server_id is None else true(),
    )
    resting &= set(await session.scalars(here))
    gone = await _forget(session, jobs=jobs, posts=posts, asks=asks, marks=_marks(posts))
    return replace(gone, resting=gone.resting + await _drop_summaries(session, resting))


async def forget_messages(session: AsyncSession, messages: Collection[MessageRef], now: datetime) -> Forgotten:
    """The turns they asked for or whose clip they carried go as a whole, and what they asked is not done any more; of
    a message of ours only the link to it goes."""
    posts: list[Post] = []
    jobs: set[str] = set()
    asks: set[str] = set()
    for part in in_parts({message.message_id for message in messages}):
        posts += [
            post for post in await posts_where(session, DigestRow.message_id.in_(part)) if post.message in messages
        ]
        jobs |= await _jobs_of(session, part, messages)
        shown = ReplyRow.message_id.in_(part)
        refs = await session.execute(select(ReplyRow.message_id, ReplyRow.channel_id).where(shown))
        ours = [id_ for id_, channel in refs if MessageRef(channel_id=channel, message_id=id_) in messages]
        await session.execute(delete(ReplyRow).where(ReplyRow.message_id.in_(ours)))
        asked = AskRow.source_message_id.in_(part) & AskRow.ask.is_not(None)
        asks |= await requests.blank(session, asked, now)
    waiting = await requests.about(session, _names(posts))
    asks |= await _withdrawn(session, None, waiting, now)
    marks = {*_marks(posts), *(_mark(message) for message in messages)}
    return await _forget(session, jobs=jobs, posts=posts, asks=asks, marks=marks)


async def forget_turn(session: AsyncSession, job_id: str) -> Forgotten:
    """A file that was given to a command stands in no message that could be deleted, so it goes with its turn; so do
    the words of a question that was spoken."""
    posts = await posts_given_with(session, [job_id])
    jobs = await _jobs(session, TurnRow.job_id == job_id)
    return await _forget(session, jobs=jobs, posts=posts)


async def forget_asked(session: AsyncSession, person_id: int, key: ConversationKey, now: datetime) -> Forgotten:
    """What a person asked in one place, answered or not, with the files they gave to commands there."""
    jobs = await _jobs(session, turns.is_in(key) & (TurnRow.asker_id == person_id))
    posts = await posts_given_with(session, jobs)
    is_here = (AskRow.server_id == key.server_id) & (AskRow.channel_id == key.channel_id)
    asks = await _withdrawn(session, is_here & (AskRow.asker_id == person_id), (), now)
    return await _forget(session, jobs=jobs, posts=posts, asks=asks)


async def forget_fact(session: AsyncSession, fact_id: int) -> Forgotten:
    """What was pinned, and answers that repeat it."""
    return await _forget(session, pinned=await facts.select_facts(session, FactRow.fact_id == fact_id))


async def edit_question(session: AsyncSession, message: MessageRef, text: str) -> bool:
    """The words that went go from the answers as well. False: nothing is known of it, or it says what it said."""
    was_waiting = await requests.edit(session, message, text)
    if was_waiting:
        waits = select(AskRow.job_id).where(AskRow.source_message_id == message.message_id)
        await records.drop(session, PluginRecordRow.job_id.in_(waits))
    is_other = turns.asked_by(message) & TurnRow.was_heard.is_(False) & (TurnRow.question != text)
    jobs = await _jobs(session, is_other)
    if not jobs:
        return was_waiting
    left = await echoes.trace(session, jobs, ())
    left.words.clear()
    also: dict[str, int] = {}
    asked = select(TurnRow.job_id, TurnRow.asker_id, TurnRow.server_id, TurnRow.question)
    for job_id, asker_id, server_id, question in await session.execute(asked.where(TurnRow.job_id.in_(jobs))):
        left.words[asker_id, server_id] |= {*search_words(question)} - {*search_words(text)}
        also[job_id] = asker_id
    await _forget_summaries(session, _jobs_marks(jobs))
    await clips.drop_looks(session, await clips_of(session, jobs))
    await session.execute(update(TurnRow).where(TurnRow.job_id.in_(jobs)).values(question=text))
    for turn in await turns.read(
        session, (await session.scalars(select(TurnRow).where(TurnRow.job_id.in_(jobs)))).all()
    ):
        await passages.index_turn(session, turn)
    silenced = await echoes.silence(session, left, also=also)
    await _forget_summaries(session, _jobs_marks(silenced))
    await records.drop_of_jobs(session, {*jobs, *silenced})
    return True


async def _forget(
    session: AsyncSession,
    *,
    jobs: Collection[str] = frozenset(),
    posts: Sequence[Post] = (),
    asks: Collection[str] = frozenset(),
    pinned: Sequence[Fact] = (),
    marks: Collection[str] = frozenset(),
    kept: int = 0,
    person_id: int | None = None,
) -> Forgotten:
    """Turns, clips of which nothing is known elsewhere, facts, and whatever rests on them. With `person_id` all of it
    is of one person, or about what they posted. `kept` is how many records went already."""
    left = await echoes.trace(session, jobs, pinned, person_id=person_id)
    about = await clips_of(session, jobs)
    summed_up = await _resting_on(session, {*marks, *_jobs_marks(jobs)})
    if person_id is not None:
        await echoes.add_faded(session, left, summed_up, person_id)
    resting = await _drop_summaries(session, summed_up)
    await clips.drop_looks(session, about)
    for part in in_parts({*jobs, *asks}):
        await session.execute(delete(ReplyRow).where(ReplyRow.job_id.in_(part)))
    for part in in_parts(jobs):
        await session.execute(delete(TurnRow).where(TurnRow.job_id.in_(part)))
    for part in in_parts(post.attachment_id for post in posts):
        await session.execute(delete(DigestRow).where(DigestRow.attachment_id.in_(part)))
    await facts.drop(session, pinned)
    posted = {(post.sha256, person_id or post.author_id) for post in posts}
    unused = await clips.unused(session, about | {post.sha256 for post in posts})
    await echoes.add_clips(session, left, {(sha256, author) for sha256, author in posted if sha256 in unused})
    for part in in_parts(unused):
        await session.execute(delete(ClipRow).where(ClipRow.sha256.in_(part)))
    silenced = await echoes.silence(session, left)
    resting += len(silenced) + await _forget_summaries(session, _jobs_marks(silenced))
    return Forgotten(
        jobs=frozenset({*jobs, *asks}),
        clips=frozenset(unused),
        facts=len(pinned),
        resting=resting,
        records=kept + await records.drop_of_jobs(session, {*jobs, *asks, *silenced}),
    )


async def _forget_summaries(session: AsyncSession, marks: Collection[str]) -> int:
    return await _drop_summaries(session, await _resting_on(session, marks))


async def _resting_on(session: AsyncSession, marks: Collection[str]) -> set[int]:
    """The summaries that rest on any of these."""
    found: set[int] = set()
    for part in in_parts(marks):
        found.update(await session.scalars(select(SummaryMarkRow.summary_id).where(SummaryMarkRow.mark.in_(part))))
    return found


async def _drop_summaries(session: AsyncSession, summary_ids: Collection[int]) -> int:
    """What is left of their turns can be summarised anew. Gives how many went."""
    count = 0
    for part in in_parts(summary_ids):
        rested = select(func.substr(SummaryMarkRow.mark, len(_JOB) + 1)).where(
            SummaryMarkRow.summary_id.in_(part), SummaryMarkRow.mark.startswith(_JOB)
        )
        is_one = TurnRow.is_summarised.is_(True) & TurnRow.job_id.in_(rested)
        await session.execute(update(TurnRow).where(is_one).values(is_summarised=False))
        gone = delete(SummaryRow).where(SummaryRow.summary_id.in_(part)).returning(SummaryRow.summary_id)
        count += len((await session.scalars(gone)).all())
    return count


async def _withdrawn(
    session: AsyncSession, which: ColumnElement[bool] | None, jobs: Collection[str], now: datetime
) -> set[str]:
    asks: set[str] = set() if which is None else await requests.blank(session, which, now)
    for part in in_parts(jobs):
        asks |= await requests.blank(session, AskRow.job_id.in_(part), now)
    return asks


async def _jobs(session: AsyncSession, which: ColumnElement[bool]) -> set[str]:
    return set(await session.scalars(select(TurnRow.job_id).where(which)))


async def _jobs_about(session: AsyncSession, posts: Sequence[Post]) -> set[str]:
    """The turns about these clips as they were posted there."""
    attachments = {post.attachment_id for post in posts}
    jobs: set[str] = set()
    for part in in_parts({post.sha256 for post in posts}):
        rows = await session.execute(
            select(TurnClipRow.job_id, TurnClipRow.attachment_id).where(TurnClipRow.sha256.in_(part))
        )
        jobs.update(job_id for job_id, attachment_id in rows if attachment_id in attachments)
    return jobs


async def _jobs_of(session: AsyncSession, ids: list[int], messages: Collection[MessageRef]) -> set[str]:
    """The turns that these messages asked for or whose clip they carried."""
    asked = await session.execute(
        select(TurnRow.job_id, TurnRow.source_channel_id, TurnRow.source_message_id).where(
            TurnRow.source_message_id.in_(ids)
        )
    )
    carried = await session.execute(
        select(TurnClipRow.job_id, TurnClipRow.channel_id, TurnClipRow.message_id).where(
            TurnClipRow.message_id.in_(ids)
        )
    )
    return {
        job_id
        for job_id, channel_id, message_id in (*asked, *carried)
        if channel_id and message_id and MessageRef(channel_id=channel_id, message_id=message_id) in messages
    }


async def _channels(session: AsyncSession, server_id: int) -> set[int]:
    """As far as anything that is kept tells."""
    tables = (TurnRow, FactRow, SummaryRow, AskRow, SettingRow, PluginRecordRow)
    found = {
        channel_id
        for table in tables
        for channel_id in await session.scalars(select(table.channel_id).where(table.server_id == server_id).distinct())
    }
    return {channel_id for channel_id in found if channel_id}


def _names(posts: Sequence[Post], person_id: int | None = None) -> Callable[[Ask], bool]:
    """Whether a request names one of these clips, or is this person's or about a clip that they posted."""
    attachments = {post.attachment_id for post in posts}

    def is_about(ask: Ask) -> bool:
        clips_of_ask = (*ask.clips, *((ask.voice_question,) if ask.voice_question else ()))
        return ask.asker_id == person_id or any(
            clip.attachment_id in attachments or clip.author_id == person_id for clip in clips_of_ask
        )

    return is_about


def _jobs_marks(jobs: Collection[str]) -> set[str]:
    return {f"{_JOB}{job}" for job in jobs}


def _marks(posts: Sequence[Post]) -> set[str]:
    return {_mark(post.message) for post in posts if post.message.message_id != NO_MESSAGE}


def _mark(message: MessageRef) -> str:
    return f"message:{message.channel_id}:{message.message_id}"
