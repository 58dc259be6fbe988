"""Fifty servers that ask four questions a minute each: whether the bot keeps up, and stays as large as it was.

KIBITZ_LOAD_MINUTES: how long; ten say more about memory than the usual two. KIBITZ_LOAD_CHILDREN: how many processes of
ffmpeg work beside it all the time, as nice as those of the bot, which is none when not set.
"""

import asyncio
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from bot.media import child
from tests import clips
from tests.bench.report import Report, Row, table
from tests.bench.sides import ANSWER, BenchMind
from tests.bench.voice_scene import Scene, at, scene
from tests.simulator.discord_server import Channel, Interaction, Message, NotSeenError, Person, Upload
from tests.simulator.openai_server import Delays

SERVERS, PER_MINUTE = 50, 4
MINUTES = float(os.environ.get("KIBITZ_LOAD_MINUTES", "2"))
CHILDREN = int(os.environ.get("KIBITZ_LOAD_CHILDREN", "0"))
SETTINGS = {"JOBS__MAX_RUNNING": 16, "JOBS__MAX_WAITING": 200, "BUDGET__DAY_USD": 0, "BUDGET__SERVER_DAY_USD": 0}
"""What somebody with so many servers would set."""
QUICK = Delays(caption=0.3, transcript=0.2, first_token=0.2, per_token=0.005)

_PEOPLE = 3
_KNOWN_CLIPS = 8
_LOOK_SECONDS = 5.0
_WARM = 0.3  # of the time: until every server has asked in every way
_LONGEST_ANSWER_SECONDS = 120.0
_MOST_ACKNOWLEDGED_SECONDS, _MOST_LAG_SECONDS, _MOST_GROWN = 1.0, 0.05, 0.05
_ENDLESS = (
    "-v",
    "error",
    "-f",
    "lavfi",
    "-i",
    "testsrc2=size=1280x720",
    "-c:v",
    "mpeg4",
    "-threads",
    "1",
    "-f",
    "null",
    "-",
)
_MIX = {"a clip": 4, "a clip seen before": 4, "such a clip and a mention": 2, "a reply": 4, "a command": 3, "talk": 3}


@dataclass(slots=True, kw_only=True)
class Server:
    """Its people ask one after the other in its one channel. `last`: the latest answer there."""

    general: Channel
    people: list[Person]
    last: Message | None = None


@dataclass(slots=True, kw_only=True)
class Tally:
    """Seconds by way of asking; the pulse and the size of the bot, with when they were looked at."""

    answered: dict[str, list[float]] = field(default_factory=lambda: {way: [] for way in _MIX})
    interactions: list[Interaction] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    sizes: list[tuple[float, int]] = field(default_factory=list)
    cpu_seconds: float = 0.0


async def run(_: Path) -> Report:
    with tempfile.TemporaryDirectory(prefix="kibitz-bench-") as work:
        return await load(Path(work))


async def load(work: Path, *, servers: int = SERVERS, minutes: float = MINUTES, children: int = CHILDREN) -> Report:
    """The bot in a process of its own, Discord and OpenAI in this one."""
    shelf = [_clip(work / f"{number}.mp4", number) for number in range(_KNOWN_CLIPS)]
    async with scene(work, is_strict=False, **SETTINGS) as here, _busy(children):
        assert here.cloud is not None
        here.cloud.mind, here.cloud.delays = BenchMind(), QUICK
        places = [_server(here, number) for number in range(servers)]
        tally, began, own = Tally(), time.monotonic(), time.process_time()
        watching = asyncio.create_task(_watch(here, tally))
        asking = [_ask_on(here, one, shelf, tally, n / servers, minutes * 60) for n, one in enumerate(places)]
        await asyncio.gather(*asking)
        passed = time.monotonic() - began
        watching.cancel()
        await asyncio.wait([watching])
        await _look(here, tally)
    return _report(tally, passed, (time.process_time() - own) / passed, servers, children)


