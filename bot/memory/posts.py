"""Which clips were posted where and by whom, as far as the rows tell."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import DigestRow, TurnClipRow, TurnRow
from bot.domain.conversation import MessageRef
from bot.memory.parts import in_parts

NO_MESSAGE = 0
"""The message of a file that was given to a command."""

NOBODY = 0
"""The author where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A clip that somebody posted."""

    attachment_id: int
    message: MessageRef
    author_id: int
    sha256: str


async def posts_where(session: AsyncSession, which: ColumnElement[bool]) -> list[Post]:
    """Takes a condition on the rows of digests."""
    rows = await session.scalars(select(DigestRow).where(which))
    return [
        Post(
            attachment_id=row.attachment_id,
            message=MessageRef(channel_id=row.channel_id, message_id=row.message_id),
            author_id=row.author_id,
            sha256=row.sha256,
        )
        for row in rows
    ]


def was_posted_by(person_id: int) -> ColumnElement[bool]:
    """Of older rows it is not known who posted; what stood in the message or the command that asked is the asker's."""
    asked = select(TurnRow.source_message_id).where(TurnRow.asker_id == person_id)
    given = (
        select(TurnClipRow.attachment_id)
        .join(TurnRow, TurnRow.job_id == TurnClipRow.job_id)
        .where(TurnRow.asker_id == person_id, TurnClipRow.message_id == NO_MESSAGE)
    )
    is_unknown = DigestRow.author_id == NOBODY
    return or_(
        DigestRow.author_id == person_id,
        is_unknown & DigestRow.message_id.in_(asked),
        is_unknown & DigestRow.attachment_id.in_(given),
    )


async def given_with(session: AsyncSession, jobs: Collection[str]) -> set[int]:
    """Attachments of these turns that stand in no message, and those whose words were the question."""
    given: set[int] = set()
    for part in in_parts(jobs):
        shown = TurnClipRow.job_id.in_(part) & (TurnClipRow.message_id == NO_MESSAGE)
        given.update(await session.scalars(select(TurnClipRow.attachment_id).where(shown)))
        is_shown = exists().where(
            TurnClipRow.job_id == TurnRow.job_id, TurnClipRow.attachment_id == DigestRow.attachment_id
        )
        spoken = (
            select(DigestRow.attachment_id)
            .join(TurnRow, TurnRow.source_message_id == DigestRow.message_id)
            .where(TurnRow.job_id.in_(part), TurnRow.was_heard.is_(True), ~is_shown)
        )
        given.update(await session.scalars(spoken))
    return given


async def posts_given_with(session: AsyncSession, jobs: Collection[str]) -> list[Post]:
    """As `given_with`, as posts."""
    given = in_parts(await given_with(session, jobs))
    return [post for part in given for post in await posts_where(session, DigestRow.attachment_id.in_(part))]


async def clips_of(session: AsyncSession, jobs: Collection[str]) -> set[str]:
    """Digests of the clips these turns are about."""
    return {
        sha256
        for part in in_parts(jobs)
        for sha256 in await session.scalars(select(TurnClipRow.sha256).where(TurnClipRow.job_id.in_(part)).distinct())
    }
