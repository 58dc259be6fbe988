"""A conversation as a person sees it, and a cloud that shows what it was asked and counts what is paid for."""

import re
from collections import Counter

from tests.discord_io.discord_markdown import read
from tests.simulator.discord_server import Message
from tests.simulator.openai_server import ChatCall, HonestMind, OpenAIEmulator

_NOTE = "-# "
_BEFORE_THE_QUESTION = re.compile(r"(?s)^.*</evidence \w+>\s*(?:t=[\d:.]+\s*)*")


class AttentiveMind(HonestMind):
    """Repeats the question before what it saw and heard: `«What colour?» The picture is red […].`"""

    def answer(self, call: ChatCall) -> str:
        return f"«{asked(call)}» {super().answer(call)}"


def asked(call: ChatCall) -> str:
    """The question that a model was asked."""
    return _BEFORE_THE_QUESTION.sub("", call.text).strip()


def words(message: Message) -> str:
    """What is read, without the small print below."""
    return _read(message, small=False)


def notes(message: Message) -> list[str]:
    """The small print."""
    return [line.removeprefix(_NOTE) for line in _read(message, small=True).splitlines()]


def labels(message: Message) -> list[str | None]:
    """What stands on its buttons."""
    return [button.label for button in message.buttons]


def names(message: Message) -> list[str]:
    """The names of its files."""
    return [file.name for file in message.files]


def bill(cloud: OpenAIEmulator) -> Counter[str]:
    """How many requests of each kind were paid for."""
    return +Counter(
        captions=len(cloud.captions),
        transcripts=len(cloud.transcriptions),
        answers=len(cloud.answers),
        speeches=len(cloud.speeches),
    )


def _read(message: Message, *, small: bool) -> str:
    lines = [line for line in message.content.splitlines() if line.startswith(_NOTE) is small]
    return read("\n".join(lines)).seen
