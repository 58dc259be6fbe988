"""What a plugin keeps: small values in our own database, so that they are backed up, forgotten and exported with it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.conversation import ConversationKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row of a plugin's table. `value` is JSON. It goes when the place, the person or the job it belongs to is
    forgotten, and with time where it belongs to a person or a job; what belongs to a place alone is a setting of it.
    """

    record_id: int
    table: str
    value: Mapping[str, object] = field(repr=False)
    key: ConversationKey | None
    person_id: int | None
    job_id: str | None
    kept_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRecord:
    """A record, and which plugin keeps it."""

    plugin: str
    record: Record


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportPart:
    """What a plugin holds of a person outside of its records, as lines they can read."""

    title: str
    lines: tuple[str, ...] = field(repr=False)
