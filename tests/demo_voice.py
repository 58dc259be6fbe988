"""The last part of `make demo`: two people talk to the bot in a voice channel, one interrupting it.

Everything is spoken and heard for real: flite speaks for the people, the bot listens through an encrypted call, and
what the people heard of it is saved.
"""

import subprocess
import time
from pathlib import Path

from tests.simulator.discord_server import Channel, DiscordServer, Guild, Message, Person
from tests.simulator.discord_voice import Said, Speaker

WRITTEN = "What does the first sign say?"
ANNAS = "what did the sign say when someone said nine"
BENS = "please stop talking"
AGAIN = "how many people are in the room"
_VOICES = {"Anna": "rms", "Ben": "kal16"}


class VoiceStage:
    """Plays it, prints who said what and when, and collects what is not as it should be."""

    def __init__(self, server: DiscordServer, folder: Path) -> None:
        self.problems: list[str] = []
        self.saved: list[Path] = []
        self._server = server
        self._folder = folder
        self._began = time.monotonic()
        self._shown: dict[int, str] = {}

    async def play(self, club: Guild, anna: Person, clip: Path) -> None:
        """From the call to the farewell."""
        lounge, ben = club.voice_channel("Lounge"), club.member("Ben")
        anna_speaks = await anna.join_voice(lounge)
        await self._command(anna, "voice join", lounge)
        notice = await self._server.bot.next_message(
            settled=lambda one: any(button.label == "Hear me" for button in one.buttons)
        )
        await self._agree(anna, notice)
        posted = await anna.post(f"@bot {WRITTEN}", clip, to=lounge)
        self._line("Anna", f"{WRITTEN}  📎 {clip.name}")
        written = await self._server.bot.reply(posted)
        self._line("Kibitz", written.content)
        asked = await self._say("Anna", anna_speaks, ANNAS)
        await self._answered("Anna", anna_speaks, asked, wants="meeting at nine")
        ben_speaks = await ben.join_voice(lounge)
        await self._agree(ben, notice)
        asked = await self._say("Anna", anna_speaks, "what can you see in the clip")
        await anna_speaks.hear_something(after=asked.audible_until, timeout=30)
        stopped = await self._say("Ben", ben_speaks, BENS)
        await self._silent(ben_speaks, stopped)
        asked = await self._say("Anna", anna_speaks, AGAIN)
        await self._answered("Anna", anna_speaks, asked, wants="three people")
        await self._command(anna, "voice status", lounge)
        for name, speaker in (("anna", anna_speaks), ("ben", ben_speaks)):
            self.saved.append(speaker.save(self._folder / f"heard-by-{name}.wav"))
        await self._command(anna, "voice leave", lounge)
        self.problems += [f"the voice server objects: {violation}" for violation in self._server.voice.violations]

    async def _command(self, person: Person, name: str, channel: Channel) -> None:
        self._line(person.name, f"/{name}")
        asked = await person.slash(name, to=channel)
        reply = await self._server.bot.reply(asked, settled=lambda one: bool(one.content))
        self._line("Kibitz", reply.content)

    async def _agree(self, person: Person, notice: Message) -> None:
        self._line(person.name, "presses [Hear me]")
        pressed = await person.press(notice, "Hear me")
        reply = await self._server.bot.reply(pressed, settled=lambda one: bool(one.content))
        self._line("Kibitz", reply.content)

    async def _say(self, name: str, speaker: Speaker, words: str) -> Said:
        path = self._folder / "said.wav"
        subprocess.run(["flite", "-voice", _VOICES[name], "-t", words, "-o", path], check=True)
        self._line(name, f"🎤 “{words}”")
        return await speaker.say(path)

    async def _answered(self, name: str, speaker: Speaker, asked: Said, *, wants: str) -> None:
        first = await speaker.hear_something(after=asked.audible_until, timeout=30)
        self._line("Kibitz", f"🔊 begins to answer {first.at - asked.audible_until:.2f} s after {name} fell silent")
        twin = await self._twin()
        self._line("Kibitz", twin.content)
        if wants not in twin.content.casefold():
            self.problems.append(f"the spoken answer does not say {wants!r}")

    async def _silent(self, speaker: Speaker, said: Said) -> None:
        twin = await self._twin()
        last = max((heard.at for heard in speaker.heard_since() if not heard.is_silence), default=said.audible_until)
        self._line("Kibitz", f"falls silent {max(last - said.began_at, 0.0):.2f} s after Ben began")
        self._line("Kibitz", twin.content)
        if last > said.audible_until + 3:
            self.problems.append("the bot went on speaking after it was told to stop")

    async def _twin(self) -> Message:
        """The text of the next answer that was spoken."""
        message = await self._server.bot.next_message(
            settled=lambda one: one.content.startswith("🎤") and one.id not in self._shown, timeout=60
        )
        self._shown[message.id] = message.content
        return message

    def _line(self, who: str, text: str) -> None:
        head = f"{time.monotonic() - self._began:5.1f} s  {who:<7}"
        print(
            "\n".join(f"{head if n == 0 else ' ' * len(head)} {line}" for n, line in enumerate(text.split("\n"))),
            flush=True,
        )
