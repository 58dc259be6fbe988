"""The local part of the bound: frames and sound taken out of a clip and nothing else.

`python -m tests.bench.extraction CLIP` prints the seconds it took, interpreter start not counted.
"""

import asyncio
import sys
import time
from pathlib import Path

from bot.config import load_settings
from bot.domain.media import MediaFile, MediaProbe
from bot.hiring import media_limits
from bot.media.audio import cut_audio
from bot.media.frames import sample_frames
from bot.media.intake import open_media
from bot.media.limits import MediaLimits
from bot.media.probe import probe


async def extract(path: Path, limits: MediaLimits) -> float:
    """Seconds until all frames and all sound of a clip are there."""
    started = time.monotonic()
    file = await open_media(path, limits)
    facts = await probe(file, limits)
    async with asyncio.TaskGroup() as group:
        group.create_task(_see(file, facts, limits))
        group.create_task(_hear(file, facts, limits))
    return time.monotonic() - started


async def _see(file: MediaFile, facts: MediaProbe, limits: MediaLimits) -> None:
    async for _ in sample_frames(file, facts, limits):
        continue


async def _hear(file: MediaFile, facts: MediaProbe, limits: MediaLimits) -> None:
    async for _ in cut_audio(file, facts, limits):
        continue


if __name__ == "__main__":
    print(asyncio.run(extract(Path(sys.argv[1]), media_limits(load_settings()))))
