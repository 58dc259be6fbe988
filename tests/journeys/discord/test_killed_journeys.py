"""SIGKILL at any moment of whole journeys: every question is answered, once, and nothing that was paid is paid again.

KIBITZ_KILLS: how often; 200 take about 25 minutes.
"""

import asyncio
import os
import random
import re
import signal
import sqlite3
import struct
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest

from bot.jobs.bookings import BookingState
from tests import clips
from tests.journeys.discord.outside import Process, started
from tests.simulator.discord_server import Channel, DiscordServer, Interaction, Message, Person
from tests.simulator.openai_server import ChatCall, HonestMind, OpenAIEmulator
from tests.simulator.running import environment

KILLS = int(os.environ.get("KIBITZ_KILLS", "3"))
SEED = int(os.environ.get("KIBITZ_SEED", "20261130"))
KINDS = ("mention with a clip", "spoken command", "private command", "mention", "direct message with a clip")
_NUMBER = re.compile(r"question (\d+)\?")
_STARTING = 0.2  # of the processes are killed while they start


def answer_to(call: ChatCall) -> str:
    """Two messages long, except where it is spoken; each sentence says which question it answers."""
    number = _NUMBER.findall(call.text)[-1]
    if int(number) % len(KINDS) == 1:
        return f"Answer {number} is short."
    filler = " ".join(f"Answer {number} goes on, {word}." for word in ("first", "second", "third") * 18)
    return f"Answer {number} begins here. {filler}\n\nAnswer {number} ends here. {filler}"


class Journey:
    """One question, and what came of it."""

    def __init__(self, number: int, asked: Message | Interaction) -> None:
        self.number = number
        self.asked = asked

    def said(self, discord: DiscordServer) -> list[Message]:
        if isinstance(self.asked, Interaction):
            self.asked.look()
        return [message for message in discord.bot.replies(self.asked) if not message.deleted]

    def is_done(self, discord: DiscordServer) -> bool:
        """The last message of an answer carries the buttons; where it is spoken, the sound comes after them."""
        said = self.said(discord)
        has_buttons = any(button.label == "Transcript" or button.label == "Speak" for m in said for button in m.buttons)
        is_there = f"Answer {self.number} " in "".join(message.content for message in said)
        is_spoken = self.number % len(KINDS) != 1 or any(message.is_voice_message for message in said)
        return is_there and is_spoken and (has_buttons or self.number % len(KINDS) in (1, 2, 3))


@pytest.fixture
def settings(discord: DiscordServer, cloud: OpenAIEmulator, tmp_path: Path) -> dict[str, str]:
    caps = {"BUDGET__PERSON_DAY_USD": 0, "BUDGET__SERVER_DAY_USD": 0, "BUDGET__DAY_USD": 1000}
    return environment(discord, cloud, tmp_path / "data", MEMORY__SUMMARIES="false", **caps)


