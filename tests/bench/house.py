"""`python -m tests.bench.house`: answers a question about each clip named on stdin; prints seconds to the first word.

Kibitz without Discord, warm, in a process of its own: what the Discord layer is compared with.
"""

import asyncio
import sys
import time
from pathlib import Path

from bot.app import open_app
from bot.config import load_settings
from bot.domain.events import JobEvent
from bot.domain.media import AudioChunk
from tests.bench.sides import QUESTION


class FirstWord:
    """Notes when the first words came."""

    def __init__(self) -> None:
        self.at: float | None = None

    def event(self, event: JobEvent) -> None:
        """Nothing of it is shown."""

    def text(self, delta: str) -> None:
        self.at = self.at or time.monotonic()

    def audio(self, chunk: AudioChunk) -> None:
        """Nothing is spoken."""


async def main() -> None:
    async with open_app(load_settings(Path(sys.argv[1]))) as app:
        while path := (await asyncio.to_thread(sys.stdin.readline)).strip():
            listener, began = FirstWord(), time.monotonic()
            await app.video.ask(Path(path), QUESTION, listener)
            print(f"{(listener.at or time.monotonic()) - began:.6f}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
