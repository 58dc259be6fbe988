"""Packets of one person into sound with a clock: decoded in order, losses filled, silence as long as it was."""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.domain.voice import HEARD_RATE_HZ, SILENCE_FRAME, OpusFrame
from bot.voice.jitter import Arrived, JitterBuffer
from bot.voice.opus import BadFrameError, OpusDecoder

_WIRE_RATE_HZ = 48_000
_WIRE_TO_HEARD = _WIRE_RATE_HZ // HEARD_RATE_HZ
_SAMPLE_BYTES = 2
_FRAME_TICKS = 960
_LONGEST_MADE_UP_TICKS = 4_800  # 0.1 s
_LONGEST_GAP_TICKS = 72_000  # 1.5 s of silence between packets is filled in; beyond, another stretch begins
_PACKETS_AT_ONCE = 8  # decoded per tick: enough to catch up, little enough not to hold up others
_AHEAD_SECONDS = 3.0  # by which more sound may come than time passes
_PACE = 1.2
_CLOCK_SECONDS = 1.0  # of packets, the fastest of which tells the delay of the way
_LATE_SECONDS = 0.15  # behind that delay: the sender's clock stood still
_HANDOVER_SECONDS = 1.0  # in which packets of the stream before may still come


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """16 kHz mono PCM, and when its last sample was said. `is_silence`: nothing was sent for it, or silence was."""

    pcm: bytes = field(repr=False)
    ends_at: float
    is_silence: bool = False


class SoundStream:
    """What one person sends. A new SSRC replaces the one before."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._jitter = JitterBuffer(counters)
        self._decoder: OpusDecoder | None = None
        self._ssrc: int | None = None
        self._ssrc_before: int | None = None
        self._ssrc_since = 0.0
        self._clock = _Clock()
        self._next_timestamp: int | None = None
        self._position_ticks = 0
        self._frame_ticks = _FRAME_TICKS
        self._budget_seconds = _AHEAD_SECONDS
        self._budget_at: float | None = None

    @property
    def is_waiting(self) -> bool:
        """There are packets that were not decoded yet."""
        return len(self._jitter) > 0

    def push(self, frame: OpusFrame) -> None:
        if frame.ssrc != self._ssrc:
            if frame.ssrc == self._ssrc_before and frame.arrived_at - self._ssrc_since < _HANDOVER_SECONDS:
                self._counters["late"] += 1
                return
            self.close()
            self._jitter = JitterBuffer(self._counters)
            self._ssrc_before, self._ssrc, self._ssrc_since = self._ssrc, frame.ssrc, frame.arrived_at
            self._next_timestamp = None
        self._jitter.push(frame)

    def pull(self, now: float) -> Iterator[Sound]:
        """Sound that can be had now, in order and at most so much at once."""
        if self._budget_at is not None:
            passed = max(now - self._budget_at, 0.0)
            self._budget_seconds = min(self._budget_seconds + passed * _PACE, _AHEAD_SECONDS)
        self._budget_at = now
        for count, arrived in enumerate(self._jitter.pop(now), start=1):
            for sound in self._sounds(arrived):
                self._budget_seconds -= len(sound.pcm) / _SAMPLE_BYTES / HEARD_RATE_HZ
                if self._budget_seconds > 0:
                    yield sound
                else:
                    self._budget_seconds = 0.0
                    self._counters["flooded"] += 1
            if count == _PACKETS_AT_ONCE:
                return

    def close(self) -> None:
        """Free the decoder; the next packet makes another."""
        if self._decoder is not None:
            self._decoder.close()
            self._decoder = None

    def _sounds(self, arrived: Arrived) -> Iterator[Sound]:
        frame = arrived.frame
        if self._decoder is None:
            self._decoder = OpusDecoder()
        gap = self._gap(frame)
        made_up = min(gap, arrived.lost * self._frame_ticks, _LONGEST_MADE_UP_TICKS)
        try:
            before = self._decoder.recover(frame.opus, made_up // _WIRE_TO_HEARD) if made_up else b""
            is_silence = frame.opus == SILENCE_FRAME
            pcm = (
                bytes(_FRAME_TICKS // _WIRE_TO_HEARD * _SAMPLE_BYTES)
                if is_silence
                else self._decoder.decode(frame.opus)
            )
        except BadFrameError:
            self._counters["bad_frame"] += 1
            return
        self._counters["decoded"] += 1
        self._frame_ticks = _ticks(pcm)
        self._next_timestamp = (frame.timestamp + self._frame_ticks) & 0xFFFFFFFF
        self._position_ticks += gap + self._frame_ticks
        ends_at = self._clock.time_of(self._position_ticks / _WIRE_RATE_HZ, frame.arrived_at)
        begins_at = ends_at - self._frame_ticks / _WIRE_RATE_HZ
        if silence := (gap - made_up) // _WIRE_TO_HEARD:
            silence_ends_at = begins_at - made_up / _WIRE_RATE_HZ
            yield Sound(pcm=bytes(silence * _SAMPLE_BYTES), ends_at=silence_ends_at, is_silence=True)
        if before:
            self._counters["concealed"] += arrived.lost
            yield Sound(pcm=before, ends_at=begins_at)
        yield Sound(pcm=pcm, ends_at=ends_at, is_silence=is_silence)

    def _gap(self, frame: OpusFrame) -> int:
        """Ticks between the last packet's end and this one; 0 where the numbers make no sense."""
        if self._next_timestamp is None:
            return 0
        gap = (frame.timestamp - self._next_timestamp) & 0xFFFFFFFF
        return gap if gap <= _LONGEST_GAP_TICKS else 0


class _Clock:
    """Tells when something was said that came later. The packets that were fastest on the way tell the delay all
    have; what is beyond that is jitter."""

    def __init__(self) -> None:
        self._fastest: deque[tuple[float, float]] = deque()

    def time_of(self, position_seconds: float, arrived_at: float) -> float:
        """When the sound at this place of the stream, complete when its packet arrived, was said."""
        offset = arrived_at - position_seconds
        if self._fastest and offset - self._fastest[0][1] > _LATE_SECONDS:
            self._fastest.clear()
        while self._fastest and self._fastest[0][0] < arrived_at - _CLOCK_SECONDS:
            self._fastest.popleft()
        while self._fastest and self._fastest[-1][1] >= offset:
            self._fastest.pop()
        self._fastest.append((arrived_at, offset))
        return position_seconds + self._fastest[0][1]


def _ticks(pcm: bytes) -> int:
    return len(pcm) // _SAMPLE_BYTES * _WIRE_TO_HEARD
