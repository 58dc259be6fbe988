"""Which stream of sound is whose, and the packets that wait for their speaker or for a key. Bounded in every way."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.discord_io.voice_wire import SeenPackets

UNKNOWN_SECONDS = 2.0
"""So long a packet waits for its speaker to be known."""

RETRY_SECONDS = 0.5
"""So long one of a known speaker waits for a key that opens it."""

_LEAVING_SECONDS = 0.5
"""Packets that were under way when their speaker left still belong to them."""

_MOST_STREAMS = 256
_MOST_HELD = 200
_MOST_ATTEMPTS = 1000
"""Trials a stream gets until people or keys change: some thirty packets in a call of thirty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """One payload after the transport was opened. `arrived_at` is monotonic seconds."""

    ssrc: int
    sequence: int
    timestamp: int
    arrived_at: float
    frame: bytes = field(repr=False)


class Stream:
    """What is known of one SSRC. `person_id` None: not yet known whose it is."""

    __slots__ = ("attempts", "failures", "held", "last_at", "leaves_at", "person_id", "seen")

    def __init__(self) -> None:
        self.person_id: int | None = None
        self.leaves_at: float | None = None
        self.seen = SeenPackets()
        self.held: deque[Packet] = deque(maxlen=_MOST_HELD)
        self.attempts = _MOST_ATTEMPTS
        self.failures = 0
        self.last_at = 0.0

    def hold(self, packet: Packet) -> None:
        self.held.append(packet)
        self._drop_old(packet.arrived_at)

    def take_held(self, now: float) -> tuple[Packet, ...]:
        """What still may wait, oldest first; nothing is held any more."""
        self._drop_old(now)
        held = tuple(self.held)
        self.held.clear()
        return held

    def _drop_old(self, now: float) -> None:
        limit = UNKNOWN_SECONDS if self.person_id is None else RETRY_SECONDS
        while self.held and now - self.held[0].arrived_at > limit:
            self.held.popleft()

    def sweep(self, now: float) -> None:
        """Let go of what waited too long."""
        self._drop_old(now)


class Streams:
    """The streams of one session with a voice server. The caller keeps threads apart."""

    def __init__(self) -> None:
        self._streams: dict[int, Stream] = {}

    def __len__(self) -> int:
        return len(self._streams)

    def __iter__(self) -> Iterator[Stream]:
        return iter(tuple(self._streams.values()))

    @property
    def held(self) -> tuple[Packet, ...]:
        """Every packet that waits."""
        return tuple(packet for stream in self for packet in stream.held)

    def of(self, ssrc: int, now: float) -> Stream:
        stream = self._streams.get(ssrc)
        if stream is None or (stream.leaves_at is not None and now > stream.leaves_at):
            self._streams.pop(ssrc, None)
            self._make_room()
            stream = self._streams[ssrc] = Stream()
        stream.last_at = now
        return stream

    def _make_room(self) -> None:
        if len(self._streams) >= _MOST_STREAMS:
            unknown = (ssrc for ssrc, stream in self._streams.items() if stream.person_id is None)
            del self._streams[next(unknown, next(iter(self._streams)))]

    def assign(self, ssrc: int, person_id: int, now: float) -> Stream:
        """Discord says, or a key proves, that this stream is theirs."""
        stream = self.of(ssrc, now)
        stream.person_id, stream.leaves_at, stream.failures = person_id, None, 0
        return stream

    def left(self, person_id: int, now: float) -> None:
        """Their streams end with what is under way."""
        for stream in self:
            if stream.person_id == person_id:
                stream.leaves_at = now + _LEAVING_SECONDS

    def clear(self) -> None:
        self._streams.clear()

    def renew_attempts(self) -> None:
        for stream in self:
            stream.attempts = _MOST_ATTEMPTS

    def sweep(self, now: float) -> None:
        """Let go of packets that waited too long, and of streams that ended."""
        for ssrc, stream in tuple(self._streams.items()):
            stream.sweep(now)
            is_idle = stream.person_id is None and not stream.held and now - stream.last_at > UNKNOWN_SECONDS
            if is_idle or (stream.leaves_at is not None and now > stream.leaves_at):
                del self._streams[ssrc]