@pytest.mark.timeout(90 + 60 * KILLS)
async def test_every_question_is_answered_once_and_paid_once(
    settings: dict[str, str],
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    general: Channel,
    anna: Person,
    ben: Person,
    tmp_path: Path,
    make_clip: Callable[[int], Path],
) -> None:
    cloud.mind = HonestMind(answers=answer_to)
    dice = random.Random(SEED)
    journeys: list[Journey] = []
    chat = ben.private(anna)

    async def ask(number: int) -> Journey:
        words, kind = f"question {number}?", KINDS[number % len(KINDS)]
        clip = make_clip(number)
        match kind:
            case "mention with a clip":
                asked: Message | Interaction = await anna.post(f"@bot {words}", clip, to=general)
            case "spoken command":
                asked = await anna.slash("ask", question=words, clip=clip, speak=True, to=general)
            case "private command":
                asked = await anna.slash("ask", question=words, to=chat)
            case "mention":
                asked = await ben.post(f"@bot {words}", to=general)
            case _:
                asked = await ben.dm(words, clip)
        return Journey(number, asked)

    async def done(journey: Journey) -> None:
        await discord.bot.until(lambda: journey.is_done(discord), timeout=90, what=f"the end of {journey.number}")

    async with AsyncExitStack() as stack:
        process = await begin(stack, tmp_path, settings, discord)
        loop = asyncio.get_running_loop()
        longest = 1.0
        for number in range(len(KINDS)):  # undisturbed, to learn how long each takes
            began = loop.time()
            journeys.append(await ask(number))
            await done(journeys[-1])
            longest = max(longest, loop.time() - began)
        kills = 0
        while kills < KILLS:
            journeys.append(await ask(len(journeys)))
            await asyncio.sleep(dice.uniform(0.0, 1.1 * longest))
            await kill(process, discord)
            kills += 1
            while dice.random() < _STARTING and kills < KILLS:
                process = await begin(stack, tmp_path, settings, discord, online=False)
                await asyncio.sleep(dice.uniform(0.0, 4.0))
                await kill(process, discord)
                kills += 1
            process = await begin(stack, tmp_path, settings, discord)
            await done(journeys[-1])
        process.send(signal.SIGTERM)
        assert await process.end() == 0

    for journey in journeys:
        text = "".join(message.content for message in journey.said(discord))
        files = [file.bytes for message in journey.said(discord) for file in message.files if file.name.endswith(".md")]
        if f"Answer {journey.number} ends here" not in text:  # private, and killed while it was being posted
            text += b"".join(files).decode()
        assert text.count(f"Answer {journey.number} ends here") + text.count("is short.") == 1, text
        sounds = [message for message in journey.said(discord) if message.is_voice_message]
        assert len(sounds) == (journey.number % len(KINDS) == 1)
    check_payments(cloud, tmp_path / "data" / "kibitz.db", journeys)


def check_payments(cloud: OpenAIEmulator, database: Path, journeys: list[Journey]) -> None:
    """Of each role there are no more calls than there is work, but for those in flight when the process was killed,
    whose outcome nobody knows: each of them is booked at the most it can have cost."""
    numbers = [journey.number % len(KINDS) for journey in journeys]
    with_clip = sum(number in (0, 1, 4) for number in numbers)
    work = {"captions": with_clip, "transcripts": with_clip, "chat": len(journeys), "speech": numbers.count(1)}
    made = {
        "captions": len(cloud.captions),
        "transcripts": len(cloud.transcriptions),
        "chat": len(cloud.answers),
        "speech": len(cloud.speeches),
    }
    with closing(sqlite3.connect(database)) as connection:
        rows = connection.execute("SELECT role, state, count(*) FROM bookings GROUP BY role, state").fetchall()
        open_rows = connection.execute("SELECT count(*) FROM steps").fetchone()
        check = connection.execute("PRAGMA integrity_check").fetchone()
    presumed: Counter[str] = Counter({role: n for role, state, n in rows if state == BookingState.PRESUMED})
    print(f"\nwork {work}, calls {made}, in flight when killed {dict(presumed)}, of {rows}")
    assert check == ("ok",)
    assert open_rows == (0,), "what was kept for unfinished work is gone with it"
    for role, wanted in work.items():
        assert wanted <= made[role] <= wanted + presumed[role], role


async def begin(
    stack: AsyncExitStack, folder: Path, settings: dict[str, str], discord: DiscordServer, *, online: bool = True
) -> Process:
    process = await stack.enter_async_context(started(folder, settings))
    if online:
        await discord.bot.online(timeout=90)
    return process


async def kill(process: Process, discord: DiscordServer) -> None:
    process.send(signal.SIGKILL)
    await process.end()
    await discord.bot.until(lambda: not discord.bot.is_online)
    assert "Traceback" not in process.errors, process.errors


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[[int], Path]:
    """Half a second with a tone, another file for each number; pictures and sound are those of none that is near, or
    its results could serve twice while it is not finished."""
    looks = list(zip(("green", "red", "blue", "yellow", "purple", "orange"), clips.TONES_HZ, strict=False))

    def made(number: int) -> Path:
        base = tmp_path / f"base-{number % len(looks)}.mp4"
        if not base.exists():
            scene = looks[number % len(looks)]
            clips.colour_tone_clip(base, scenes=[scene], seconds=0.5, fps=4, size=(160, 90))
        path = tmp_path / f"clip-{number}.mp4"
        path.write_bytes(base.read_bytes() + struct.pack(">I4sI", 12, b"free", number))
        return path

    return made
