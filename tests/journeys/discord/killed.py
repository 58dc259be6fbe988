"""Questions of every kind, asked while processes are killed, and what must hold of them at the end.

KIBITZ_KILLS: how often; 200 take about half an hour. KIBITZ_SEED: at other moments.
"""

import os
import re
import struct
from collections import Counter
from pathlib import Path

from sqlalchemy import func, select

from bot.database.engine import Database
from bot.database.tables import BookingRow, StepRow
from bot.jobs.bookings import BookingState
from tests import clips
from tests.simulator.discord_server import Channel, DiscordServer, Interaction, Message, Person
from tests.simulator.openai_server import ChatCall, OpenAIEmulator

KILLS = int(os.environ.get("KIBITZ_KILLS", "1"))
SEED = int(os.environ.get("KIBITZ_SEED", "20261130"))
KINDS = ("mention with a clip", "spoken command", "private command", "mention", "direct message with a clip")
SETTINGS = {
    "MEMORY__SUMMARIES": "false",
    "BUDGET__PERSON_DAY_USD": 0,
    "BUDGET__SERVER_DAY_USD": 0,
    "BUDGET__DAY_USD": 1000,
}
_NUMBER = re.compile(r"question (\d+)\?")


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

    def check(self, discord: DiscordServer) -> None:
        """It was answered once, whole, and spoken once where that was wanted."""
        said = self.said(discord)
        text = "".join(message.content for message in said)
        end = f"Answer {self.number} ends here"
        if end not in text:  # private, and killed while it was being posted
            text += b"".join(file.bytes for m in said for file in m.files if file.name.endswith(".md")).decode()
        assert text.count(end) + text.count("is short.") == 1, text
        sounds = [message for message in said if message.is_voice_message]
        assert len(sounds) == (self.number % len(KINDS) == 1)


class Asking:
    """Two people in one channel and in private, who ask one question after the other, each about a clip of its own."""

    def __init__(self, discord: DiscordServer, general: Channel, anna: Person, ben: Person, folder: Path) -> None:
        self.journeys: list[Journey] = []
        self._discord = discord
        self._general = general
        self._anna = anna
        self._ben = ben
        self._chat = ben.private(anna)
        self._folder = folder
        self._looks = list(zip(("green", "red", "blue", "yellow", "purple", "orange"), clips.TONES_HZ, strict=False))

    async def ask(self) -> Journey:
        """The next question, of the next kind."""
        number = len(self.journeys)
        words, clip = f"question {number}?", self._clip(number)
        match KINDS[number % len(KINDS)]:
            case "mention with a clip":
                asked: Message | Interaction = await self._anna.post(f"@bot {words}", clip, to=self._general)
            case "spoken command":
                asked = await self._anna.slash("ask", question=words, clip=clip, speak=True, to=self._general)
            case "private command":
                asked = await self._anna.slash("ask", question=words, to=self._chat)
            case "mention":
                asked = await self._ben.post(f"@bot {words}", to=self._general)
            case _:
                asked = await self._ben.dm(words, clip)
        self.journeys.append(Journey(number, asked))
        return self.journeys[-1]

    async def done(self, journey: Journey) -> None:
        """Wait for its end."""
        what = f"the end of {journey.number}"
        await self._discord.bot.until(lambda: journey.is_done(self._discord), timeout=90, what=what)

    async def check(self, cloud: OpenAIEmulator, database: Database) -> None:
        """Every question was answered once. Of each role there are no more calls than there is work, but for those in
        flight when a process was killed, whose outcome nobody knows: each is booked at the most it can have cost, or
        held back at that, which becomes the same after a quarter of an hour."""
        for journey in self.journeys:
            journey.check(self._discord)
        assert self._discord.most_refused <= 100
        numbers = [journey.number % len(KINDS) for journey in self.journeys]
        with_clip = sum(number in (0, 1, 4) for number in numbers)
        work = {"captions": with_clip, "transcripts": with_clip, "chat": len(numbers), "speech": numbers.count(1)}
        made = {
            "captions": len(cloud.captions),
            "transcripts": len(cloud.transcriptions),
            "chat": len(cloud.answers),
            "speech": len(cloud.speeches),
        }
        kinds = select(BookingRow.role, BookingRow.state, func.count()).group_by(BookingRow.role, BookingRow.state)
        rows = (await database.read(lambda session: session.execute(kinds))).all()
        kept = await database.read(lambda session: session.scalar(select(func.count()).select_from(StepRow)))
        unknown: Counter[str] = Counter()
        for role, state, count in rows:
            if state in {BookingState.PRESUMED, BookingState.OPEN}:
                unknown[role] += count
        print(f"\n{len(numbers)} questions: work {work}, calls {made}, in flight when killed {dict(unknown)}")
        assert kept == 0, "what was kept for unfinished work is gone with it"
        for role, wanted in work.items():
            assert wanted <= made[role] <= wanted + unknown[role], role

    def _clip(self, number: int) -> Path:
        """Half a second with a tone, another file for each number; pictures and sound are those of none that is near,
        or its results could serve twice while it is not finished."""
        base = self._folder / f"base-{number % len(self._looks)}.mp4"
        if not base.exists():
            scene = self._looks[number % len(self._looks)]
            clips.colour_tone_clip(base, scenes=[scene], seconds=0.5, fps=4, size=(160, 90))
        path = self._folder / f"clip-{number}.mp4"
        path.write_bytes(base.read_bytes() + struct.pack(">I4sI", 12, b"free", number))
        return path
