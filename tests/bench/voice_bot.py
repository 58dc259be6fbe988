"""`python -m tests.bench.voice_bot CONFIG`: the bot as it runs, with a pulse that tells how late its loop is.

Each line on stdin is answered by what came since the line before: processor seconds of this process, and how late the
beats of the pulse were. The end of stdin ends the bot.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from bot.app import open_bot
from bot.config import load_settings
from bot.discord_io.connection import stay_connected

BEAT_SECONDS = 0.005


class Pulse:
    """Wants to beat every 5 ms; how late each beat was stands in `lags`."""

    def __init__(self) -> None:
        self.lags: list[float] = []

    async def beat(self) -> None:
        while True:
            due = time.monotonic() + BEAT_SECONDS
            await asyncio.sleep(BEAT_SECONDS)
            self.lags.append(time.monotonic() - due)

    def take(self) -> list[float]:
        lags, self.lags = self.lags, []
        return sorted(lags)


def _nothing() -> None:
    """Nobody is to be told that it has signed in."""


async def main() -> None:
    settings = load_settings(Path(sys.argv[1]))
    token = settings.discord.token
    if token is None:
        raise SystemExit("no token")
    pulse, spent = Pulse(), time.process_time()
    async with open_bot(settings) as client:
        work = [
            asyncio.create_task(stay_connected(client, token.get_secret_value(), on_login=_nothing), name="discord"),
            asyncio.create_task(pulse.beat(), name="pulse"),
        ]
        try:
            while await asyncio.to_thread(sys.stdin.readline):
                now = time.process_time()
                print(json.dumps({"cpu_seconds": now - spent, "lags": pulse.take()}), flush=True)
                spent = now
            await client.wind_down()
        finally:
            for task in work:
                task.cancel()
            await asyncio.wait(work)


if __name__ == "__main__":
    asyncio.run(main())
