"""From the posting of a clip to the first words of its answer: with Discord around it, and without."""

import asyncio
import shutil
import statistics
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.material import make_clips
from tests.bench.report import Report, Row, table
from tests.bench.sides import ANSWER, DELAYS, QUESTION, ROOT, BenchMind, clean_environment
from tests.simulator.discord_server import DiscordServer, Message
from tests.simulator.openai_server import OpenAIEmulator
from tests.simulator.running import environment

_ROUNDS = 7
_MOST_ADDED_SECONDS = 0.15


async def run(folder: Path) -> Report:
    """Both sides in turn on the same clip of 15 s, each time with other bytes, so that nothing is remembered."""
    clip = make_clips(folder)["15s"]
    emulator = OpenAIEmulator(mind=BenchMind(), delays=DELAYS, skims=True)
    with tempfile.TemporaryDirectory(prefix="kibitz-bench-") as one:
        work = Path(one)
        shutil.copy(ROOT / "config.toml", work / "config.toml")
        async with emulator, DiscordServer() as server:
            guild = server.guild("Bench")
            anna, general = guild.member("Anna"), guild.channel("general")
            async with _house(emulator, work) as house, serving(server, emulator, work):
                with_discord: list[float] = []
                without: list[float] = []
                for number in range(_ROUNDS + 1):
                    print(f"round {number} of {_ROUNDS}", file=sys.stderr, flush=True)
                    one_clip = _copy(clip, work / f"{number}.mp4", number)
                    alone = await _ask_house(house, one_clip)
                    posted = await anna.post(f"@bot {QUESTION}", one_clip, to=general)
                    seconds = await first_words(server, posted)
                    if number:  # the first round warms both sides up
                        without.append(alone)
                        with_discord.append(seconds)
    return _report(without, with_discord)


def _report(without: list[float], with_discord: list[float]) -> Report:
    added = statistics.median(with_discord) - statistics.median(without)
    lines = [
        ("median, s", f"{statistics.median(without):.3f}", f"{statistics.median(with_discord):.3f}", f"{added:.3f}"),
        ("slowest, s", f"{max(without):.3f}", f"{max(with_discord):.3f}", ""),
    ]
    text = (
        f"First words of the answer to a clip of 15 s, {len(without)} rounds, both sides warm, against the same "
        "emulated OpenAI.\nWithout Discord: from the call to the first word. With Discord: from the posting of the "
        "message to the edit that shows the first word.\n\n"
        + table(("first words", "without Discord", "with Discord", "added"), lines)
    )
    row = Row(name="discord.15s.first_text_added", value=added, unit="s", reference=_MOST_ADDED_SECONDS, target=1.0)
    shown = Row(
        name="discord.15s.first_text",
        value=statistics.median(with_discord),
        unit="s",
        reference=statistics.median(without),
    )
    return Report(text=text, rows=(row, shown))


def _copy(clip: Path, path: Path, number: int) -> Path:
    """The same pictures and sound in other bytes: an empty box is added (ISO 14496-12, `free`)."""
    path.write_bytes(clip.read_bytes() + (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big"))
    return path


async def first_words(server: DiscordServer, posted: Message) -> float:
    """Seconds from the message to the first edit that shows the beginning of the answer, however little of it."""

    def shown() -> list[float]:
        edits = [edit for reply in server.bot.replies(posted) for edit in reply.edits]
        return [at for at, content in edits if _is_beginning(content)]

    await server.bot.until(shown, timeout=60, what="the first words of the answer")
    first = min(shown())
    await server.bot.reply(to=posted, timeout=60)
    return first - posted.at_seconds


def _is_beginning(content: str) -> bool:
    words = content.rstrip("▌ ")
    return bool(words) and ANSWER.startswith(words)


async def _ask_house(house: asyncio.subprocess.Process, clip: Path) -> float:
    if house.stdin is None or house.stdout is None:
        raise RuntimeError("the side has no pipes")
    house.stdin.write(f"{clip}\n".encode())
    await house.stdin.drain()
    return float(await asyncio.wait_for(house.stdout.readline(), 60))


@asynccontextmanager
async def _house(emulator: OpenAIEmulator, work: Path) -> AsyncGenerator[asyncio.subprocess.Process]:
    env = clean_environment() | {"OPENAI_BASE_URL": emulator.base_url, "OPENAI_API_KEY": emulator.api_key}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.bench.house", str(work / "config.toml"), env=env, cwd=work,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def serving(server: DiscordServer, emulator: OpenAIEmulator, work: Path) -> AsyncGenerator[None]:
    """The bot in a process of its own, as `python -m bot run` starts it."""
    env = clean_environment() | environment(server, emulator, work / "data", LOG__LEVEL="warning")
    del env["KIBITZ_TRANSCRIPTS__MODELS"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", "--config", str(work / "config.toml"), env=env, cwd=work,
        stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await server.bot.online()
        yield
    finally:
        process.terminate()
        await process.wait()
