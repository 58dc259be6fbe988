"""The way of a datagram to the ear: transport, speaker, end-to-end encryption, consent. Nothing is decoded here.

Keys and session are read anew for each packet, because they change under way. Datagrams come in the thread that reads
the socket, everything else on the event loop; one lock keeps the two apart.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bot.discord_io.voice_streams import Packet, Stream, Streams
from bot.discord_io.voice_wire import TransportKey, parse, payload
from bot.domain.voice import SILENCE_FRAME, OpusFrame, VoiceEar
from bot.tally import Figure, tell

COUNTERS = (
    *("received", "ok", "ignored", "bad_transport", "malformed", "empty", "duplicate", "silence", "plain"),
    *("dave_failed", "dave_recovered", "unknown_ssrc", "trial_mapped", "trial_capped", "dropped_consent", "overrun"),
    *("recoveries", "reconnects", "bad_messages", "unsent"),
)
"""What is counted on the wire; never by person."""

FAILURES_UNTIL_RECOVERY = 36
_MARKER = b"\xfa\xfa"
"""How an end-to-end encrypted frame ends."""

_MOST_QUEUED = 2000
_FAILURES_UNTIL_DOUBT = 5
"""After so many packets in a row that a speaker's key does not open, others are tried."""

_UNSETTLED_SECONDS = 3.0
"""So long after a session began its group may still be forming."""

_PAUSES_SECONDS = (5.0, 60.0)
"""Shortest and longest time between two recoveries that did not help."""


class Session(Protocol):
    """What is used of a DAVE session. `decrypt` raises ValueError."""

    @property
    def ready(self) -> bool: ...

    def get_user_ids(self) -> list[str]: ...

    def decrypt(self, user_id: int, media_type: Any, packet: bytes) -> bytes: ...


class Wire(Protocol):
    """The connection as it is at this moment. Read in the thread that receives."""

    @property
    def own_id(self) -> int: ...

    @property
    def transport_key(self) -> Sequence[int] | None: ...

    @property
    def session(self) -> Session | None: ...

    @property
    def is_encrypted(self) -> bool:
        """Whether the call is end-to-end encrypted."""
        ...

    @property
    def accepts_plain(self) -> bool:
        """Whether frames may come as they are: always in a call without encryption, else only while it changes."""
        ...

    @property
    def is_in_transition(self) -> bool: ...

    def decrypt(self, session: Session, person_id: int, frame: bytes) -> bytes:
        """Raises ValueError."""
        ...

    def recover(self) -> None:
        """Ask to be added to the group anew. Called on the event loop."""
        ...


