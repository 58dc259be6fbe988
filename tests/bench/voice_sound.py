"""The ears on a bad network and under load: word errors of the offline recogniser with and without loss, and what
eight people at once in four channels cost."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.domain.media import AudioChunk
from bot.domain.voice import OpusFrame
from bot.providers.base import TranscriptRequest
from bot.providers.offline.transcriber import OfflineTranscriber
from bot.voice.ears import EarLimits, Ears
from tests.bench.report import Report, Row, table
from tests.voice.speech import CLEAN, RATE_HZ, ROUGH, Mouth, Network, listen, quiet, say, sound_of

SENTENCES = (
    "The meeting starts at nine in the morning.",
    "Please open the window before you leave the room.",
    "What happened at the end of the second clip?",
    "I think the red car was faster than the blue one.",
    "Can you tell me how many people were in the picture?",
    "We should go to the market and buy some bread.",
    "The teacher wrote the answer on the board.",
    "My brother lives in a small house near the river.",
    "She said that the train will be late again.",
    "Tell me more about the weather in the north.",
)
VOICES = ("kal16", "slt", "rms")
SEEDS = (1, 2, 3)
MOST_ADDED = 0.03
MOST_LOAD = 0.6


@dataclass(frozen=True, kw_only=True)
class Words:
    """Of one way over the network. `packets` are the counters of the ears."""

    said: int
    wrong: int
    packets: Counter[str]

    @property
    def error(self) -> float:
        return self.wrong / self.said


async def word_errors(
    network: Network,
    *,
    sentences: Sequence[str] = SENTENCES,
    voices: Sequence[str] = VOICES,
    seeds: Sequence[int] = (0,),
    has_fec: bool = True,
) -> Words:
    """Each sentence by each voice, once per seed, as Opus of 32 kbit/s through the network, the ears and the
    recogniser. `has_fec`: the senders' packets carry a copy of the one before."""
    packets: Counter[str] = Counter()
    heard: list[tuple[str, bytes]] = []
    for seed in seeds:
        for voice in voices:
            for number, text in enumerate(sentences):
                frames = Mouth(has_fec=has_fec).frames(say(text, voice), 1.0)
                ears = Ears(EarLimits())
                noticed = listen(ears, network.carry(frames, seed=seed * 1000 + number))
                heard.append((text, sound_of(event for _, event in noticed)))
                packets.update(ears.counters)
                ears.close()
    transcriber = OfflineTranscriber(workers=2)
    try:
        pieces = await asyncio.gather(*(_recognised(transcriber, pcm) for _, pcm in heard))
    finally:
        await transcriber.aclose()
    wrong = sum(wrong_words(words_of(text), words) for (text, _), words in zip(heard, pieces, strict=True))
    return Words(said=sum(len(words_of(text)) for text, _ in heard), wrong=wrong, packets=packets)


async def _recognised(transcriber: OfflineTranscriber, pcm: bytes) -> list[str]:
    chunk = AudioChunk(rate_hz=RATE_HZ, pcm=pcm)
    piece = await transcriber.transcribe(TranscriptRequest(chunk=chunk))
    return [word for segment in piece.transcript.segments for word in words_of(segment.text)]


def words_of(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text.lower().replace("'", "")).split()


def wrong_words(said: Sequence[str], heard: Sequence[str]) -> int:
    """Substitutions, omissions and additions."""
    row = list(range(len(heard) + 1))
    for number, word in enumerate(said, start=1):
        above, row = row, [number]
        for column, other in enumerate(heard, start=1):
            row.append(min(above[column] + 1, row[-1] + 1, above[column - 1] + (word != other)))
    return row[-1]


@dataclass(frozen=True, kw_only=True)
class Load:
    """`share`: processor seconds per second of one processor. `ticks`: seconds each tick of one channel took."""

    people: int
    channels: int
    share: float
    ticks: tuple[float, ...]


def load(people: int, channels: int, seconds: int = 20) -> Load:
    """Everybody talks all the time; the sound of all channels is worked off as fast as it goes, in one thread."""
    parts = [part for text in SENTENCES for part in (say(text, "slt"), quiet(0.1))]
    samples = np.concatenate(parts)[: seconds * RATE_HZ]
    spoken = Mouth().frames(samples, 0.0, ends=False)
    pick = random.Random(1)
    crowd = [
        OpusFrame(
            person_id=person,
            ssrc=person,
            sequence=frame.sequence,
            timestamp=frame.timestamp,
            arrived_at=frame.arrived_at + late,
            opus=frame.opus,
        )
        for person in range(people)
        for late in (pick.random() * 0.02,)
        for frame in spoken
    ]
    crowd.sort(key=lambda frame: frame.arrived_at)
    ears = [Ears(EarLimits()) for _ in range(channels)]
    ticks: list[float] = []
    began, at = time.process_time(), 0
    for number in range(1, seconds * 50 + 1):
        now, since = number * 0.02, at
        while at < len(crowd) and crowd[at].arrived_at <= now:
            at += 1
        for channel in ears:
            started = time.perf_counter()
            channel.push(crowd[since:at])
            channel.tick(now)
            ticks.append(time.perf_counter() - started)
    share = (time.process_time() - began) / seconds
    for channel in ears:
        channel.close()
    return Load(people=people, channels=channels, share=share, ticks=tuple(sorted(ticks)))


async def run(_folder: Path) -> Report:
    """Loss with and without copies in the packets, then load."""
    clean = await word_errors(CLEAN)
    with_copies = await word_errors(ROUGH, seeds=SEEDS)
    without_copies = await word_errors(ROUGH, seeds=SEEDS, has_fec=False)
    loads = [load(8, 1), load(8, 4, seconds=10)]
    return _report(clean, {"copies": with_copies, "no copies": without_copies}, loads)


def _report(clean: Words, rough: dict[str, Words], loads: Sequence[Load]) -> Report:
    lines = [("no loss", f"{clean.error:.1%}", "", "")]
    lines += [
        (
            f"5 % loss, 20 ms jitter, {name}",
            f"{words.error:.1%}",
            f"{(words.error - clean.error) * 100:+.1f}",
            f"{words.packets['lost'] / (words.packets['lost'] + words.packets['decoded']):.1%}",
        )
        for name, words in rough.items()
    ]
    errors = table(("offline recogniser", "word error", "points", "given up"), lines)
    cost = table(
        ("people x channels", "share of a processor", "tick, median ms", "p99 ms"),
        [
            (
                f"{one.people} x {one.channels}",
                f"{one.share:.2f}",
                f"{one.ticks[len(one.ticks) // 2] * 1000:.2f}",
                f"{one.ticks[len(one.ticks) * 99 // 100] * 1000:.2f}",
            )
            for one in loads
        ],
    )
    rows = [
        Row(
            name=f"voice.word_error_added.{name.replace(' ', '_')}",
            value=max(words.error - clean.error, 0.0) * 100,
            unit="points",
            reference=MOST_ADDED * 100,
            target=1.0,
        )
        for name, words in rough.items()
    ]
    rows += [
        Row(
            name=f"voice.ears_load.{one.people}x{one.channels}",
            value=one.share,
            unit="processors",
            reference=MOST_LOAD,
            target=1.0,
        )
        for one in loads
    ]
    text = (
        f"{len(SENTENCES)} sentences, {len(VOICES)} voices, {len(SEEDS)} seeds, Opus of 32 kbit/s.\n\n{errors}\n\n"
        f"Packets to speech (decoding and detection), everybody talking.\n\n{cost}"
    )
    return Report(text=text, rows=tuple(rows))
