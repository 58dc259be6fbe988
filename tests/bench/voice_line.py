"""What joining and leaving voice channels leaves behind, over many cycles in the simulated Discord."""

import asyncio
import gc
import os
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from bot.discord_io.voice_connection import LineVoiceClient
from bot.discord_io.voice_line import DiscordVoiceLine
from bot.discord_io.voice_lines import VoiceLines
from tests.discord_io.voice_line_material import SPEECH, Filled, RecordingEar, channel_of
from tests.simulator.discord_material import TinyBot, running
from tests.simulator.discord_server import DiscordServer
from tests.simulator.voice_material import until

_WARM_UP_CYCLES = 3
_CODES = (1006, 4006, 4009, 4015)
_LATE_SECONDS = 0.2
_OPEN_FILES = Path("/proc/self/fd")


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What this process has at one moment. `clients` and `lines` are those the collector of garbage still finds."""

    threads: int
    files: int
    tasks: int
    clients: int
    lines: int
    rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Soaked:
    """Before the first cycle that counts, and after the last. `violations`: what the bot did wrong."""

    cycles: int
    before: Household
    after: Household
    violations: tuple[str, ...]


async def soak(cycles: int) -> Soaked:
    """Join, hear a person, be heard, in every fourth cycle lose the connection and come back, leave; and again."""
    async with DiscordServer() as server:
        club = server.guild("Film club")
        lounge, anna, chen = club.voice_channel("Lounge"), club.member("Anna"), club.member("Chen")
        speaker = await anna.join_voice(lounge)
        listener = await chen.join_voice(lounge, dave="libdave")
        async with running(server) as bot:
            lines = VoiceLines(bot)
            before = None
            for cycle in range(_WARM_UP_CYCLES + cycles):
                if cycle == _WARM_UP_CYCLES:
                    before = await _household()
                _forget_rates(server, bot)
                line = await lines.join(channel_of(bot, lounge))
                ear, source = RecordingEar(), Filled()
                line.open(ear, source)
                await lounge.call.settled()
                if cycle % 4 == 3:
                    lounge.call.hang_up(_CODES[cycle // 4 % len(_CODES)])
                    await until(lambda ear=ear: len(ear.states) >= 2)
                    await lounge.call.settled()
                await speaker.say(SPEECH[:5], speed=0)
                await until(lambda ear=ear: ear.got[anna.id] == SPEECH[:5])
                heard = len(listener.heard_since())
                source.frames.extend(SPEECH[:2])
                line.wake()
                await until(lambda heard=heard: len(listener.heard_since()) == heard + 2)
                await until(lambda: listener.heard[-1].is_silence)
                await line.aclose()
                del line, ear, source
            assert before is not None
            after = await _household()
            await lines.aclose()
    return Soaked(cycles=cycles, before=before, after=after, violations=tuple(server.voice.violations))


def _forget_rates(server: DiscordServer, bot: TinyBot) -> None:
    """So much joining and leaving is more than Discord allows in a minute."""
    for connection in server.gateway.connections:
        connection.sent_by_client.clear()
    limits = bot._get_websocket(shard_id=0)._rate_limiter
    limits.remaining = limits.max


async def _household() -> Household:
    await asyncio.sleep(_LATE_SECONDS)  # threads and sockets that were told to end do so a moment later
    gc.collect()
    kinds = [type(each) for each in gc.get_objects()]
    return Household(
        threads=threading.active_count(),
        files=sum(1 for _ in _OPEN_FILES.iterdir()) if _OPEN_FILES.exists() else 0,
        tasks=len(asyncio.all_tasks()),
        clients=kinds.count(LineVoiceClient),
        lines=kinds.count(DiscordVoiceLine),
        rss_bytes=_rss_bytes(),
    )


def _rss_bytes() -> int:
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else 0


def main() -> None:
    """`python -m tests.bench.voice_line 200`"""
    soaked = asyncio.run(soak(int(sys.argv[1])))
    print(f"{soaked.cycles} cycles\nbefore {soaked.before}\nafter  {soaked.after}\n{soaked.violations}")


if __name__ == "__main__":
    main()
