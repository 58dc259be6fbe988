"""The heartbeat: a file that is touched while the bot is connected, and gone when it has ended."""

import asyncio
import os
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from bot.discord_io.heartbeat import ack_age, beat, seconds_since_beat


async def test_it_beats_while_connected_and_is_gone_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    connected = [False, True, False, True]
    fresh: list[bool] = []

    async def sleep(seconds: float) -> None:
        assert seconds == 15
        fresh.append(path.exists() and path.stat().st_mtime > 0)
        if path.exists():
            os.utime(path, (0, 0))
        if not connected:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await beat(path, lambda: connected.pop(0), sleep=sleep)
    assert fresh == [False, True, False, True]
    assert not path.exists()


def test_the_age_of_the_last_beat(tmp_path: Path) -> None:
    path = tmp_path / "heartbeat"
    assert seconds_since_beat(path, now=100) is None
    path.touch()
    os.utime(path, (40, 40))
    assert seconds_since_beat(path, now=100) == 60


def test_the_age_of_the_last_acknowledgement_while_there_is_a_connection() -> None:
    keeper = SimpleNamespace(_last_ack=time.perf_counter() - 50)
    age = ack_age(SimpleNamespace(open=True, _keep_alive=keeper))
    assert age is not None
    assert 50 <= age < 90
    assert ack_age(SimpleNamespace(open=False, _keep_alive=keeper)) is None
    assert ack_age(SimpleNamespace(open=True, _keep_alive=None)) is None
