"""What is remembered besides turns, and what comes back of all of it for one question."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bot.domain.conversation import ClipRef, ConversationKey, Turn
from bot.domain.records import HeldRecord
from bot.domain.timeline import Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where words may come from to surface in one place: the place itself and `also`, channels of the same server
    which everybody there can read (the channel a thread hangs on)."""

    key: ConversationKey
    also: tuple[int, ...] = ()

    @property
    def keys(self) -> tuple[ConversationKey, ...]:
        """The place itself first."""
        others = (ConversationKey(server_id=self.key.server_id, channel_id=channel) for channel in self.also)
        return (self.key, *others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """Something a person asked to be remembered in a place. `fact_id` 0: not kept yet."""

    key: ConversationKey
    author_id: int
    said_at: datetime
    text: str = field(repr=False)
    fact_id: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A stretch of turns in a place in a few sentences; the stretch goes from the first to the last of its turns.
    `people` are those whose words it rests on."""

    key: ConversationKey
    from_at: datetime
    through_at: datetime
    text: str = field(repr=False)
    people: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipMoment:
    """A moment of a clip that is not in play; `clip` tells where it was seen last."""

    clip: ClipRef
    moment: Moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Recollection:
    """What comes back for a question: the recent turns, oldest first; older ones that match, oldest first; summaries
    of what lies before, oldest first; pinned facts; moments of other clips that match, the best first; `focus` are
    moments of the clips in play that match, for when their timelines do not fit."""

    recent: tuple[Turn, ...] = ()
    older: tuple[Turn, ...] = ()
    summaries: tuple[Summary, ...] = ()
    facts: tuple[Fact, ...] = ()
    moments: tuple[ClipMoment, ...] = ()
    focus: tuple[Moment, ...] = field(default=(), repr=False)

    @property
    def turns(self) -> tuple[Turn, ...]:
        """Every turn whose words come back, oldest first."""
        return tuple(sorted((*self.older, *self.recent), key=lambda turn: (turn.asked_at, turn.job_id)))

    @property
    def people(self) -> frozenset[int]:
        """Everybody whose words come back, also by way of answers and summaries that rested on them."""
        return frozenset(
            [
                *(person for turn in self.turns for person in (turn.asker_id, *turn.people)),
                *(clip.source.author_id for turn in self.turns for clip in turn.clips),
                *(person for summary in self.summaries for person in summary.people),
                *(fact.author_id for fact in self.facts),
                *(found.clip.source.author_id for found in self.moments),
            ]
        )


NOTHING = Recollection()
"""Nothing comes back, or nothing is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vector:
    """What a question means to an embedding model: unit length."""

    model: str
    values: Sequence[float] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One hit of a search, the best first: a turn, or a moment of a clip."""

    turn: Turn | None = None
    moment: ClipMoment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What is kept of a place. `oldest_at` None: nothing is."""

    turn_count: int
    clip_count: int
    oldest_at: datetime | None
    summaries: tuple[Summary, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A place that has a name, how many turns it has, and when the last one was (None: none is left)."""

    key: ConversationKey
    name: str = field(repr=False)
    turn_count: int
    last_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What went: jobs whose turns or requests are gone, digests of clips of which nothing is known any more, and how
    many facts; `resting` are summaries and answers of others that rested on any of it; `records` what plugins kept."""

    jobs: frozenset[str] = frozenset()
    clips: frozenset[str] = frozenset()
    facts: int = 0
    resting: int = 0
    records: int = 0

    @property
    def is_nothing(self) -> bool:
        return not (self.jobs or self.clips or self.facts or self.resting or self.records)


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldClip:
    """A clip a person posted or asked about, as far as it is known in words."""

    sha256: str
    duration_seconds: float | None
    was_posted: bool
    moments: tuple[Moment, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """Everything that is kept of one person, for them to read. `consents` are choices by their name."""

    person_id: int
    turns: tuple[Turn, ...] = field(default=(), repr=False)
    facts: tuple[Fact, ...] = field(default=(), repr=False)
    clips: tuple[HeldClip, ...] = field(default=(), repr=False)
    summaries: tuple[Summary, ...] = field(default=(), repr=False)
    waiting: tuple[str, ...] = field(default=(), repr=False)
    consents: tuple[tuple[str, bool, datetime], ...] = ()
    plugins: tuple[HeldRecord, ...] = field(default=(), repr=False)