@asynccontextmanager
async def _busy(count: int) -> AsyncGenerator[None]:
    """So many children take whatever processor time they get; see bot/media/sandbox.py for how they are started."""
    program = shutil.which("ffmpeg") or "ffmpeg"
    children = [
        await asyncio.create_subprocess_exec(program, "-nostdin", *_ENDLESS, start_new_session=True)
        for _ in range(count)
    ]
    try:
        for one in children:
            os.setpriority(os.PRIO_PROCESS, one.pid, child._NICENESS)
            with suppress(OSError):
                Path(f"/proc/{one.pid}/autogroup").write_text(str(child._NICENESS), encoding="ascii")
        yield
        if any(one.returncode is not None for one in children):
            raise RuntimeError("a process of ffmpeg ended before the load did")
    finally:
        for one in children:
            if one.returncode is None:
                one.kill()
            await one.wait()


def _server(here: Scene, number: int) -> Server:
    guild = here.server.guild(f"Load {number}")
    people = [guild.member(f"Person {number} {count}") for count in range(_PEOPLE)]
    return Server(general=guild.channel("general"), people=people)


def _clip(path: Path, number: int) -> Path:
    """Three seconds in two colours."""
    names = list(clips.COLOURS)
    scenes = [(names[number % len(names)], 440), (names[(number + 3) % len(names)], 660)]
    clips.colour_tone_clip(path, scenes=scenes, seconds=1.5, fps=15, size=(320, 180))
    return path


async def _ask_on(here: Scene, server: Server, shelf: list[Path], tally: Tally, offset: float, seconds: float) -> None:
    """Every quarter of a minute, whether or not the question before was answered; `offset` of it later than others."""
    dice, pause = random.Random(offset), 60.0 / PER_MINUTE
    end, due = time.monotonic() + seconds, time.monotonic() + offset * pause
    questions: list[asyncio.Task[None]] = []
    number = 0
    while due < end:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        way = dice.choices(list(_MIX), list(_MIX.values()))[0]
        person = server.people[number % _PEOPLE]
        questions.append(asyncio.create_task(_ask(here, server, person, way, dice.choice(shelf), tally)))
        due, number = due + pause, number + 1
    await asyncio.gather(*questions)


async def _ask(here: Scene, server: Server, person: Person, way: str, clip: Path, tally: Tally) -> None:
    began = time.monotonic()
    try:
        asked = await _WAYS[way](server, person, clip)
        if isinstance(asked, Interaction):
            tally.interactions.append(asked)
        answer = await here.server.bot.reply(asked, timeout=_LONGEST_ANSWER_SECONDS)
    except NotSeenError:
        tally.lost.append(f"{way}: no answer")
        return
    if ANSWER[:40] not in answer.content:
        tally.lost.append(f"{way}: {answer.content[:120]}")
        return
    tally.answered[way].append(time.monotonic() - began)
    server.last = answer


async def _new_clip(server: Server, person: Person, clip: Path) -> Interaction:
    # Other bytes for the same pictures and sound: an empty box is added (ISO 14496-12, `free`).
    box = (16).to_bytes(4, "big") + b"free" + random.randbytes(8)
    upload = Upload(name="clip.mp4", data=clip.read_bytes() + box)
    return await person.slash("ask", question="What happens?", clip=upload, to=server.general)


async def _known_clip(server: Server, person: Person, clip: Path) -> Interaction:
    return await person.slash("ask", question="What is it?", clip=clip, to=server.general)


async def _mention(server: Server, person: Person, clip: Path) -> Message:
    return await person.post("@bot What is shown here?", clip, to=server.general)


async def _reply(server: Server, person: Person, clip: Path) -> Message | Interaction:
    if server.last is None or server.last.deleted:
        return await _known_clip(server, person, clip)
    return await person.post("@bot And what comes then?", reply_to=server.last)


async def _command(server: Server, person: Person, clip: Path) -> Interaction:
    return await person.slash("ask", question="What was said at the end?", to=server.general)


async def _talk(server: Server, person: Person, clip: Path) -> Message:
    return await person.post("@bot How are you today?", to=server.general)


