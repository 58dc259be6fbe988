"""Live talk in a voice channel: what comes in from people, what goes out to them, and the line between the two.

Discord is one such line; tests have another. All times are monotonic seconds of one injected clock.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.domain.conversation import ConversationKey

HEARD_RATE_HZ = 16_000
"""What is heard is mono PCM of this rate, signed 16 bit little endian."""

FRAME_SECONDS = 0.02
"""What one Opus frame lasts that we send."""

SILENCE_FRAME = b"\xf8\xff\xfe"
"""Opus for 20 ms of silence; five of them end a stretch of sound on Discord."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpusFrame:
    """One packet of one person, decrypted. `sequence` (16 bit) and `timestamp` (32 bit, in samples of 48 kHz) wrap, as
    in RFC 3550. `ssrc` names the stream; a person who comes back has another."""

    person_id: int
    ssrc: int
    sequence: int
    timestamp: int
    arrived_at: float
    opus: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Somebody in the channel who is no bot. `is_deafened`: by themselves or by a moderator, so they hear nothing."""

    person_id: int
    name: str = field(repr=False)
    is_deafened: bool = False


class LineState(StrEnum):
    """How a line is. GONE is final: the bot was removed, or the channel was deleted, or connecting again failed."""

    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    GONE = "gone"


class FrameSource(Protocol):
    """What is to be sent. `read` is called every 20 ms in a thread of its own and never blocks: one Opus frame, or
    b"" when there is nothing to say, after which the line rests until it is woken."""

    def read(self) -> bytes: ...


class VoiceEar(Protocol):
    """Who listens to a line."""

    def may_hear(self, person_id: int) -> bool:
        """Whether frames of this person may be decoded. Called in the thread that receives; quick and thread-safe."""
        ...

    def hear(self, frames: Sequence[OpusFrame]) -> None:
        """Frames in the order they arrived. On the event loop, like everything below."""
        ...

    def present(self, people: Sequence[Listener]) -> None:
        """Everybody who is in the channel now, told at the start and at each change."""
        ...

    def line_changed(self, state: LineState) -> None: ...


class VoiceLine(Protocol):
    """A connection to one voice channel, which mends itself. Used on the event loop."""

    @property
    def key(self) -> ConversationKey:
        """The voice channel, which is also the place of its chat."""
        ...

    @property
    def state(self) -> LineState: ...

    @property
    def privacy_code(self) -> str | None:
        """What people compare to know that nobody listens in; None where the call is not end-to-end encrypted."""
        ...

    @property
    def counters(self) -> Mapping[str, int]:
        """What happened on the wire so far: received, ok, bad_transport, dave_failed, plain, unknown_ssrc,
        trial_mapped, silence, dropped_consent, recoveries, reconnects and the like."""
        ...

    def open(self, ear: VoiceEar, source: FrameSource) -> None:
        """Begin to listen, and read from `source` whenever woken."""
        ...

    def wake(self) -> None:
        """`source` has something to say. Nothing happens when it is being read already."""
        ...

    async def aclose(self) -> None:
        """Leave the channel."""
        ...
