"""How much several workers get done: `python -m tests.bench.workers [JOBS [SECONDS]]`, with 1, 2 and 4 of them.

Each job is a question about a clip of two seconds: download, decoding, a caption, an answer, for which the emulated
cloud thinks so many SECONDS. It and a simulated Discord run in this process, PostgreSQL and the workers in processes of
their own. Without thinking, what is measured is our own part: as much as the processor gives.
"""

import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bot.config import QueueSettings
from bot.database.engine import open_database
from bot.database.where import Where
from bot.domain.ask import Ask
from bot.domain.conversation import ConversationKey, MediaSource, PlaceSettings
from bot.jobs.builtin import BuiltinQueue
from bot.jobs.intake import Intake
from bot.jobs.table import JobTable
from bot.services.chat import Done
from bot.services.remote import RemoteWorks
from bot.services.steps import Unwatched
from tests import clips
from tests.journeys.discord.outside import started
from tests.postgres import running_cluster
from tests.simulator.discord_server import DiscordServer
from tests.simulator.openai_server import ChatCall, HonestMind, OpenAIEmulator
from tests.simulator.running import environment

WORKERS = (1, 2, 4)


class SlowMind(HonestMind):
    """Thinks for a while before it answers."""

    def __init__(self, seconds: float) -> None:
        super().__init__(answers="It is green.")
        self._seconds = seconds

    def answer(self, call: ChatCall) -> str:
        time.sleep(self._seconds)
        return super().answer(call)


async def measure(count: int, jobs: int, thinking: float, folder: Path, url: str) -> float:
    """Seconds for all jobs, with so many workers."""
    where = Where(directory=folder, url=url)
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(DiscordServer())
        cloud = await stack.enter_async_context(OpenAIEmulator())
        cloud.mind = SlowMind(thinking)
        sources = [await posted(discord, folder, number) for number in range(jobs + count)]
        database = await stack.enter_async_context(open_database(where))
        for number in range(count):
            place = folder / f"worker-{number}"
            place.mkdir()
            told = environment(discord, cloud, place / "data", DATA__URL=url, QUEUE__AT_ONCE=2)
            process = await stack.enter_async_context(started(place, told, "bot", "run", "--role", "worker"))
            await process.says("Working on up to")
        queue = BuiltinQueue(database)
        remote = RemoteWorks(
            JobTable(database), queue, NoOther(), lease_seconds=QueueSettings().lease_seconds, is_leaving=lambda: False
        )
        remote.start()
        stack.push_async_callback(remote.aclose)
        intake = Intake(database)

        async def one(number: int, source: MediaSource) -> Done:
            asked = question(number, source)
            await intake.accept(asked, reply_to=None)
            try:
                return await remote.serve(asked, PlaceSettings(), Unwatched())
            finally:
                await intake.finished(asked.job_id)

        await asyncio.gather(*(one(number, source) for number, source in enumerate(sources[jobs:], start=jobs)))
        began = time.perf_counter()
        await asyncio.gather(*(one(number, source) for number, source in enumerate(sources[:jobs])))
        return time.perf_counter() - began


class NoOther:
    """Everything is done elsewhere."""

    async def serve(self, *_: object) -> Done:
        raise AssertionError

    async def carry_out(self, *_: object) -> str:
        raise AssertionError


async def posted(discord: DiscordServer, folder: Path, number: int) -> MediaSource:
    """A clip of its own, so that nothing is known of it."""
    path = folder / f"clip-{number}.mp4"
    await asyncio.to_thread(
        clips.colour_tone_clip, path, scenes=[("green", 440 + number)], seconds=2.0, fps=8, size=(320, 180)
    )
    guild = discord.guild(f"server {number}")
    channel, person = guild.channel("general"), guild.member("Anna")
    message = await person.post("look", path, to=channel)
    file = message.file_list[0]
    return MediaSource(
        channel_id=channel.id,
        message_id=message.id,
        attachment_id=file.id,
        url=discord.world.cdn.addresses(file)[0],
        size_bytes=path.stat().st_size,
        author_id=person.id,
    )


def question(number: int, source: MediaSource) -> Ask:
    """Each from a server of its own."""
    key = ConversationKey(server_id=source.channel_id, channel_id=source.channel_id)
    asked = Ask(job_id=f"{number:012x}", key=key, asker_id=1000 + number, asked_at=datetime.now(UTC))
    return replace(asked, question="What colour is it?", clips=(source,))


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    thinking = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    load = os.getloadavg()[0]
    print(f"{jobs} questions, {thinking:g} s of thinking, {os.cpu_count()} processors, load {load:.1f}")
    print("| workers | seconds | questions a minute |\n|---|---|---|")
    with running_cluster() as cluster:
        for count in WORKERS:
            with cluster.database() as url, tempfile.TemporaryDirectory() as folder:
                seconds = asyncio.run(measure(count, jobs, thinking, Path(folder), url))
            print(f"| {count} | {seconds:.1f} | {60 * jobs / seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
