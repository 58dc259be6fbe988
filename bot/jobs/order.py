"""Work between processes as values: ordered, claimed, shown, done."""

from dataclasses import dataclass, field
from enum import StrEnum

from bot.domain.ask import Ask
from bot.domain.conversation import PlaceSettings

MOST_ATTEMPTS = 3
"""How often a job is begun before it goes to the dead letters."""

FAILED_EACH_TIME = "failed"
"""The error of a dead job whose worker lived on each time; without it, a worker went down at least once."""


class State(StrEnum):
    """`lost`: forgotten, or never there. `dead`: begun as often as may be."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DEAD = "dead"
    LOST = "lost"


def word_of(job_id: str, attempts: int, what: str = "") -> str:
    """What a queue carries for a job that was begun so often: nothing but this."""
    return f"{job_id}.{attempts}{what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Work to be done by whichever worker takes it first; the lower `priority` goes first."""

    ask: Ask
    place: PlaceSettings
    priority: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that is ours until its lease ends; `attempt` counts from 1."""

    job_id: str
    attempt: int
    ask: Ask
    place: PlaceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a job, or why nothing did; written by whoever did it, for whoever ordered it."""

    result: str | None = field(default=None, repr=False)
    data: bytes | None = field(default=None, repr=False)
    error: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How far a job is. `revision` changes with everything that can be shown."""

    job_id: str
    state: State
    attempts: int
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What can be shown of a job: what was reported, and the words so far."""

    attempts: int
    progress: str
    text: str = field(repr=False)