_WAYS: dict[str, Callable[[Server, Person, Path], Awaitable[Message | Interaction]]] = {
    "a clip": _new_clip,
    "a clip seen before": _known_clip,
    "such a clip and a mention": _mention,
    "a reply": _reply,
    "a command": _command,
    "talk": _talk,
}


async def _watch(here: Scene, tally: Tally) -> None:
    await here.told()  # the start does not count
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        await _look(here, tally)
        answered = sum(map(len, tally.answered.values()))
        print(f"load: {answered} answered, {tally.sizes[-1][1] / 1e6:.0f} MB", file=sys.stderr, flush=True)


async def _look(here: Scene, tally: Tally) -> None:
    told = await here.told()
    tally.lags += cast("list[float]", told["lags"])
    tally.cpu_seconds += cast(float, told["cpu_seconds"])
    status = Path(f"/proc/{here.process.pid}/status").read_text(encoding="ascii", errors="replace")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:"))
    tally.sizes.append((time.monotonic(), int(kilobytes) * 1024))


def grown(sizes: list[tuple[float, int]]) -> tuple[float, float]:
    """Bytes after the warm-up, and at the end: medians of the first and the last third of what comes after it."""
    began, ended = sizes[0][0], sizes[-1][0]
    warm = [size for when, size in sizes if when >= began + _WARM * (ended - began)]
    third = max(1, len(warm) // 3)
    return statistics.median(warm[:third]), statistics.median(warm[-third:])


def _report(tally: Tally, passed: float, simulation: float, servers: int, children: int) -> Report:
    late = sorted(one.acknowledged_after_seconds or _LONGEST_ANSWER_SECONDS for one in tally.interactions)
    lags, (before, after) = sorted(tally.lags), grown(tally.sizes)
    asked = sum(map(len, tally.answered.values())) + len(tally.lost)
    everything = sorted(second for seconds in tally.answered.values() for second in seconds)
    lines = [
        (way, str(len(seconds)), *(f"{at(sorted(seconds), place):.2f}" for place in (0.5, 0.99)))
        for way, seconds in (*tally.answered.items(), ("all", everything))
        if seconds
    ]
    text = (
        f"{servers} servers, {PER_MINUTE} questions a minute in each, for {passed / 60:.1f} minutes; the bot in a "
        f"process of its own, {children} busy processes of ffmpeg beside it.\n"
        f"{asked} asked, {len(tally.lost)} not answered, {len(late)} by a command. Processors: "
        f"the bot {tally.cpu_seconds / passed:.2f} without its children, the simulation {simulation:.2f}.\n"
        f"Acknowledged after {at(late, 0.5) * 1000:.0f} ms (median), {at(late, 0.99) * 1000:.0f} ms (p99); loop late "
        f"{at(lags, 0.5) * 1000:.1f} ms (median), {at(lags, 0.99) * 1000:.1f} ms (p99); "
        f"{before / 1e6:.0f} MB after the warm-up, {after / 1e6:.0f} MB at the end.\n\n"
        + table(("answered", "questions", "median s", "p99 s"), lines)
        + "".join(f"\nNot answered: {words}" for words in tally.lost[:5])
    )
    rows = (
        Row(
            name="load.acknowledged.p99", value=at(late, 0.99), unit="s", reference=_MOST_ACKNOWLEDGED_SECONDS, target=1
        ),
        Row(name="load.loop_lag.p99", value=at(lags, 0.99), unit="s", reference=_MOST_LAG_SECONDS, target=1),
        Row(name="load.grown", value=abs(after / before - 1), unit="of itself", reference=_MOST_GROWN, target=1),
        Row(name="load.lost", value=float(len(tally.lost)), unit="questions", reference=float(asked), target=0),
        Row(name="load.answered.p50", value=at(everything, 0.5), unit="s"),
        Row(name="load.answered.p99", value=at(everything, 0.99), unit="s"),
    )
    return Report(text=text, rows=rows)
