"""Every table. Where words of people stand, the column is nullable or the row is deleted when they are forgotten."""

from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, LargeBinary, MetaData
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
    type_annotation_map: ClassVar = {int: BigInteger(), str: Words(), datetime: UtcTime(), bytes: LargeBinary()}


NUMBERED = BigInteger().with_variant(Integer, "sqlite")
"""A key that the database counts up; SQLite does that for INTEGER only."""


class ClipRow(Base):
    """A clip by its digest. `facts` is a MediaProbe; `kept_at` the last time anything was kept for it."""

    __tablename__ = "clips"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    kept_at: Mapped[datetime] = mapped_column(index=True)
    facts: Mapped[str | None]


class Half(StrEnum):
    """The two halves of what is known of a clip, and what was found when it was looked at again."""

    SEEN = "seen"
    HEARD = "heard"
    LOOKS = "looks"


class FindingRow(Base):
    """One half of what a recipe found in a clip."""

    __tablename__ = "findings"

    sha256: Mapped[str] = mapped_column(ForeignKey("clips.sha256", ondelete="CASCADE"), primary_key=True)
    half: Mapped[str] = mapped_column(primary_key=True)
    recipe: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]
    fresh_until: Mapped[datetime | None] = mapped_column(index=True)


class DigestRow(Base):
    """Which clip an attachment holds, and who posted it (0: unknown)."""

    __tablename__ = "digests"

    attachment_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    channel_id: Mapped[int] = mapped_column(index=True)
    message_id: Mapped[int] = mapped_column(index=True)
    author_id: Mapped[int] = mapped_column(index=True)
    sha256: Mapped[str] = mapped_column(ForeignKey("clips.sha256", ondelete="CASCADE"), index=True)


class TurnRow(Base):
    """One exchange. `follows` may name a turn that is gone. `used_at` is when it last came back for a later question,
    None: never. `is_summarised`: its words are also part of a summary."""

    __tablename__ = "turns"
    __table_args__ = (Index(None, "server_id", "channel_id", "asked_at"),)

    job_id: Mapped[str] = mapped_column(primary_key=True)
    server_id: Mapped[int | None]
    channel_id: Mapped[int]
    asker_id: Mapped[int] = mapped_column(index=True)
    asker_name: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
    is_summarised: Mapped[bool]
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
    author_id: Mapped[int] = mapped_column(index=True)


class TurnPersonRow(Base):
    """Somebody else whose words the answer of a turn rested on."""

    __tablename__ = "turn_people"

    job_id: Mapped[str] = mapped_column(ForeignKey("turns.job_id", ondelete="CASCADE"), primary_key=True)
    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)


class FactRow(Base):
    """Something a person asked to be remembered in a place."""

    __tablename__ = "facts"
    __table_args__ = (Index(None, "server_id", "channel_id"),)

    fact_id: Mapped[int] = mapped_column(NUMBERED, primary_key=True, autoincrement=True)
    server_id: Mapped[int | None]
    channel_id: Mapped[int]
    author_id: Mapped[int] = mapped_column(index=True)
    said_at: Mapped[datetime] = mapped_column(index=True)
    text: Mapped[str]


class SummaryRow(Base):
    """A stretch of turns in a few sentences."""

    __tablename__ = "summaries"
    __table_args__ = (Index(None, "server_id", "channel_id", "through_at"),)

    summary_id: Mapped[int] = mapped_column(NUMBERED, primary_key=True, autoincrement=True)
    server_id: Mapped[int | None]
    channel_id: Mapped[int]
    from_at: Mapped[datetime]
    through_at: Mapped[datetime] = mapped_column(index=True)
    text: Mapped[str]


