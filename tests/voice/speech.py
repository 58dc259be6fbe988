"""People's voices as packets on a bad network, for tests and benchmarks of the ears. No sockets; time is made up."""

import random
import subprocess
import tempfile
import wave
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from bot.domain.voice import SILENCE_FRAME, OpusFrame
from bot.voice.ears import Ears
from bot.voice.opus import OpusEncoder
from bot.voice.speech_events import SpeechEvent, SpeechResumed, SpeechStarted, SpeechWentOn

RATE_HZ = 16_000
WIRE_RATE_HZ = 48_000
FRAME_SECONDS = 0.02
TICK_SECONDS = 0.02

Samples = NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class Network:
    """`loss`: share of packets that never come. `jitter_seconds`: standard deviation of the delay, so that packets
    overtake each other. `doubled`: share that comes twice."""

    loss: float = 0.0
    jitter_seconds: float = 0.0
    doubled: float = 0.0
    delay_seconds: float = 0.05

    def carry(self, frames: Iterable[OpusFrame], seed: int) -> list[OpusFrame]:
        """The packets that come, in the order they come; `arrived_at` of those given is when they were sent."""
        pick = random.Random(seed)
        came: list[OpusFrame] = []
        for frame in frames:
            for _ in range(1 + (pick.random() < self.doubled)):
                delay = max(self.delay_seconds + pick.gauss(0, self.jitter_seconds), 0.001)
                if pick.random() >= self.loss:
                    came.append(moved(frame, delay))
        return sorted(came, key=lambda frame: frame.arrived_at)


CLEAN = Network()
ROUGH = Network(loss=0.05, jitter_seconds=0.02)


def moved(frame: OpusFrame, seconds: float) -> OpusFrame:
    return OpusFrame(
        person_id=frame.person_id,
        ssrc=frame.ssrc,
        sequence=frame.sequence,
        timestamp=frame.timestamp,
        arrived_at=frame.arrived_at + seconds,
        opus=frame.opus,
    )


@cache
def say(text: str, voice: str = "slt", stretch: float = 1.0) -> Samples:
    """A sentence by flite at 16 kHz, silence at its ends cut off."""
    with tempfile.TemporaryDirectory(prefix="kibitz-") as folder:
        path = Path(folder, "said.wav")
        command = ["flite", "-voice", voice, "--setf", f"duration_stretch={stretch}", "-t", text, "-o", str(path)]
        subprocess.run(command, check=True)
        with wave.open(str(path)) as sound:
            samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
            rate_hz = sound.getframerate()
    if rate_hz != RATE_HZ:
        samples = soxr.resample(samples, rate_hz, RATE_HZ)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > 100)
    return samples[loud[0] : loud[-1] + 1]


def quiet(seconds: float, level: float = 0.0, seed: int = 0) -> Samples:
    """Silence, or noise of this standard deviation."""
    return np.random.default_rng(seed).normal(0, level, round(seconds * RATE_HZ)).astype(np.int16)


class Mouth:
    """One person's client: Opus of 48 kHz, numbers that go on, five frames of silence at the end of what is said."""

    def __init__(
        self,
        person_id: int = 1,
        *,
        ssrc: int = 77,
        bitrate: int = 32_000,
        has_fec: bool = True,
        sequence: int = 0,
        timestamp: int = 0,
        frame_seconds: float = FRAME_SECONDS,
    ) -> None:
        self.person_id = person_id
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = timestamp
        self._bitrate = bitrate
        self._loss_percent = 10 if has_fec else 0
        self.encoder = OpusEncoder(WIRE_RATE_HZ, bitrate=bitrate, expected_loss_percent=self._loss_percent)

    def frames(self, samples: Samples, at: float, *, ends: bool = True) -> list[OpusFrame]:
        """What is sent for this sound from `at` on; each packet when its sound is complete."""
        wire = soxr.resample(samples, RATE_HZ, WIRE_RATE_HZ)
        size = self.encoder.frame_bytes // 2
        wire = np.append(wire, np.zeros(-len(wire) % size, dtype=np.int16))
        opus = [self.encoder.encode(wire[start : start + size].tobytes()) for start in range(0, len(wire), size)]
        return list(self.sent(opus + [SILENCE_FRAME] * 5 * ends, at))

    def sent(self, opus: Sequence[bytes], at: float, frame_seconds: float = FRAME_SECONDS) -> Iterator[OpusFrame]:
        for number, packet in enumerate(opus, start=1):
            yield OpusFrame(
                person_id=self.person_id,
                ssrc=self.ssrc,
                sequence=self.sequence,
                timestamp=self.timestamp,
                arrived_at=at + number * frame_seconds,
                opus=packet,
            )
            self.sequence = (self.sequence + 1) & 0xFFFF
            self.timestamp = (self.timestamp + round(frame_seconds * WIRE_RATE_HZ)) & 0xFFFFFFFF

    def rest(self, seconds: float) -> None:
        """Time passes in which nothing is sent."""
        self.timestamp = (self.timestamp + round(seconds * WIRE_RATE_HZ)) & 0xFFFFFFFF


def listen(
    ears: Ears, frames: Sequence[OpusFrame], *, until: float | None = None, since: float = 0.0
) -> list[tuple[float, SpeechEvent]]:
    """Let packets come when they come and the ears tick every 20 ms: what they noticed, and when."""
    noticed: list[tuple[float, SpeechEvent]] = []
    end = until if until is not None else frames[-1].arrived_at + 1.0
    waiting = list(frames)
    ticks = round((end - since) / TICK_SECONDS)
    for tick in range(1, ticks + 1):
        now = since + tick * TICK_SECONDS
        come = 0
        while come < len(waiting) and waiting[come].arrived_at <= now:
            come += 1
        if come:
            ears.push(waiting[:come])
            del waiting[:come]
        noticed += ((now, event) for event in ears.tick(now))
    return noticed


def sound_of(events: Iterable[SpeechEvent]) -> bytes:
    """All PCM that was told."""
    return b"".join(e.pcm for e in events if isinstance(e, SpeechStarted | SpeechWentOn | SpeechResumed))
