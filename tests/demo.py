"""`make demo`: the real bot on a simulated Discord, asked in writing and aloud; exits with 1 when it is not true.

Without OPENAI_API_KEY everything is worked out on this machine; with it, by the models.
"""

import asyncio
import base64
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests import clips
from tests.demo_voice import VoiceStage
from tests.simulator.discord_server import DiscordServer, Interaction, Message, Person, VoiceMessage
from tests.simulator.running import environment

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "demo"
CLIP = FOLDER / "clip.mp4"
SPOKEN = FOLDER / "question.ogg"
SLIDES = [
    ("Page one", "this is the first page"),
    ("Meeting at nine", "the meeting starts at nine in the morning"),
    ("Three people", "there are three people in the room"),
]
QUESTION = "What did the sign say when someone said nine?"
SPOKEN_QUESTION = "how many people are in the room"
FACT = "The meeting room is on the second floor."
LONGEST_WAIT_SECONDS = 120.0
_ESCAPED = re.compile(r"\\([^\w\s])")  # a mark that Discord shows as itself


def main() -> int:
    """Make the clip, play a person who asks, and check what came out."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    print("Making a clip of three signs, each with a sentence spoken over it, and a spoken question …", flush=True)
    clips.slides_with_speech(CLIP, SLIDES)
    wave = SPOKEN.with_suffix(".wav")
    clips.speech(SPOKEN_QUESTION, wave)
    subprocess.run(
        ["ffmpeg", "-v", "error", "-y", "-i", wave, "-ac", "1", "-ar", "48000", "-c:a", "libopus", SPOKEN], check=True
    )
    wave.unlink()
    problems = asyncio.run(play())
    for problem in problems:
        print(f"Not true: {problem}", file=sys.stderr)
    print("All of it is true." if not problems else "")
    return 1 if problems else 0


async def play() -> list[str]:
    """The conversation, printed as it happens; what of it is not as it should be."""
    shutil.rmtree(FOLDER / "data", ignore_errors=True)
    async with DiscordServer() as server:
        club = server.guild("Film club")
        anna, general = club.member("Anna"), club.channel("general")
        async with bot(server) as process:
            stage = Stage(server)
            print(f"\n#{general.name}, as Anna sees it:\n", flush=True)
            asked = await anna.post(f"@bot {QUESTION}", CLIP, to=general)
            first = await stage.follow(asked, f"{QUESTION}  📎 {CLIP.name}")
            pressed = await anna.press(first, "Speak")
            await stage.follow(pressed, "presses [Speak]")
            voice = await stage.voice_message(answer_file(1))
            spoken = await anna.post("", VoiceMessage(SPOKEN), reply_to=first)
            second = await stage.follow(spoken, f"🎤 voice message: “{SPOKEN_QUESTION}”")
            other = await stage.voice_message(answer_file(2))
            pressed = await anna.press(first, "Frames")
            frames = await stage.follow(pressed, "presses [Frames]")
            (FOLDER / "storyboard.png").write_bytes(frames.files[0].bytes)
            process.terminate()
            code = await asyncio.wait_for(process.wait(), 30)
        print("\nThe bot is stopped and started again; it fetches nothing from here on.\n", flush=True)
        async with bot(server) as process:
            fetched = downloads(server)
            again = await anna.post("And what did the sign say about people?", reply_to=first)
            third = await stage.follow(again, "And what did the sign say about people?  ↩ the first answer")
            pinned = await anna.slash("memory remember", text=FACT, to=general)
            await stage.follow(pinned, f"/memory remember {FACT}")
            shown = await stage.follow(await anna.slash("memory show", to=general), "/memory show")
            found = await stage.follow(
                await anna.slash("memory search", text="nine", to=general), "/memory search nine"
            )
            taken = await stage.follow(await anna.slash("forget", what="me", to=general), "/forget me")
            await stage.press(anna, taken, "Forget")
            refetched = downloads(server) - fetched
            left = words_left()
            print("\nIn the voice channel “Lounge”:\n", flush=True)
            talk = VoiceStage(server, FOLDER)
            await talk.play(club, anna, CLIP)
            process.terminate()
            code = code or await asyncio.wait_for(process.wait(), 30)
        saved = [*(answer_file(number) for number in (1, 2)), FOLDER / "storyboard.png", *talk.saved]
        print(f"\nSaved      {', '.join(str(path.relative_to(ROOT)) for path in saved)}")
        problems = [*talk.problems, *check(first, second), *check_sound(voice, 1), *check_sound(other, 2)]
        problems += check_memory(third, shown, found, refetched, left)
        if code != 0:
            problems.append(f"the bot ended with exit code {code}")
        problems += [f"Discord does not know {request}" for request in server.unknown_requests]
        problems += [f"{item.name}: {item.failed}" for item in server.interactions if item.failed]
        problems += [f"{message.content!r} pings {message.pings}" for message in server.bot.messages() if message.pings]
        return problems


@asynccontextmanager
async def bot(server: DiscordServer) -> AsyncGenerator[asyncio.subprocess.Process]:
    """`python -m bot run` as people start it, with what it says at the start on show."""
    here = environment(server, None, FOLDER / "data", LOG__LEVEL="warning")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DISCORD_")}
    print("$ python -m bot run", flush=True)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bot", "run", cwd=ROOT, env=kept | here)
    try:
        await server.bot.online()
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


class Stage:
    """Prints what is new in the channel, with the seconds since the first message."""

    def __init__(self, server: DiscordServer) -> None:
        self._server = server
        self._began = time.monotonic()
        self._shown: set[tuple[int, int]] = set()

    async def follow(self, to: Message | Interaction, said: str) -> Message:
        """What a person said or did, and what the bot does about it, until it is settled."""
        self._line("Anna", said)
        deadline = time.monotonic() + LONGEST_WAIT_SECONDS
        while time.monotonic() < deadline:
            replies = self._server.bot.replies(to)
            for message in replies:
                self._show(message)
            settled = next((message for message in replies if message.is_settled and not message.deleted), None)
            if settled is not None:
                self._buttons(settled)
                return settled
            await asyncio.sleep(0.02)
        raise TimeoutError(f"no answer within {LONGEST_WAIT_SECONDS:g} s")

    async def press(self, person: Person, message: Message, button: str) -> None:
        """A button under a message, and what becomes of the message."""
        self._line(person.name, f"presses [{button}]")
        before = len(message.edits)
        await person.press(message, button)
        await self._server.bot.until(lambda: len(message.edits) > before, what=f"{button} to be done")
        self._show(message)

    async def voice_message(self, path: Path) -> Message:
        """The next voice message, saved."""
        message = await self._server.bot.next_message(settled=lambda one: one.is_voice_message)
        [file] = message.files
        path.write_bytes(file.bytes)
        points = len(base64.b64decode(file.waveform or ""))
        self._line("Kibitz", f"🔊 voice message of {file.duration_secs:.1f} s, {points} points of loudness")
        return message

    def _show(self, message: Message) -> None:
        for content in (*(content for _, content in message.edits), message.content):
            if content and (message.id, hash(content)) not in self._shown:
                is_new = all(shown != message.id for shown, _ in self._shown)
                self._shown.add((message.id, hash(content)))
                self._line("Kibitz" if is_new else "     ✎", plain(content))

    def _buttons(self, message: Message) -> None:
        if message.buttons:
            self._line("", " ".join(f"[{button.label}]" for button in message.buttons))
        for file in message.files:
            self._line("", f"📎 {file.name} ({file.description})")

    def _line(self, who: str, text: str) -> None:
        head = f"{time.monotonic() - self._began:5.1f} s  {who:<7}"
        print(
            "\n".join(f"{head if n == 0 else ' ' * len(head)} {line}" for n, line in enumerate(text.split("\n"))),
            flush=True,
        )


def check(first: Message, second: Message) -> list[str]:
    """What the answers should have said and did not."""
    problems = []
    if SLIDES[1][0].casefold() not in first.content.casefold() or "0:03" not in first.content:
        problems.append("the first answer does not say what the sign says, and when")
    if "three people" not in second.content.casefold():
        problems.append("the second answer does not say how many people there are")
    return problems


def check_memory(third: Message, shown: Message, found: Message, refetched: int, left: set[str]) -> list[str]:
    """What the memory should hold, and what nothing on the disk may hold any more."""
    problems = []
    if SLIDES[2][0].casefold() not in third.content.casefold() or refetched:
        problems.append("the question after the restart was not answered from memory")
    if FACT not in plain(shown.content) or SLIDES[1][0].casefold() not in found.content.casefold():
        problems.append("what was remembered is not shown or not found")
    problems += [f"{word!r} is still on the disk after /forget me" for word in sorted(left)]
    return problems


def words_left() -> set[str]:
    """What of the words that were said the files of the bot hold."""
    files = [path for path in (FOLDER / "data").rglob("*") if path.is_file()]
    words = (FACT, QUESTION, SLIDES[1][1], SLIDES[1][0])
    return {word for word in words for path in files if word.encode() in path.read_bytes()}


def downloads(server: DiscordServer) -> int:
    """How often a file was fetched."""
    return sum(request.template == "cdn" for request in server.requests)


def plain(content: str) -> str:
    """As Discord shows it."""
    return _ESCAPED.sub(r"\1", content)


def answer_file(number: int) -> Path:
    """Where the voice message of an answer is saved."""
    return FOLDER / f"answer-{number}.ogg"


def check_sound(message: Message, number: int) -> list[str]:
    """A voice message can be played, is as long as it says, and its waveform follows its sound."""
    [file] = message.files
    command = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", answer_file(number)]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    problems = []
    if abs(float(told or 0) - (file.duration_secs or 0)) > 0.2:
        problems.append(f"a voice message of {float(told or 0):.1f} s says it has {file.duration_secs} s")
    if len(set(base64.b64decode(file.waveform or ""))) < 4:
        problems.append("the waveform of a voice message is flat")
    return problems


if __name__ == "__main__":
    sys.exit(main())
