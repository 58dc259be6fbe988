"""The port behind which a queue stands: it carries the word that there is work from whoever ordered it to a worker.

What is to be done, who does it and how far it is stands in the table (bot/jobs/table.py). So a queue may lose a word,
say it twice, late or in any order: each is an occasion to look, and the table is looked at every few seconds anyway.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Protocol

Begin = Callable[[], Awaitable["asyncio.Task[None] | None"]]
"""Waits until a hand is free, begins the next job and gives it; None: there is none, or no more are begun."""


class JobQueue(Protocol):
    """One engine. Nothing it raises keeps a job from being done, so it raises nothing."""

    async def announce(self, words: Collection[str], *, delay_seconds: float = 0) -> None:
        """So many jobs wait to be begun, after a delay; a word that is on its way already need not go twice."""
        ...

    async def attend(self, begin: Begin, *, at_once: int, until: asyncio.Event) -> None:
        """Calls `begin` whenever there may be work, until it is told to stop. What was begun goes on."""
        ...

    async def aclose(self) -> None:
        """Leaves the servers it is connected to."""
        ...
