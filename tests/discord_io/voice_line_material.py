"""A line to a simulated voice channel, with an ear that writes down what it hears and a source one can fill."""

from collections import defaultdict, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import discord

from bot.discord_io.voice_line import DiscordVoiceLine
from bot.discord_io.voice_lines import VoiceLines
from bot.domain.voice import SILENCE_FRAME, LineState, Listener, OpusFrame
from tests.simulator.discord_material import TinyBot, running
from tests.simulator.discord_server import Channel, DiscordServer, Guild
from tests.simulator.discord_server.people import Person
from tests.simulator.discord_voice import Call, Dave, Speaker
from tests.simulator.voice_material import TONE, until

SPEECH = list(TONE)
DAVEY: tuple[Dave, ...] = ("davey",)


class RecordingEar:
    """`got` are frames by person without silence, `frames` all of them. `deaf_to`: who did not agree."""

    def __init__(self, deaf_to: Iterable[int] = ()) -> None:
        self.deaf_to = set(deaf_to)
        self.got: dict[int, list[bytes]] = defaultdict(list)
        self.frames: list[OpusFrame] = []
        self.people: Sequence[Listener] = ()
        self.states: list[LineState] = []

    def may_hear(self, person_id: int) -> bool:
        return person_id not in self.deaf_to

    def hear(self, frames: Sequence[OpusFrame]) -> None:
        for frame in frames:
            self.frames.append(frame)
            if frame.opus != SILENCE_FRAME:
                self.got[frame.person_id].append(frame.opus)

    def present(self, people: Sequence[Listener]) -> None:
        self.people = people

    def line_changed(self, state: LineState) -> None:
        self.states.append(state)


class Filled:
    """Gives what was put in, then nothing."""

    def __init__(self) -> None:
        self.frames: deque[bytes] = deque()
        self.reads = 0

    def read(self) -> bytes:
        self.reads += 1
        return self.frames.popleft() if self.frames else b""


@dataclass(kw_only=True)
class Scene:
    """A server with a voice channel, people in it, and the bot on a line to it."""

    discord: DiscordServer
    guild: Guild
    channel: Channel
    people: list[Person]
    speakers: list[Speaker]
    bot: TinyBot
    lines: VoiceLines
    line: DiscordVoiceLine
    ear: RecordingEar = field(default_factory=RecordingEar)
    source: Filled = field(default_factory=Filled)

    @property
    def call(self) -> Call:
        return self.channel.call

    async def says(self, person: int = 0, frames: Sequence[bytes] = SPEECH) -> None:
        """They say it, and all of it arrives, in order and as theirs."""
        speaker = self.speakers[person]
        got = self.ear.got[speaker.user_id]
        before = len(got)
        await speaker.say(frames, speed=0)
        await until(lambda: len(got) >= before + len(frames), what=f"hearing, with {dict(self.line.counters)},")
        assert got[before:] == list(frames)

    async def speaks(self, frames: Sequence[bytes] = SPEECH[:5]) -> None:
        """The bot says it, and everybody hears all of it."""
        before = {speaker: len(speaker.heard_since()) for speaker in self.call.people.values()}
        self.source.frames.extend(frames)
        self.line.wake()
        for speaker, count in before.items():
            await until(lambda speaker=speaker, count=count: len(speaker.heard_since()) >= count + len(frames))
            assert [heard.opus for heard in speaker.heard_since()][count:] == list(frames)

    async def comes_back(self, seconds: float = 6.0) -> None:
        """The line was lost and stands again. The bound is a multiple of what is allowed."""
        await until(lambda: self.ear.states[-2:] == [LineState.RECONNECTING, LineState.CONNECTED], timeout=seconds)
        await self.call.settled()

    async def is_gone(self, seconds: float = 6.0) -> None:
        await until(lambda: self.line.state is LineState.GONE, timeout=seconds)
        await until(lambda: self.ear.states[-1:] == [LineState.GONE])
        assert self.lines.of(self.guild.id) is None
        guild = self.bot.get_guild(self.guild.id)
        assert guild is None or guild.voice_client is None

    def asked(self) -> int:
        """How often the bot asked for a channel, or to leave one."""
        return sum(said["op"] == 4 for said in self.discord.gateway.sent)


def channel_of(bot: TinyBot, channel: Channel) -> Any:
    found = bot.get_channel(channel.id)
    assert isinstance(found, discord.VoiceChannel | discord.StageChannel)
    return found


@asynccontextmanager
async def on_a_line(
    *daves: Dave,
    stage: bool = False,
    prepare: Callable[[Call], None] | None = None,
    ear: RecordingEar | None = None,
    deaf_to: Iterable[int] = (),
    accuses: bool = True,
) -> AsyncGenerator[Scene]:
    """As many people as encryptions are named (one with davey, if none). `deaf_to`: whom of them, by number, the ear
    may not hear. `accuses`: in the end the bot must have done nothing that Discord's client would not."""
    async with DiscordServer() as server:
        club = server.guild("Film club")
        lounge = club.stage_channel("Stage") if stage else club.voice_channel("Lounge")
        people = [club.member(f"Person {number}") for number in range(len(daves or DAVEY))]
        if prepare is not None:
            prepare(lounge.call)
        speakers = [await who.join_voice(lounge, dave=dave) for who, dave in zip(people, daves or DAVEY, strict=True)]
        async with running(server) as bot:
            lines = VoiceLines(bot)
            line = await lines.join(channel_of(bot, lounge))
            scene = Scene(
                discord=server,
                guild=club,
                channel=lounge,
                people=people,
                speakers=speakers,
                bot=bot,
                lines=lines,
                line=line,
                ear=ear or RecordingEar(people[number].id for number in deaf_to),
            )
            line.open(scene.ear, scene.source)
            await lounge.call.settled()
            try:
                yield scene
            finally:
                await lines.aclose()
        if accuses:
            assert not server.voice.violations, server.voice.violations
