"""A cloud that stops in the middle of its work until the journey lets it go on."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tests.simulator.openai_server import (
    ChatCall,
    HeardSegment,
    HonestMind,
    OpenAIEmulator,
    SeenImage,
    SeenPicture,
    TranscriptionCall,
)
from tests.simulator.openai_server.sound import HeardAudio

Answers = str | Callable[[ChatCall], str]

_LONGEST_SECONDS = 60


class HeldMind(HonestMind):
    """`holds` names what waits: look, listen, answer, speak; `begun` counts what was begun of each, held or not."""

    def __init__(self, *holds: str, answers: Answers) -> None:
        super().__init__(answers=answers)
        self.begun: Counter[str] = Counter()
        self._holds = holds
        self._gate = threading.Event()

    def let_go(self) -> None:
        self._gate.set()

    def look(self, images: Sequence[SeenImage], call: ChatCall) -> list[SeenPicture]:
        self._hold("look")
        return super().look(images, call)

    def listen(self, audio: HeardAudio, call: TranscriptionCall) -> list[HeardSegment]:
        self._hold("listen")
        return super().listen(audio, call)

    def answer(self, call: ChatCall) -> str:
        self._hold("answer")
        return super().answer(call)

    def speak(self, text: str, voice: str, speed: float) -> bytes:
        self._hold("speak")
        return super().speak(text, voice, speed)

    def _hold(self, what: str) -> None:
        self.begun[what] += 1
        if what in self._holds:
            self._gate.wait(_LONGEST_SECONDS)


@contextmanager
def held(cloud: OpenAIEmulator, *holds: str, answers: Answers = "It is green.") -> Iterator[HeldMind]:
    """Inside, the cloud stops at `holds`; afterwards it never does."""
    cloud.mind = mind = HeldMind(*holds, answers=answers)
    try:
        yield mind
    finally:
        mind.let_go()
