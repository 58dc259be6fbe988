"""What goes when a server or a message is gone, across all tables."""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import AskRow, DigestRow, ReplyRow, SettingRow, TurnClipRow, TurnRow
from bot.domain.conversation import MessageRef
from bot.memory import clips, turns


async def forget_server(session: AsyncSession, server_id: int) -> None:
    """Clips are forgotten unless another server's turns or attachments refer to them."""
    asks = select(AskRow.job_id).where(AskRow.server_id == server_id)
    channels = select(TurnRow.channel_id).where(TurnRow.server_id == server_id)
    posted = await session.scalars(
        delete(DigestRow).where(DigestRow.channel_id.in_(channels)).returning(DigestRow.sha256)
    )
    await session.execute(delete(ReplyRow).where(ReplyRow.job_id.in_(asks)))
    await session.execute(delete(AskRow).where(AskRow.server_id == server_id))
    await session.execute(delete(SettingRow).where(SettingRow.server_id == server_id))
    _, about = await turns.forget(session, TurnRow.server_id == server_id)
    await clips.forget_unused(session, {*posted, *about})


async def forget_turn(session: AsyncSession, job_id: str) -> None:
    """A file that was given to a command stands in no message that could be deleted, so it goes with its turn."""
    given = select(TurnClipRow.attachment_id).where(TurnClipRow.job_id == job_id, TurnClipRow.message_id == 0)
    await session.execute(delete(DigestRow).where(DigestRow.attachment_id.in_(given)))
    _, about = await turns.forget(session, TurnRow.job_id == job_id)
    await clips.forget_unused(session, about)


async def forget_message(session: AsyncSession, message: MessageRef, now: datetime) -> bool:
    """The turns it asked for or whose clip it carried go as a whole, and what it asked is not done any more; of a
    message of ours only the link to it goes. False: nothing was known of it."""
    posted = await session.scalars(
        delete(DigestRow)
        .where(DigestRow.message_id == message.message_id, DigestRow.channel_id == message.channel_id)
        .returning(DigestRow.sha256)
    )
    carried = select(TurnClipRow.job_id).where(
        TurnClipRow.message_id == message.message_id, TurnClipRow.channel_id == message.channel_id
    )
    jobs, about = await turns.forget(session, turns.asked_by(message) | TurnRow.job_id.in_(carried))
    asked = await session.scalars(
        update(AskRow)
        .where(AskRow.source_message_id == message.message_id, AskRow.ask.is_not(None))
        .values(ask=None, finished_at=now)
        .returning(AskRow.job_id)
    )
    await session.execute(
        delete(ReplyRow).where(ReplyRow.message_id == message.message_id, ReplyRow.channel_id == message.channel_id)
    )
    digests = {*posted, *about}
    await clips.forget_unused(session, digests)
    return bool(digests or jobs or asked.all())
