"""What a voice session tells of itself: what was said, how long each step took, why it ended. No audio, no ids of
Discord's wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.domain.answer import Usage
from bot.domain.errors import BotError
from bot.domain.timeline import Notice


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenLine:
    """One stretch of speech in words. Seconds count from the start of the session. `person_id` None: the bot.
    `is_final` False: a live caption that may still change, told again under the same `utterance_id`."""

    utterance_id: int
    person_id: int | None
    name: str = field(repr=False)
    text: str = field(repr=False)
    start_seconds: float
    end_seconds: float
    is_final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnTimings:
    """Of one spoken answer, in seconds from the true end of the asker's speech; None: did not come to it."""

    endpoint: float | None = None
    transcript: float | None = None
    first_token: float | None = None
    first_sentence: float | None = None
    first_speech: float | None = None
    """The first PCM of the voice."""
    first_audio: float | None = None
    """The first audible frame handed to the line: end to end."""


class Speculation(StrEnum):
    """What became of the answer that was prepared at the pause."""

    USED = "used"
    RESUMED = "resumed"
    CHANGED = "changed"
    EXPIRED = "expired"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenTurn:
    """A question that was spoken and what was answered, as far as it was heard. `asker_ids`: who spoke, in order.
    `is_broken`: it was not said to the end; `interrupted_by` None then: by a command."""

    job_id: str
    asker_ids: tuple[int, ...]
    question: str = field(repr=False)
    answer: str = field(repr=False)
    written: str = field(repr=False)
    """The whole text that was written, heard or not."""
    is_broken: bool = False
    interrupted_by: int | None = None
    notices: tuple[Notice, ...] = ()
    usages: tuple[Usage, ...] = ()
    timings: TurnTimings = TurnTimings()
    speculation: Speculation = Speculation.NONE


class LeaveReason(StrEnum):
    """Why a session ended."""

    ASKED = "asked"
    ALONE = "alone"
    IDLE = "idle"
    REMOVED = "removed"
    FAILED = "failed"
    STOPPING = "stopping"


class ChannelState(StrEnum):
    """Where the conversation of a channel is."""

    LISTENING = "listening"
    PAUSING = "pausing"
    SPECULATING = "speculating"
    COMMITTED = "committed"
    SPEAKING = "speaking"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceStatus:
    """A session at a glance. `heard` and `unheard` are the people in the channel with and without consent; `muted` are
    those who asked not to be heard for now. `counters` are those of the conversation and of the line."""

    state: ChannelState
    age_seconds: float
    heard: tuple[int, ...]
    unheard: tuple[int, ...]
    muted: tuple[int, ...]
    turns: int
    timings: tuple[TurnTimings, ...]
    """Of the last turns, the latest last."""
    counters: Mapping[str, float]
    privacy_code: str | None
    usages: tuple[Usage, ...] = ()


class VoiceFollower(Protocol):
    """Where a session shows itself besides the sound. Called on the event loop; must not block or raise."""

    def said(self, turn: SpokenTurn) -> None:
        """An answer was spoken, or broken off: its text twin."""
        ...

    def caption(self, line: SpokenLine) -> None:
        """Somebody said something; only while captions are switched on."""
        ...

    def failed(self, error: BotError) -> None:
        """A turn could not be answered."""
        ...

    def ended(self, reason: LeaveReason) -> None:
        """The session is over; nothing follows."""
        ...
