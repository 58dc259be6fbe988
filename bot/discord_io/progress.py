"""The one message that tells how far a job is: stages with numbers, then the words of the answer as they come."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import discord

from bot.discord_io.pace import Room
from bot.discord_io.parts import LIMIT, first
from bot.discord_io.safe_text import safe
from bot.discord_io.surface import Surface
from bot.domain.clock import clock_time
from bot.domain.conversation import MessageRef
from bot.domain.errors import DeliveryError
from bot.domain.events import JobEvent, RunStarted, Stage, StageEnded, StageProgress, StageStarted
from bot.domain.media import AudioChunk
from bot.locales import Catalogue

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_EDITS = 1.0
_LEFT_FOR_WORDS = 2  # of the edits that Discord takes in a channel: the first words and the end of an answer
_LEFT_FOR_THE_END = 1
_CURSOR = " ▌"
_BEGINNING = (Stage.FETCH, Stage.PROBE)
_THINKING = (Stage.FUSION, Stage.ANSWER)
_FOR_GOOD = ("discord_gone", "discord_missing_permission", "discord_refused")


class JobMessage:
    """Listens to the runs of one job, those of all its clips, and keeps the message up to date.

    `open()` posts it; inside `following()` it is edited at most once a second, and only when there is something new.
    The first words of the answer do not wait; so that they need not, other edits leave room for them in the channel,
    and none is made just when thinking has begun. An edit that fails never harms the job.
    """

    def __init__(
        self,
        surface: Surface,
        words: Catalogue,
        *,
        view: discord.ui.View | None = None,
        room: Room | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._surface = surface
        self._words = words
        self._view = view
        self._room = room or Room(clock)
        self._clock = clock
        self._sleep = sleep
        self._ahead = 0
        self._amounts: dict[Stage, dict[str, StageProgress]] = {}
        self._stage: Stage | None = None
        self._thinking_since: float | None = None
        self._looks_at: StageProgress | None = None
        self._text = ""
        self._shown: str | None = None
        self._shown_at = 0.0
        self._news = asyncio.Event()
        self._hurry = asyncio.Event()  # the first words have come, or nothing more will be shown
        self._is_over = False

    async def open(self) -> MessageRef:
        """Post the message. Raises DeliveryError: then there is nowhere to answer, and nothing should be paid for."""
        content = self._content()
        ref = await self._surface.show(content, view=self._view)
        self._note(content)
        self._news.set()
        return ref

    @asynccontextmanager
    async def following(self) -> AsyncGenerator[None]:
        """Edit the message while the block runs. When it ends, an edit that is under way is waited for, so that it
        cannot arrive after what comes next."""
        editing = asyncio.create_task(self._edit(), name="progress")
        try:
            yield
        finally:
            self._is_over = True
            self._news.set()
            self._hurry.set()
            await editing

    def waiting(self, ahead: int) -> None:
        """How many come first; zero: it is our turn."""
        self._ahead = ahead
        self._news.set()

    def event(self, event: JobEvent) -> None:
        """Take note of what the line tells of."""
        match event:
            case StageProgress() if event.stage is Stage.LOOK:
                self._looks_at = event
            case StageEnded() if event.stage is Stage.LOOK:
                self._looks_at = None
            case StageProgress():
                self._amounts.setdefault(event.stage, {})[event.job_id] = event
            case StageStarted() if event.stage in _THINKING:
                self._thinking_since = self._thinking_since or self._clock()
            case RunStarted():
                self._begin_anew()
            case StageStarted() if event.stage in _BEGINNING:
                self._stage = event.stage
            case _:
                return
        self._news.set()

    def _begin_anew(self) -> None:
        """Whoever worked on it is gone, and another begins."""
        self._amounts.clear()
        self._stage = self._thinking_since = self._looks_at = None
        self._text = ""

    def text(self, delta: str) -> None:
        """The next words of the answer."""
        is_first = not self._text.strip()
        self._text += delta
        self._news.set()
        if is_first and self._text.strip():
            self._hurry.set()

    def audio(self, chunk: AudioChunk) -> None:
        """Sound is sent as a whole at the end."""

    async def _edit(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            if self._is_over:
                return
            if self._shown in (None, self._content()):
                continue
            await self._pause()
            if self._is_over:
                return
            content = self._content()
            self._shown_at = self._clock()
            self._room.took()
            try:
                await self._surface.show(content, view=self._view)
                self._note(content)
            except DeliveryError as error:
                log.info("progress could not be shown: %s", error.code)
                if error.code in _FOR_GOOD:
                    return

    async def _pause(self) -> None:
        """Until an edit is due, or there is a reason to hurry."""
        since = max(self._shown_at, self._thinking_since or 0.0)
        leaving = _LEFT_FOR_THE_END if self._text else _LEFT_FOR_WORDS
        seconds = max(since + _SECONDS_BETWEEN_EDITS - self._clock(), self._room.seconds_to_wait(leaving=leaving))
        if seconds > 0:
            waits = [asyncio.ensure_future(self._sleep(seconds)), asyncio.create_task(self._hurry.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
        if not self._is_over:
            self._hurry.clear()

    def _note(self, content: str) -> None:
        self._shown, self._shown_at = content, self._clock()

    def _content(self) -> str:
        written = first(safe(self._text), LIMIT - len(_CURSOR))
        return f"{written}{_CURSOR}" if written else self._line()

    def _line(self) -> str:
        words = self._words
        if self._looks_at is not None:
            start, end = clock_time(self._looks_at.done), clock_time(self._looks_at.total or self._looks_at.done)
            return f"🔎 {words('Looking again at {start}–{end}', start=start, end=end)}"
        if self._thinking_since is not None:
            return f"💭 {words('Thinking…')}"
        if self._ahead > 0:
            return f"⏳ {words('Waiting for {n} before you…', n=self._ahead)}"
        told = [line for line in (self._seen(), self._heard()) if line]
        if told:
            return " · ".join(told)
        match self._stage:
            case Stage.FETCH:
                return f"📥 {words('Fetching the clip…')}"
            case Stage.PROBE:
                return f"👀 {words('Reading the file…')}"
            case _:
                return f"⏳ {words('Just a moment…')}"

    def _seen(self) -> str:
        done, total = self._sums(Stage.CAPTIONS)
        if total:
            return f"👀 {self._words('{done}/{total} frames', done=f'{done:g}', total=f'{total:g}')}"
        chosen = int(self._sums(Stage.FRAMES)[0])
        return f"👀 {self._words.plural('{n} frame chosen', '{n} frames chosen', chosen)}" if chosen else ""

    def _heard(self) -> str:
        done, total = self._sums(Stage.TRANSCRIPT)
        if not total:
            return ""
        return f"👂 {self._words('{done} of {total} heard', done=clock_time(done), total=clock_time(total))}"

    def _sums(self, stage: Stage) -> tuple[float, float]:
        """Done and to do, over all clips."""
        amounts = self._amounts.get(stage, {}).values()
        return sum(amount.done for amount in amounts), sum(amount.total or 0.0 for amount in amounts)
