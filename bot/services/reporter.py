"""Tells a gateway how far a job is: what is new is written down a few times a second."""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from bot.domain.errors import MemoryFault
from bot.domain.events import CostEstimated, JobEvent, NoticeRaised, StageProgress, UsageRecorded
from bot.domain.media import AudioChunk
from bot.jobs.runner import Report
from bot.services.parcel import pack_event

_EVERY_SECONDS = 0.25
_MOST_EVENTS = 200
_NOT_SHOWN = (CostEstimated, NoticeRaised, UsageRecorded)


class Reporter:
    """A listener for one attempt, which has a name of its own. Events carry numbers, so that each is passed on once; of
    the same amount the last one counts."""

    def __init__(self, report: Report, *, every_seconds: float = _EVERY_SECONDS) -> None:
        self._report = report
        self._run = secrets.token_hex(4)
        self._every_seconds = every_seconds
        self._events: dict[tuple[str, ...], dict[str, Any]] = {}
        self._number = 0
        self._text: list[str] = []
        self._news = asyncio.Event()

    def event(self, event: JobEvent) -> None:
        if isinstance(event, _NOT_SHOWN):
            return
        self._number += 1
        key = (event.job_id, event.stage) if isinstance(event, StageProgress) else (str(self._number),)
        self._events.pop(key, None)
        self._events[key] = {"number": self._number, **pack_event(event)}
        if len(self._events) > _MOST_EVENTS:
            self._events.pop(next(iter(self._events)))
        self._news.set()

    def text(self, delta: str) -> None:
        self._text.append(delta)
        self._news.set()

    def audio(self, chunk: AudioChunk) -> None:
        """Sound goes over as a whole at the end."""

    @asynccontextmanager
    async def reporting(self) -> AsyncGenerator[None]:
        """While the block runs, what is new is told."""
        telling = asyncio.create_task(self._tell(), name="reporting")
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    async def _tell(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                progress = {"run": self._run, "events": list(self._events.values())}
                await self._report(json.dumps(progress), "".join(self._text))
            except MemoryFault:
                self._news.set()
            await asyncio.sleep(self._every_seconds)
