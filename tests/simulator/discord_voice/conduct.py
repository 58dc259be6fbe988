"""Watches what the bot sends as sound, and notes what Discord's own client would never do."""

import time
from collections import deque
from collections.abc import Callable

from tests.simulator.discord_voice.rtp import MARK, OPUS_TYPE, SAMPLES_PER_FRAME, SILENCE, Packet

_SILENT_FRAMES = 5
_GRACE_SECONDS = 0.5
"""Speaking is told over TCP, sound goes over UDP: one may come a little before the other."""
_NONCES = 4096


class Conduct:
    """The sound of one session. `frames` counts what was no silence, `silences` what was."""

    def __init__(
        self, ssrc: int, accuse: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.frames = 0
        self.silences = 0
        self.is_speaking = False
        self.has_announced = False
        self._ssrc = ssrc
        self._accuse = accuse
        self._clock = clock
        self._nonces: deque[int] = deque(maxlen=_NONCES)
        self._seen: set[int] = set()
        self._highest_nonce = 0
        self._last: Packet | None = None
        self._last_at = 0.0
        self._silent_in_a_row = 0
        self._unannounced_since: float | None = None

    def speaking(self, flags: int, ssrc: object) -> None:
        """Operation 5."""
        if ssrc != self._ssrc:
            self._accuse(f"op 5: SSRC {ssrc}, not {self._ssrc}")
            return
        self.has_announced = True
        self.is_speaking = bool(flags)
        self._unannounced_since = None

    def sealed_with(self, nonce: int) -> None:
        if nonce in self._seen or nonce < self._highest_nonce - _NONCES:
            self._accuse(f"rtp: nonce {nonce} is used again")
        if len(self._nonces) == _NONCES:
            self._seen.discard(self._nonces[0])
        self._highest_nonce = max(self._highest_nonce, nonce)
        self._nonces.append(nonce)
        self._seen.add(nonce)

    def takes(self, packet: Packet, *, must_be_encrypted: bool) -> bool:
        """Whether Discord would pass it on."""
        if packet.payload_type != OPUS_TYPE:
            self._accuse(f"rtp: payload type {packet.payload_type:#x}")
            return False
        if packet.ssrc != self._ssrc:
            self._accuse(f"rtp: SSRC {packet.ssrc}, not {self._ssrc}")
            return False
        if not packet.payload:
            self._accuse("rtp: nothing in it")
            return False
        now = self._clock()
        self._keeps_time(packet)
        is_silence = packet.payload == SILENCE
        if not is_silence:
            self._is_said_aloud(now)
            if must_be_encrypted and not packet.payload.endswith(MARK):
                self._accuse("dave: a frame that is not encrypted end to end")
        self._rests(now, is_silence=is_silence)
        self._last, self._last_at = packet, now
        return True

    def _keeps_time(self, packet: Packet) -> None:
        if self._last is None:
            return
        steps = (packet.sequence - self._last.sequence) % (1 << 16)
        samples = (packet.timestamp - self._last.timestamp) % (1 << 32)
        if not 0 < steps < 1 << 15:
            self._accuse(f"rtp: sequence {self._last.sequence} → {packet.sequence}")
        elif samples % SAMPLES_PER_FRAME or not steps * SAMPLES_PER_FRAME <= samples < 1 << 31:
            self._accuse(f"rtp: {samples} samples between frames that are {steps} apart")

    def _is_said_aloud(self, now: float) -> None:
        if self.is_speaking:
            return
        if self._unannounced_since is None:
            self._unannounced_since = now
        elif now - self._unannounced_since > _GRACE_SECONDS:
            self._accuse("rtp: sound while not speaking" if self.has_announced else "rtp: sound before any op 5")
            self._unannounced_since = now

    def _rests(self, now: float, *, is_silence: bool) -> None:
        paused = self._last is not None and now - self._last_at > _GRACE_SECONDS
        if paused and self.frames > 0 and self._silent_in_a_row < _SILENT_FRAMES:
            self._accuse(f"rtp: {self._silent_in_a_row} silent frames before a pause, not {_SILENT_FRAMES}")
        self._silent_in_a_row = self._silent_in_a_row + 1 if is_silence else 0
        if is_silence:
            self.silences += 1
        else:
            self.frames += 1

    def leaves(self) -> None:
        """The session ends in peace."""
        if self.frames and self._silent_in_a_row < _SILENT_FRAMES:
            self._accuse(f"rtp: {self._silent_in_a_row} silent frames at the end, not {_SILENT_FRAMES}")
