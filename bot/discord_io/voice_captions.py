"""Live captions: what is said, with names, in messages that are edited in place, one for each stretch of talk."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from bot.discord_io.parts import LIMIT, length, split
from bot.discord_io.safe_text import safe
from bot.discord_io.surface import Surface
from bot.domain.errors import DeliveryError
from bot.domain.voice_session import SpokenLine

log = logging.getLogger(__name__)

SECONDS_BETWEEN_EDITS = 1.5
"""Discord takes five edits in five seconds in a channel; the answers need some of them."""

_LONGEST_STRETCH = 1_200  # characters, after which the next line begins a new message
_PAUSE_SECONDS = 30.0  # of silence, after which it does, too
_STRETCHES_OPEN = 3  # a line that began in an earlier message may still change there
_GOING_ON = " …"

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class Captions:
    """Of one channel. `surface` makes the place of a further message; `spawn` begins work that somebody waits for at
    the end. Nothing raises."""

    def __init__(
        self,
        surface: Callable[[], Surface],
        spawn: Spawn,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._surface = surface
        self._spawn = spawn
        self._clock = clock
        self._sleep = sleep
        self._stretches = deque["_Stretch"](maxlen=_STRETCHES_OPEN)
        self._is_closed = True
        self._is_at_work = False
        self._is_lost = False
        self._edited_at = -SECONDS_BETWEEN_EDITS

    def show(self, line: SpokenLine) -> None:
        """A line, or more of it."""
        if self._is_lost:
            return
        self._stretch_of(line).take(line)
        self._go()

    def close_stretch(self) -> None:
        """Something else was posted: what is said next stands below it."""
        self._is_closed = True

    def forget(self, person_id: int) -> None:
        """Take the words of a person out of messages that are still being edited."""
        for stretch in self._stretches:
            stretch.forget(person_id)
        self._go()

    def _stretch_of(self, line: SpokenLine) -> "_Stretch":
        for stretch in self._stretches:
            if stretch.knows(line):
                return stretch
        last = self._stretches[-1] if self._stretches else None
        if (
            last is None
            or self._is_closed
            or length(last.text) > _LONGEST_STRETCH
            or line.start_seconds - last.end_seconds > _PAUSE_SECONDS
        ):
            last = _Stretch(self._surface)
            self._stretches.append(last)
            self._is_closed = False
        return last

    def _go(self) -> None:
        if not self._is_at_work:
            self._is_at_work = True
            self._spawn(self._work())

    async def _work(self) -> None:
        """Edit as often as may be, until there is nothing new."""
        try:
            while news := next((stretch for stretch in self._stretches if stretch.has_news), None):
                wait = self._edited_at + SECONDS_BETWEEN_EDITS - self._clock()
                if wait > 0:
                    await self._sleep(wait)
                self._edited_at = self._clock()
                await news.post()
        except DeliveryError as error:
            self._is_lost = error.code == "discord_missing_permission"
            self._stretches.clear()
            log.warning("captions were not shown: %s", error.code)
        finally:
            self._is_at_work = False


class _Stretch:
    """Lines in the order in which they were begun; they fill one message, seldom several."""

    def __init__(self, surface: Callable[[], Surface]) -> None:
        self._surface = surface
        self._messages: list[Surface] = []
        self._shown: list[str] = []
        self._lines: dict[int, SpokenLine] = {}

    def knows(self, line: SpokenLine) -> bool:
        return line.utterance_id in self._lines

    def take(self, line: SpokenLine) -> None:
        self._lines[line.utterance_id] = line

    def forget(self, person_id: int) -> None:
        self._lines = {key: line for key, line in self._lines.items() if line.person_id != person_id}

    @property
    def end_seconds(self) -> float:
        return max((line.end_seconds for line in self._lines.values()), default=0.0)

    @property
    def text(self) -> str:
        return "\n".join(_caption(line) for line in self._lines.values() if line.text.strip())

    @property
    def has_news(self) -> bool:
        return self._parts() != self._shown

    async def post(self) -> None:
        """Bring each message up to date."""
        parts = self._parts()
        for number, part in enumerate(parts):
            if number == len(self._messages):
                self._messages.append(self._surface())
                self._shown.append("")
            if self._shown[number] != part:
                self._shown[number] = part
                await self._messages[number].show(part)

    def _parts(self) -> list[str]:
        """As many as there are messages already, at least: nothing that was shown stays after it was taken back."""
        parts = split(self.text, LIMIT)
        return parts + ["…"] * (len(self._shown) - len(parts))


def _caption(line: SpokenLine) -> str:
    name, text = (" ".join(safe(words).split()) for words in (line.name, line.text))
    return f"**{name}** {text}{'' if line.is_final else _GOING_ON}"
