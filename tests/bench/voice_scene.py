"""A voice channel to measure in: the bot in a process of its own, people of flite, an emulated cloud or none."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import numpy as np

from tests.bench.sides import ROOT, clean_environment
from tests.simulator.discord_server import Channel, DiscordServer, Guild, Person
from tests.simulator.discord_voice import Speaker, sound
from tests.simulator.openai_server import ChatCall, Delays, HeardSegment, HonestMind, OpenAIEmulator, TranscriptionCall
from tests.simulator.openai_server.sound import SPEECH_RATE_HZ, HeardAudio
from tests.simulator.running import environment

BRISK = Delays(transcript=0.15, first_token=0.3, first_speech_byte=0.1)
"""A quick cloud."""
QUESTIONS = (
    "What colour is the sign over the door?",
    "How many people are in the room?",
    "What happened at the end of the second clip?",
    "Tell me more about the weather in the north.",
    "What happened after the second goal?",
    "Where did they put the keys?",
)
VOICES = ("slt", "rms", "kal16")
_LETTERS_PER_SECOND = 15
_QUIET_SECONDS = 0.5
_LONGEST_ANSWER_SECONDS = 60.0
_AUDIBLE = 300
_GOODBYE_SECONDS = 20.0


class BriskMind(HonestMind):
    """Takes no processor time. `hears` what the scene says is said; gives `answer_of` the last question. Answers that
    begin alike are spoken as the same tone, so that one can tell whose sound it is."""

    def __init__(self) -> None:
        super().__init__()
        self.said = ""
        self.reply = "It is red."
        self._tones: dict[tuple[float, float], bytes] = {}

    def listen(self, audio: HeardAudio, call: TranscriptionCall) -> list[HeardSegment]:
        return [HeardSegment(start_seconds=0.0, end_seconds=audio.duration_seconds, text=self.said)]

    def answer(self, call: ChatCall) -> str:
        return self.reply

    def speak(self, text: str, voice: str, speed: float) -> bytes:
        hertz = pitch_of(text)
        key = hertz, max(len(text) / _LETTERS_PER_SECOND, 0.4)
        if key not in self._tones:
            at = np.arange(int(SPEECH_RATE_HZ * key[1])) / SPEECH_RATE_HZ
            self._tones[key] = (9000 * np.sin(2 * np.pi * hertz * at)).astype("<i2").tobytes()
        return self._tones[key]


def pitch_of(text: str) -> float:
    """Of the tone as which an answer is spoken."""
    return 300.0 if text.startswith("This is sentence") else 700.0


@dataclass
class Scene:
    """`club` holds the `lounge`; both sides of the wire run on one clock."""

    server: DiscordServer
    cloud: OpenAIEmulator | None
    mind: BriskMind
    club: Guild
    lounge: Channel
    process: asyncio.subprocess.Process = field(repr=False)

    async def told(self) -> dict[str, object]:
        """What the bot spent, and how late its loop was, since the last time."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the bot has no pipes")
        self.process.stdin.write(b"\n")
        await self.process.stdin.drain()
        return json.loads(await asyncio.wait_for(self.process.stdout.readline(), 20))


async def answered(person: Person, command: str, channel: Channel, **options: object) -> str:
    """What the bot says to who used the command."""
    asked = await person.slash(command, to=channel, **options)
    bot = person.world.witness
    reply = await bot.reply(asked, settled=lambda post: post.ephemeral_for is person and bool(post.content))
    return reply.content


async def joined(person: Person, channel: Channel, *, calls: bool) -> Speaker:
    """In the channel and heard there; `calls`: the bot is called in first."""
    speaker = await person.join_voice(channel)
    if calls:
        await answered(person, "voice join", channel)
    await channel.call.settled()
    await answered(person, "voice consent yes", channel)
    return speaker


@asynccontextmanager
async def scene(
    work: Path, *, is_offline: bool = False, is_strict: bool = True, **settings: object
) -> AsyncGenerator[Scene]:
    """The bot is online. `settings` as in tests/simulator/running.py. `is_strict` False: under more load than this
    machine bears, the voice server does not see frames in time."""
    shutil.copy(ROOT / "config.toml", work / "config.toml")
    mind = BriskMind()
    cloud = OpenAIEmulator(mind=mind, delays=BRISK, skims=True)
    async with cloud, DiscordServer(message_content_allowed=True) as server:
        club = server.guild("Bench")
        club.member("Olga")
        used = None if is_offline else cloud
        env = clean_environment() | environment(server, used, work / "data", LOG__LEVEL="warning", **settings)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.voice_bot", str(work / "config.toml"), env=env, cwd=work,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=2**24,
        )  # fmt: skip
        try:
            await server.bot.online()
            yield Scene(
                server=server, cloud=used, mind=mind, club=club, lounge=club.voice_channel("Lounge"), process=process
            )
            if is_strict and server.voice.violations:
                raise AssertionError(f"the voice server objects: {server.voice.violations[:5]}")
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), _GOODBYE_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


def spoken(folder: Path, text: str, voice: str) -> bytes:
    """A person of flite, from the first sound to the last."""
    path = folder / f"{voice}.wav"
    subprocess.run(["flite", "-voice", voice, "-t", text, "-o", str(path)], check=True)
    samples = np.frombuffer(sound.read_wave(path), np.int16)
    loud = np.flatnonzero(np.abs(samples.astype(np.int32)) > _AUDIBLE)
    return samples[loud[0] : loud[-1] + 1].tobytes()


async def ask(speaker: Speaker, pcm: bytes) -> float:
    """Seconds from the last spoken packet to the first audible packet back."""
    said = await speaker.say(pcm)
    first = await speaker.hear_something(after=said.audible_until, timeout=30)
    return first.at - said.audible_until


async def silence(speaker: Speaker) -> None:
    """Wait until the bot has said all."""
    async with asyncio.timeout(_LONGEST_ANSWER_SECONDS):
        while speaker.heard and monotonic() - speaker.heard[-1].at < _QUIET_SECONDS:  # noqa: ASYNC110 - silence is no event
            await asyncio.sleep(0.05)


def at(values: Sequence[float], share: float) -> float:
    """The value below which this share of all is."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