class SummaryMarkRow(Base):
    """Whose and what words a summary rests on; when one of them is forgotten, the summary goes. A mark is `person:ID`,
    `job:ID`, `message:CHANNEL:ID` or `clip:SHA256`."""

    __tablename__ = "summary_marks"

    summary_id: Mapped[int] = mapped_column(
        NUMBERED, ForeignKey("summaries.summary_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    mark: Mapped[str] = mapped_column(primary_key=True, index=True)


class PassageRow(Base):
    """A text that can be found: a turn, a summary, or a moment of a clip. `words` are its search words (see
    memory/words.py), which the full-text index holds as well; `place` is one word that a search is narrowed by.
    `shown` is the text of a moment, `half` the half of the clip it belongs to."""

    __tablename__ = "passages"

    passage_id: Mapped[int] = mapped_column(NUMBERED, primary_key=True, autoincrement=True)
    job_id: Mapped[str | None] = mapped_column(ForeignKey("turns.job_id", ondelete="CASCADE"), index=True)
    summary_id: Mapped[int | None] = mapped_column(
        NUMBERED, ForeignKey("summaries.summary_id", ondelete="CASCADE"), index=True
    )
    sha256: Mapped[str | None] = mapped_column(ForeignKey("clips.sha256", ondelete="CASCADE"), index=True)
    half: Mapped[str | None]
    kind: Mapped[str | None]
    start_seconds: Mapped[float | None]
    end_seconds: Mapped[float | None]
    speaker: Mapped[str | None]
    shown: Mapped[str | None]
    place: Mapped[str] = mapped_column(index=True)
    words: Mapped[str]


class VectorRow(Base):
    """What an embedding model makes of a passage: unit length, float16, little endian."""

    __tablename__ = "vectors"

    passage_id: Mapped[int] = mapped_column(
        NUMBERED, ForeignKey("passages.passage_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    model: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes]


class ConsentRow(Base):
    """A choice of a person that holds everywhere; `kind` names it."""

    __tablename__ = "consents"

    person_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(primary_key=True)
    is_given: Mapped[bool]
    chosen_at: Mapped[datetime]


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


class BlockRow(Base):
    """Somebody, or a server, whom whoever runs the bot keeps out. It stays when they are forgotten."""

    __tablename__ = "blocks"

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    since: Mapped[datetime]


class StandingRow(Base):
    """What holds for the whole bot, in every process, as JSON: that it is paused, how the last backup went, when words
    were last forgotten. The words in it are those of whoever runs the bot."""

    __tablename__ = "standing"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[str]


class PluginRecordRow(Base):
    """What a plugin keeps; `name` is the plugin's table, `version` that table's, `value` JSON."""

    __tablename__ = "plugin_records"
    __table_args__ = (Index(None, "plugin", "name", "server_id", "channel_id", "kept_at"),)

    record_id: Mapped[int] = mapped_column(NUMBERED, primary_key=True, autoincrement=True)
    plugin: Mapped[str]
    name: Mapped[str]
    version: Mapped[int]
    server_id: Mapped[int | None]
    channel_id: Mapped[int | None]
    person_id: Mapped[int | None] = mapped_column(index=True)
    job_id: Mapped[str | None] = mapped_column(index=True)
    kept_at: Mapped[datetime] = mapped_column(index=True)
    value: Mapped[str]


class AskRow(Base):
    """Accepted work. `ask` holds the whole request until it is finished, then nothing. `token` is that of the
    interaction that asked, sealed."""

    __tablename__ = "asks"

    job_id: Mapped[str] = mapped_column(primary_key=True)
    server_id: Mapped[int | None] = mapped_column(index=True)
    channel_id: Mapped[int | None]
    asker_id: Mapped[int | None] = mapped_column(index=True)
    asked_at: Mapped[datetime]
    source_message_id: Mapped[int | None] = mapped_column(unique=True)
    ask: Mapped[str | None]
    attempts: Mapped[int]
    shown_channel_id: Mapped[int | None]
    shown_message_id: Mapped[int | None]
    reply_channel_id: Mapped[int | None]
    reply_message_id: Mapped[int | None]
    token: Mapped[bytes | None]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)


class StepRow(Base):
    """What a paid call of an unfinished job gave, by what it was asked; goes with the job."""

    __tablename__ = "steps"

    key: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("asks.job_id", ondelete="CASCADE"), index=True)
    value: Mapped[bytes]


class PostRow(Base):
    """The outbox: a message of an unfinished job. It stands here before it is sent; the ids are known afterwards."""

    __tablename__ = "posts"

    job_id: Mapped[str] = mapped_column(ForeignKey("asks.job_id", ondelete="CASCADE"), primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    begun_at: Mapped[datetime]
    channel_id: Mapped[int | None]
    message_id: Mapped[int | None]


class OpenedFileRow(Base):
    """A file, by its digest, that was opened at the first so many attempts at an unfinished job; goes with the job."""

    __tablename__ = "opened_files"

    job_id: Mapped[str] = mapped_column(ForeignKey("asks.job_id", ondelete="CASCADE"), primary_key=True)
    sha256: Mapped[str] = mapped_column(primary_key=True)
    times: Mapped[int]


class QuarantineRow(Base):
    """A file at which processes died, not to be opened until then. Nothing says whose it was, so it stays when people
    are forgotten."""

    __tablename__ = "quarantine"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    until: Mapped[datetime] = mapped_column(index=True)


class BookingRow(Base):
    """A paid call, or what is held back for a job, in billionths of a US dollar; `state` is a BookingState. `person` is
    the scope of a SpendingRow, here only until the booking is closed; `until` is when an open one is given up."""

    __tablename__ = "bookings"
    __table_args__ = (Index(None, "job_id", "state"),)

    booking_id: Mapped[int] = mapped_column(NUMBERED, primary_key=True, autoincrement=True)
    job_id: Mapped[str]
    person: Mapped[str | None]
    server_id: Mapped[int | None]
    role: Mapped[str]
    model: Mapped[str]
    state: Mapped[str]
    at: Mapped[datetime] = mapped_column(index=True)
    until: Mapped[datetime | None] = mapped_column(index=True)
    reserved: Mapped[int]
    spent: Mapped[int]


class SpendingRow(Base):
    """The sums that caps are held to. `scope` is `all`, `day`, `server:ID`, or `person:` and a digest that nobody is
    told by; `day` is a date in UTC, empty for `all`. `told_percent` is the part of the cap that the owner heard of."""

    __tablename__ = "spending"

    scope: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[str] = mapped_column(primary_key=True)
    reserved: Mapped[int]
    spent: Mapped[int]
    told_percent: Mapped[int]


class JobRow(Base):
    """An unfinished job between processes: which worker has it, how far it is, and what came of it until that is handed
    over. `consent` is what the asker said to its cost, `place` PlaceSettings; `lease_until` is by the clock of the
    database. `progress` and `text` are what can be shown, `result`, `data` and `error` what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (Index(None, "state", "priority", "run_at"),)

    job_id: Mapped[str] = mapped_column(ForeignKey("asks.job_id", ondelete="CASCADE"), primary_key=True)
    consent: Mapped[str]
    place: Mapped[str]
    priority: Mapped[int]
    state: Mapped[str]
    attempts: Mapped[int]
    run_at: Mapped[datetime]
    owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    is_cancelled: Mapped[bool]
    revision: Mapped[int]
    progress: Mapped[str]
    text: Mapped[str]
    result: Mapped[str | None]
    data: Mapped[bytes | None]
    error: Mapped[str | None]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