class VoiceReceiver:
    """Hears one line, over all its connections: `wire` is given anew with each."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        counters: dict[str, int],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`counters` holds every name of COUNTERS."""
        self._loop = loop
        self._counters = counters
        self._clock = clock
        self._lock = threading.Lock()
        self._key = TransportKey()
        self._streams = Streams()
        self._queue: deque[OpusFrame] = deque()
        self._is_waking = False
        self._wire: Wire | None = None
        self._ear: VoiceEar | None = None
        self._failures = 0
        self._settled_at = 0.0
        self._pause_seconds = _PAUSES_SECONDS[0]
        self._no_recovery_before = 0.0

    # On the event loop

    def open(self, ear: VoiceEar) -> None:
        """From now on frames of people who agreed go to this ear."""
        with self._lock:
            self._ear = ear

    def close(self) -> None:
        """Forget everything, and hear nothing more."""
        with self._lock:
            self._ear = self._wire = None
            self._streams.clear()
            self._queue.clear()

    def begin(self, wire: Wire) -> None:
        """A session with a voice server begins: its streams have nothing to do with those before."""
        with self._lock:
            self._wire = wire
            self._streams.clear()
            self._failures = 0
            self._settled_at = self._clock() + _UNSETTLED_SECONDS

    def assign(self, ssrc: int, person_id: int) -> None:
        """Discord says whose stream this is. What waited for that is heard now."""
        with self._lock:
            if self._wire is None or not ssrc or person_id == self._wire.own_id:
                return
            now = self._clock()
            self._replay(self._streams.assign(ssrc, person_id, now), now)

    def left(self, person_id: int) -> None:
        """They are no longer in the call."""
        with self._lock:
            self._streams.left(person_id, self._clock())
            self._streams.renew_attempts()

    def rekeyed(self) -> None:
        """People or keys changed: what could not be opened may be now."""
        with self._lock:
            self._streams.renew_attempts()
            now = self._clock()
            for stream in self._streams:
                self._replay(stream, now)

    def sweep(self) -> None:
        """To be called every second: nothing waits longer than it may, nor when its speaker took consent back."""
        with self._lock:
            self._streams.sweep(self._clock())
            for stream in self._streams:
                if stream.person_id is not None and not self._may_hear(stream.person_id):
                    stream.held.clear()

    @property
    def held(self) -> tuple[Packet | OpusFrame, ...]:
        """Everything that is kept at this moment."""
        with self._lock:
            return (*self._streams.held, *self._queue)

    def _flush(self) -> None:
        with self._lock:
            self._is_waking = False
            frames = [frame for frame in self._queue if self._may_hear(frame.person_id)]
            self._queue.clear()
            ear = self._ear
        if ear is not None and frames:
            ear.hear(frames)

    # In the thread that reads the socket

    def datagram(self, data: bytes) -> None:
        """One datagram as it came."""
        header = parse(data)
        with self._lock:
            if self._wire is None or self._ear is None:
                return
            if header is None:
                self._counters["ignored"] += 1
                return
            self._counters["received"] += 1
            key = self._wire.transport_key
            plain = self._key.open(header, key) if key else None
            if plain is None:
                self._counters["bad_transport"] += 1
                return
            frame = payload(header, plain)
            if not frame:
                self._counters["malformed" if frame is None else "empty"] += 1
                return
            now = self._clock()
            stream = self._streams.of(header.ssrc, now)
            if not stream.seen.is_new(header.sequence):
                self._counters["duplicate"] += 1
                return
            packet = Packet(
                ssrc=header.ssrc, sequence=header.sequence, timestamp=header.timestamp, arrived_at=now, frame=frame
            )
            self._receive(self._wire, stream, packet, now)

    def _receive(self, wire: Wire, stream: Stream, packet: Packet, now: float) -> None:
        if stream.person_id is not None and not self._may_hear(stream.person_id):
            self._counters["dropped_consent"] += 1
            return
        if packet.frame == SILENCE_FRAME:
            self._counters["silence"] += 1
            self._give(stream, packet, packet.frame)
            return
        if not packet.frame.endswith(_MARKER) and not wire.accepts_plain:
            self._counters["plain"] += 1
            return
        if packet.frame.endswith(_MARKER) and not _has_group(wire):
            self._counters["dave_failed"] += 1
            return
        was_unknown = stream.person_id is None
        opus = self._opened(wire, stream, packet)
        if opus is None:
            self._missed(wire, stream, packet, now)
            return
        stream.failures = 0
        if was_unknown:
            self._replay(stream, now)
        self._give(stream, packet, opus)

    def _opened(self, wire: Wire, stream: Stream, packet: Packet) -> bytes | None:
        """The frame as Opus; None when its speaker or its key is not known. Finds out whose an unknown stream is."""
        if not packet.frame.endswith(_MARKER):
            return None if stream.person_id is None else packet.frame
        session = wire.session
        if session is None:
            return None
        opus = None if stream.person_id is None else _decrypted(wire, session, stream.person_id, packet.frame)
        if opus is None and (stream.person_id is None or stream.failures >= _FAILURES_UNTIL_DOUBT):
            opus = self._identified(wire, session, stream, packet)
        if opus is not None:
            self._failures = 0
            self._pause_seconds = _PAUSES_SECONDS[0]
        return opus

    def _identified(self, wire: Wire, session: Session, stream: Stream, packet: Packet) -> bytes | None:
        """Encryption names the sender: whose key opens the frame has spoken."""
        if stream.attempts <= 0:
            self._counters["trial_capped"] += 1
            return None
        for person_id in map(int, session.get_user_ids()):
            if person_id in (wire.own_id, stream.person_id):
                continue
            stream.attempts -= 1
            opus = _decrypted(wire, session, person_id, packet.frame)
            if opus is not None:
                stream.person_id, stream.leaves_at = person_id, None
                self._counters["trial_mapped"] += 1
                return opus
        return None

    def _missed(self, wire: Wire, stream: Stream, packet: Packet, now: float) -> None:
        stream.hold(packet)
        stream.failures += 1
        if stream.person_id is None:
            self._counters["unknown_ssrc"] += 1
        if not packet.frame.endswith(_MARKER):
            return
        if stream.person_id is not None:
            self._counters["dave_failed"] += 1
            tell(Figure.DECRYPT_FAILURES)
        self._failures += 1
        session = wire.session
        is_settled = now >= self._settled_at or (session is not None and session.ready)
        if (
            self._failures < FAILURES_UNTIL_RECOVERY
            or wire.is_in_transition
            or now < self._no_recovery_before
            or not is_settled
        ):
            return
        self._failures = 0
        self._no_recovery_before = now + self._pause_seconds
        self._pause_seconds = min(2 * self._pause_seconds, _PAUSES_SECONDS[1])
        self._soon(wire.recover)

    def _replay(self, stream: Stream, now: float) -> None:
        wire = self._wire
        if wire is None or not stream.held:
            return
        for packet in stream.take_held(now):
            if stream.person_id is not None and not self._may_hear(stream.person_id):
                self._counters["dropped_consent"] += 1
                continue
            opus = self._opened(wire, stream, packet)
            if opus is None:
                stream.hold(packet)
            else:
                self._counters["dave_recovered"] += 1
                self._give(stream, packet, opus)

    def _may_hear(self, person_id: int) -> bool:
        return self._ear is not None and self._ear.may_hear(person_id)

    def _give(self, stream: Stream, packet: Packet, opus: bytes) -> None:
        if stream.person_id is None:
            return
        if not self._may_hear(stream.person_id):
            self._counters["dropped_consent"] += 1
            return
        self._counters["ok"] += 1
        if len(self._queue) >= _MOST_QUEUED:
            self._queue.popleft()
            self._counters["overrun"] += 1
        self._queue.append(
            OpusFrame(
                person_id=stream.person_id,
                ssrc=packet.ssrc,
                sequence=packet.sequence,
                timestamp=packet.timestamp,
                arrived_at=packet.arrived_at,
                opus=opus,
            )
        )
        if not self._is_waking:
            self._is_waking = True
            self._soon(self._flush)

    def _soon(self, work: Callable[[], None]) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(work)


def _has_group(wire: Wire) -> bool:
    """Whether an encrypted frame can mean anything: not in a call that never was encrypted."""
    session = wire.session
    return session is not None and (wire.is_encrypted or session.ready)


def _decrypted(wire: Wire, session: Session, person_id: int, frame: bytes) -> bytes | None:
    try:
        opus = wire.decrypt(session, person_id, frame)
    except ValueError:
        return None
    # While plain frames may pass, what only looks encrypted comes back as it was, whoever is named.
    return None if opus == frame else opus
