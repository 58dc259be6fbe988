"""A person in a voice channel: speaks Opus in real time or faster, and keeps what reaches them of the bot."""

import asyncio
import itertools
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.simulator.discord_voice import sound as sounds
from tests.simulator.discord_voice.keys import Dave, Keys
from tests.simulator.discord_voice.rtp import MARK, SAMPLES_PER_FRAME, SILENCE, Packet
from tests.simulator.discord_voice.sound import FRAME_MS, Sound
from tests.simulator.discord_voice.weather import Weather

if TYPE_CHECKING:
    from tests.simulator.discord_voice.call import Call

_KEPT_FRAMES = 30_000
_LATE_FRAMES = 25
_SILENT_FRAMES = 5
_READY_SECONDS = 10.0
_ENCODER_SECONDS = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """`opus` as it was before any encryption."""

    at: float
    sequence: int
    timestamp: int
    opus: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """A frame of the bot, decrypted. `at` is monotonic, like all times here."""

    at: float
    sequence: int
    timestamp: int
    opus: bytes = field(repr=False)

    @property
    def is_silence(self) -> bool:
        return self.opus == SILENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """When the first and the last frame of it went out, and the last one that was louder than silence (which for Opus
    that is given as such is the last one)."""

    began_at: float
    ended_at: float
    audible_until: float
    frames: int
    is_complete: bool


