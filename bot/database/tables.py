"""Every table. Where words of people stand, the column is nullable or the row is deleted when they are forgotten."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, ForeignKey, Index, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bot.database.types import UtcTime, Words


class Base(DeclarativeBase):
    """Ids are Discord's: 64 bits. Constraints have names, so that a migration can change them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {int: BigInteger(), str: Words(), datetime: UtcTime()}


class ClipRow(Base):
    """A clip by its digest. `facts` is a MediaProbe; `kept_at` the last time anything was kept for it."""

    __tablename__ = "clips"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    kept_at: Mapped[datetime] = mapped_column(index=True)
    facts: Mapped[str | None]


class Half(StrEnum):
    """The two halves of what is known of a clip."""

    SEEN = "seen"
    HEARD = "heard"


class FindingRow(Base):
    """One half of what a recipe found in a clip."""

    __tablename__ = "findings"

    sha256: Mapped[str] = mapped_column(ForeignKey("clips.sha256", ondelete="CASCADE"), primary_key=True)
    half: Mapped[str] = mapped_column(primary_key=True)
    recipe: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    fresh_until: Mapped[datetime | None] = mapped_column(index=True)


class DigestRow(Base):
    """Which clip an attachment holds."""

    __tablename__ = "digests"

    attachment_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int] = mapped_column(index=True)
    message_id: Mapped[int] = mapped_column(index=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("clips.sha256", ondelete="CASCADE"), index=True)


class TurnRow(Base):
    """One exchange. `follows` may name a turn that is gone."""

    __tablename__ = "turns"
    __table_args__ = (Index(None, "server_id", "channel_id", "asked_at"),)

    job_id: Mapped[str] = mapped_column(primary_key=True)
    server_id: Mapped[int | None]
    channel_id: Mapped[int]
    asker_id: Mapped[int]
    asked_at: Mapped[datetime] = mapped_column(index=True)
    question: Mapped[str]
    answer: Mapped[str]
    follows: Mapped[str | None] = mapped_column(index=True)
    source_channel_id: Mapped[int | None]
    source_message_id: Mapped[int | None] = mapped_column(index=True)
    was_heard: Mapped[bool]
    notices: Mapped[str]
    usages: Mapped[str]


class TurnClipRow(Base):
    """A clip a turn was about, and where it was seen."""

    __tablename__ = "turn_clips"

    job_id: Mapped[str] = mapped_column(ForeignKey("turns.job_id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sha256: Mapped[str] = mapped_column(ForeignKey("clips.sha256"), index=True)
    channel_id: Mapped[int]
    message_id: Mapped[int] = mapped_column(index=True)
    attachment_id: Mapped[int]
    url: Mapped[str]
    size_bytes: Mapped[int]
    is_voice_message: Mapped[bool]


class ReplyRow(Base):
    """A message we posted for a turn; it may stand here before the turn does."""

    __tablename__ = "replies"

    message_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int]
    job_id: Mapped[str] = mapped_column(index=True)
    kept_at: Mapped[datetime] = mapped_column(index=True)


class SettingRow(Base):
    """One setting of one place. `server_id` 0: a direct message; `channel_id` 0: the whole server."""

    __tablename__ = "place_settings"

    server_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class AskRow(Base):
    """Accepted work. `ask` holds the whole request until it is finished, then nothing."""

    __tablename__ = "asks"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    server_id: Mapped[int | None] = mapped_column(index=True)
    asked_at: Mapped[datetime]
    source_message_id: Mapped[int | None] = mapped_column(unique=True)
    ask: Mapped[str | None]
    attempts: Mapped[int]
    shown_channel_id: Mapped[int | None]
    shown_message_id: Mapped[int | None]
    reply_channel_id: Mapped[int | None]
    reply_message_id: Mapped[int | None]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
