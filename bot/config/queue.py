"""Settings of work between processes: what carries it, and how much one worker does."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from bot.config.fields import QueueUrl, Section


class Duty(StrEnum):
    """What one process does: everything, the connection to Discord alone, or the work alone."""

    ALL = "all"
    GATEWAY = "gateway"
    WORKER = "worker"


class QueueSettings(Section):
    engine: Literal["builtin", "saq"] = Field(
        default="builtin",
        description="What tells workers of work: builtin (our own table) or saq (PostgreSQL or Redis; the extra scale)",
    )
    url: QueueUrl | None = Field(
        default=None,
        description="For saq: redis://host or postgresql://user:password@host/database, in the environment or a secret "
        'file only; "": the database',
    )
    at_once: int = Field(default=2, ge=1, le=64, description="Questions one worker works on at the same time")
    lease_seconds: float = Field(
        default=30, ge=1, le=600, description="How long the work of a worker that went down waits for another"
    )