class Speaker:
    """`announces`: operation 5 before the first frame, once. `ends_with_silence`: five silent frames behind what is
    said. `frame_ms`: 10, 20, 40 or 60. `hears` False: what the bot says is not decrypted, which is cheaper.
    `gate_seconds`: pauses longer than that are not sent, as by a client that listens for a voice; None: all is sent.
    `weather`: theirs alone, instead of that of the call."""

    def __init__(self, call: "Call", keys: Keys, *, name: str, ssrc: int, dave: Dave) -> None:
        self.call = call
        self.dave: Dave = dave
        self.keys = keys
        self.name = name
        self.ssrc = ssrc
        self.user_id = keys.user_id
        self.announces = True
        self.ends_with_silence = True
        self.hears = True
        self.is_muted = False
        self.frame_ms = FRAME_MS
        self.gate_seconds: float | None = None
        self.weather: Weather | None = None
        self.sequence = random.randrange(1 << 16)
        self.timestamp = random.randrange(1 << 32)
        self.sent: deque[Sent] = deque(maxlen=_KEPT_FRAMES)
        self.heard: deque[Heard] = deque(maxlen=_KEPT_FRAMES)
        self.undecryptable = 0
        self.plain = 0
        self._late: deque[Heard] = deque(maxlen=_LATE_FRAMES)
        self._is_announced = False
        self._speaking: asyncio.Task[Said] | None = None
        self._last_at = 0.0
        self._news = asyncio.Event()

    def __repr__(self) -> str:
        return f"<Speaker {self.user_id}>"

    @property
    def is_ready(self) -> bool:
        """What they say can be sent."""
        return not self.call.group.is_encrypted or self.keys.is_ready

    @property
    def is_speaking(self) -> bool:
        return self._speaking is not None and not self._speaking.done()

    async def say(self, sound: Sound, *, speed: float = 1.0) -> Said:
        """Speaks it from beginning to end, or until `hush`. `speed` 1 is real time; 0 is as fast as it goes."""
        self.hush()
        self._speaking = asyncio.create_task(self._say(sound, speed), name=f"speaker-{self.user_id}")
        speaking = self._speaking
        await asyncio.wait([speaking])
        if speaking.cancelled():
            now = time.monotonic()
            return Said(began_at=now, ended_at=now, audible_until=now, frames=0, is_complete=False)
        return speaking.result()

    def start(self, sound: Sound, *, speed: float = 1.0) -> "asyncio.Task[Said]":
        """The same without waiting."""
        return asyncio.create_task(self.say(sound, speed=speed), name=f"speaker-start-{self.user_id}")

    def hush(self) -> None:
        """Falls silent in the middle of a word."""
        if self._speaking is not None:
            self._speaking.cancel()

    async def _say(self, sound: Sound, speed: float) -> Said:
        frames, loud = self._frames(sound)
        await self._ready()
        await self._announce()
        step = self.frame_ms / 1000 / speed if speed else 0.0
        began = due = audible = time.monotonic()
        self._keep_time(began)
        sent = quiet = 0
        longest = self.gate_seconds * 1000 / self.frame_ms if self.gate_seconds is not None else len(frames)
        try:
            for opus, is_loud in zip(frames, loud, strict=True):
                quiet = 0 if is_loud else quiet + 1
                if quiet <= longest:
                    self.send(opus)
                    sent += 1
                    audible = self._last_at if is_loud else audible
                else:
                    self._pass_over(is_first=quiet - 1 <= longest)
                due += step
                await self._until(due, sent)
        except asyncio.CancelledError:
            self._end()
            if self.call.is_closed:
                raise
        else:
            self._end()
        return Said(
            began_at=began, ended_at=self._last_at, audible_until=audible, frames=sent, is_complete=sent == len(frames)
        )

    def _frames(self, sound: Sound) -> tuple[Sequence[bytes], Sequence[bool]]:
        if isinstance(sound, Path):
            sound = sounds.read_wave(sound)
        if not isinstance(sound, bytes):
            return sound, [True] * len(sound)
        loud = [level > sounds.AUDIBLE_RMS for level in sounds.levels(sound, frame_ms=self.frame_ms)]
        return sounds.encode(sound, frame_ms=self.frame_ms), loud

    async def _ready(self) -> None:
        async with asyncio.timeout(_READY_SECONDS):
            while not self.is_ready and self.call.has_client:  # noqa: ASYNC110 - many places change it
                await asyncio.sleep(0.005)

    async def _announce(self) -> None:
        """A little before the first frame, as a client that waits for its encoder."""
        if self.announces and not self._is_announced:
            self._is_announced = True
            self.call.announce(self)
            await asyncio.sleep(_ENCODER_SECONDS)

    async def _until(self, due: float, sent: int) -> None:
        left = due - time.monotonic()
        if left > 0:
            await asyncio.sleep(left)
        elif not sent % 10:
            await asyncio.sleep(0)

    def _keep_time(self, now: float) -> None:
        """The clock of a person's client goes on while they are silent."""
        if self._last_at:
            passed = round((now - self._last_at) * 1000 / FRAME_MS) - 1
            self.timestamp = (self.timestamp + max(0, passed) * SAMPLES_PER_FRAME) % (1 << 32)

    def _pass_over(self, *, is_first: bool) -> None:
        if is_first:
            self._end()
        self.timestamp = (self.timestamp + self._samples) % (1 << 32)

    def _end(self) -> None:
        if self.ends_with_silence:
            for _ in range(_SILENT_FRAMES):
                self.send(SILENCE, counts=False)

    @property
    def _samples(self) -> int:
        return SAMPLES_PER_FRAME * self.frame_ms // FRAME_MS

    def send(self, opus: bytes, *, counts: bool = True) -> None:
        """One frame at once. `counts`: it is kept in `sent` (when it can be sent at all)."""
        sealed = self.seal(opus)
        if sealed is None:
            return
        if self.announces and not self._is_announced:
            self._is_announced = True
            self.call.announce(self)
        now = time.monotonic()
        if counts:
            self._last_at = now
            self.sent.append(Sent(at=now, sequence=sealed.sequence, timestamp=sealed.timestamp, opus=opus))
        self.call.carry(sealed, self.weather)

    def seal(self, opus: bytes) -> Packet | None:
        """The next packet, with today's keys; `call.carry` sends it, also much later. None: there are no keys yet, or
        they are muted."""
        if self.is_muted:
            return None
        payload = opus
        if self.call.group.is_encrypted and opus != SILENCE:
            if not self.keys.is_ready:
                return None
            payload = self.keys.encrypt(opus)
        self.sequence = (self.sequence + 1) % (1 << 16)
        self.timestamp = (self.timestamp + self._samples) % (1 << 32)
        return Packet(ssrc=self.ssrc, sequence=self.sequence, timestamp=self.timestamp, payload=payload)

    def hear(self, packet: Packet, at: float) -> None:
        """A packet of the bot, out of its outer cipher."""
        if not self.hears:
            return
        frame = packet.payload
        if frame == SILENCE or not self.call.group.is_encrypted:
            opus: bytes | None = frame
        elif not frame.endswith(MARK):
            self.plain += 1
            return
        else:
            opus = self.keys.decrypt(self.call.client_id, frame)
        if opus is None:
            self.undecryptable += 1
            self._late.append(Heard(at=at, sequence=packet.sequence, timestamp=packet.timestamp, opus=frame))
            return
        self.heard.append(Heard(at=at, sequence=packet.sequence, timestamp=packet.timestamp, opus=opus))
        self._news.set()

    def try_again(self) -> None:
        """After new keys: the bot may have used them a moment earlier."""
        late, self._late = self._late, deque(maxlen=_LATE_FRAMES)
        for each in late:
            self.undecryptable -= 1
            self.hear(Packet(ssrc=0, sequence=each.sequence, timestamp=each.timestamp, payload=each.opus), each.at)

    def _heard_after(self, at: float) -> list[Heard]:
        return list(itertools.takewhile(lambda each: each.at > at, reversed(self.heard)))[::-1]

    def heard_since(self, at: float = 0.0) -> list[Heard]:
        """Frames that are no silence, from `at` on."""
        return [each for each in self.heard if each.at >= at and not each.is_silence]

    def heard_pcm(self, since: float = 0.0) -> bytes:
        """What they heard, mono of 48 kHz, with gaps where nothing came for longer than two frames."""
        pcm: list[bytes] = []
        meter = sounds.Meter()
        last: float | None = None
        for each in self.heard:
            if each.at < since:
                continue
            if last is not None and each.at - last > 0.06:
                missing = round((each.at - last) * 1000 / FRAME_MS) - 1
                pcm.append(bytes(missing * SAMPLES_PER_FRAME * 2))
            pcm.append(meter.decode(each.opus))
            last = each.at
        return b"".join(pcm)

    def save(self, path: Path, since: float = 0.0) -> Path:
        """What they heard as a WAV file."""
        sounds.write_wave(path, self.heard_pcm(since))
        return path

    async def hear_something(self, *, after: float, timeout: float = 10.0) -> Heard:
        """Waits for the first frame after that moment that is louder than silence."""
        meter = sounds.Meter()
        async with asyncio.timeout(timeout):
            while True:
                self._news.clear()
                for each in self._heard_after(after):
                    after = each.at
                    if meter.is_audible(each.opus):
                        return each
                await self._news.wait()
