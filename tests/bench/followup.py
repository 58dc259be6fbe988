"""A second question about a clip: what it asks of the models, and how soon its first words stand there."""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from openai import AsyncOpenAI

from tests.bench.discord import first_words, serving
from tests.bench.material import make_clips
from tests.bench.report import Report, Row, table
from tests.bench.sides import DELAYS, QUESTION, ROOT, BenchMind
from tests.simulator.discord_server import DiscordServer
from tests.simulator.openai_server import Call, ChatCall, OpenAIEmulator, TranscriptionCall

_ROUNDS = 9
_LOCAL_WORK_SECONDS = 0.08
_FACTOR = 1.15


async def run(folder: Path) -> Report:
    """One clip of a minute, asked about once; then replies to the answer, each beside a bare call of the model."""
    clip = make_clips(folder)["60s"]
    emulator = OpenAIEmulator(mind=BenchMind(), delays=DELAYS, skims=True)
    shown: list[float] = []
    bare: list[float] = []
    with tempfile.TemporaryDirectory(prefix="kibitz-bench-") as one:
        work = Path(one)
        shutil.copy(ROOT / "config.toml", work / "config.toml")
        async with emulator, DiscordServer() as server:
            guild = server.guild("Bench")
            anna, general = guild.member("Anna"), guild.channel("general")
            async with serving(server, emulator, work):
                asked = await anna.post(f"@bot {QUESTION}", clip, to=general)
                answer = await server.bot.reply(to=asked, timeout=60)
                before = len(emulator.requests)
                for number in range(_ROUNDS + 1):
                    print(f"round {number} of {_ROUNDS}", file=sys.stderr, flush=True)
                    bare.append(await _first_token(emulator))
                    again = await anna.post(f"@bot {QUESTION} ({number})", to=general, reply_to=answer)
                    shown.append(await first_words(server, again))
                later = emulator.requests[before:]
    return _report(bare[1:], shown[1:], later)  # the first round warms both up


def _report(bare: list[float], shown: list[float], later: list[Call]) -> Report:
    captions = sum(isinstance(call, ChatCall) and bool(call.images) for call in later)
    transcripts = sum(isinstance(call, TranscriptionCall) for call in later)
    token, first = statistics.median(bare), statistics.median(shown)
    lines = [
        ("first token of a bare call, s", f"{token:.3f}"),
        ("first words on Discord, s", f"{first:.3f}"),
        ("slowest, s", f"{max(shown):.3f}"),
        ("caption requests", str(captions)),
        ("transcript requests", str(transcripts)),
    ]
    text = f"A second question about a clip of 60 s, {len(shown)} rounds, warm.\n\n" + table(("", "median"), lines)
    reference = token + _LOCAL_WORK_SECONDS
    row = Row(name="followup.first_text", value=first, unit="s", reference=reference, target=_FACTOR)
    paid = Row(name="followup.paid_again", value=captions + transcripts, unit="requests", reference=1, target=0)
    return Report(text=text, rows=(row, paid))


async def _first_token(emulator: OpenAIEmulator) -> float:
    """Seconds until the first words of a model that is called directly."""
    async with AsyncOpenAI(base_url=emulator.base_url, api_key=emulator.api_key) as client:
        await client.models.list()  # the connection is there already, as it is for the bot
        began = time.monotonic()
        stream = await client.chat.completions.create(
            model="gpt-5.6-luna", messages=[{"role": "user", "content": QUESTION}], stream=True
        )
        seconds = 0.0
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content and not seconds:
                seconds = time.monotonic() - began
        return seconds
