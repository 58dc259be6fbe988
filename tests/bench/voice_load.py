"""Many people in many channels, and a long talk: processor, loop, memory."""

import asyncio
import time
from pathlib import Path
from typing import cast

from tests.bench.report import Report, Row, table
from tests.bench.voice_line import soak
from tests.bench.voice_scene import QUESTIONS, VOICES, Scene, at, joined, scene, spoken
from tests.services.voice.test_any_order import an_hour
from tests.simulator.discord_voice import Speaker, sound

PEOPLE, SERVERS, SECONDS = 8, 4, 20
CYCLES = 200
_MOST_PROCESSORS = 0.6 * 2
_MOST_LAG_SECONDS = 0.02
_MOST_GROWN_BYTES = 20e6
_MOST_LEFT = 0.05  # of a cycle: what the last one had may still be known to somebody


async def crowd(work: Path, people: int = PEOPLE, servers: int = SERVERS, seconds: int = SECONDS) -> Report:
    """Everybody talks at once, all the time, in every server."""
    async with scene(work, is_strict=False) as here:
        speakers = await _gathered(here, people, servers)
        here.mind.said = "And then we went home."
        pieces = [spoken(work, text, voice) for text in QUESTIONS for voice in VOICES]
        for pcm in pieces:
            sound.encode(pcm)
            sound.levels(pcm)
        await here.told()
        began, own = time.monotonic(), time.process_time()
        await asyncio.gather(*(_keep_talking(one, pieces, n, seconds) for n, one in enumerate(speakers)))
        passed, simulation = time.monotonic() - began, time.process_time() - own
        told = await here.told()
    cpu, lags = cast(float, told["cpu_seconds"]) / passed, cast("list[float]", told["lags"])
    lines = [
        ("the bot", f"{cpu:.2f}", f"{at(lags, 0.5) * 1000:.1f}", f"{at(lags, 0.99) * 1000:.1f}"),
        ("the simulation", f"{simulation / passed:.2f}", "", ""),
    ]
    text = f"{people} people at once in each of {servers} servers for {seconds} s, the bot in a process of its own.\n\n"
    rows = (
        Row(name="voice.load.processors", value=cpu, unit="processors", reference=_MOST_PROCESSORS, target=1.0),
        Row(name="voice.load.loop_lag.p99", value=at(lags, 0.99), unit="s", reference=_MOST_LAG_SECONDS, target=1.0),
    )
    return Report(
        text=text + table(("", "processors", "loop late, median ms", "p99 ms"), lines),
        rows=rows,
    )


async def _gathered(here: Scene, people: int, servers: int) -> list[Speaker]:
    speakers: list[Speaker] = []
    for number in range(servers):
        club = here.club if number == 0 else here.server.guild(f"Bench {number}")
        lounge = here.lounge if number == 0 else club.voice_channel("Lounge")
        for count in range(people):
            speaker = await joined(club.member(f"Person {number} {count}"), lounge, calls=count == 0)
            speaker.hears = False
            speakers.append(speaker)
    return speakers


async def _keep_talking(speaker: Speaker, pieces: list[bytes], first: int, seconds: int) -> None:
    end, number = time.monotonic() + seconds, first
    while time.monotonic() < end:
        await speaker.say(pieces[number % len(pieces)])
        number += 7


async def hour(_: Path, minutes: int = 60) -> Report:
    """An hour of talk in made-up time."""
    turns, grown = await asyncio.to_thread(an_hour, minutes)
    text = f"{minutes} minutes of talk in made-up time: {turns} answers, memory grown by {grown / 1e6:.1f} MB."
    row = Row(
        name="voice.hour.grown", value=max(grown, 0) / 1e6, unit="MB", reference=_MOST_GROWN_BYTES / 1e6, target=1.0
    )
    return Report(text=text, rows=(row,))


async def cycles(_: Path, times: int = CYCLES) -> Report:
    """Joining and leaving, some of it with a lost connection between."""
    soaked = await soak(times)
    before, after = soaked.before, soaked.after
    kinds = ("threads", "files", "tasks", "clients", "lines")
    lines = [(kind, str(getattr(before, kind)), str(getattr(after, kind))) for kind in kinds]
    lines.append(("memory, MB", f"{before.rss_bytes / 1e6:.0f}", f"{after.rss_bytes / 1e6:.0f}"))
    left = sum(max(getattr(after, kind) - getattr(before, kind), 0) for kind in kinds)
    text = f"{soaked.cycles} times joined, spoken, heard and left; every fourth time the connection was lost.\n\n"
    rows = (
        Row(
            name="voice.cycles.left_behind", value=float(left), unit="things", reference=float(times), target=_MOST_LEFT
        ),
        Row(name="voice.cycles.violations", value=float(len(soaked.violations)), unit="", reference=1.0, target=0.0),
    )
    return Report(text=text + table(("", "before", "after"), lines), rows=rows)
