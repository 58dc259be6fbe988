"""What whoever runs the bot decided for all of it: who is kept out, whether it is paused; and how its backups went."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class BlockKind(StrEnum):
    """Who can be kept out."""

    PERSON = "person"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Somebody, or a server, that is kept out."""

    kind: BlockKind
    subject_id: int
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """No new questions are taken; people are told the reason, which may be empty."""

    since: datetime
    reason: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that was decided, as of one moment."""

    people: frozenset[int] = frozenset()
    servers: frozenset[int] = frozenset()
    pause: Pause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupReport:
    """The last backup that succeeded, and what went wrong since. `made_at` None: none ever did; `failure` is a code."""

    made_at: datetime | None = None
    seconds: float = 0.0
    size_bytes: int = 0
    failed_at: datetime | None = None
    failure: str = ""
