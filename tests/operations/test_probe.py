"""The probe of the event loop: how late its ticks are, in virtual time."""

import asyncio
import time

import pytest

from bot.operations.probe import LoopProbe


async def test_it_knows_its_last_tick_and_the_worst_of_the_last_minute() -> None:
    now, late, heard = [0.0], iter([0.0, 0.25, 0.02, *[0.0] * 700]), []

    async def sleep(seconds: float) -> None:
        if now[0] > 65:
            raise asyncio.CancelledError
        now[0] += seconds + next(late)
        seen.append(probe.worst_seconds)

    probe = LoopProbe(clock=lambda: now[0], sleep=sleep, heard=heard.append)
    seen: list[float] = []
    with pytest.raises(asyncio.CancelledError):
        await probe.watch()
    assert heard[:3] == pytest.approx([0.0, 0.25, 0.02])
    assert seen[2:500] == pytest.approx([0.25] * 498)
    assert probe.worst_seconds < 0.02, "what was late more than a minute ago is past"
    assert probe.age_seconds == 0.0
    now[0] += 7.0
    assert probe.age_seconds == 7.0


async def test_a_real_loop_that_is_held_up_is_seen() -> None:
    heard = asyncio.Queue[float]()
    probe = LoopProbe(heard=heard.put_nowait)
    watching = asyncio.create_task(probe.watch())
    await heard.get()
    time.sleep(0.3)
    while await heard.get() < 0.15:
        pass
    assert probe.worst_seconds >= 0.15
    watching.cancel()
