"""Every stage that starts ends exactly once, and first things are timed once."""

import asyncio

import pytest

from bot.domain.events import Outcome, RunEnded, Stage, StageEnded, StageStarted
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.timeline import Notice, NoticeCode
from bot.pipeline.run import Run
from tests.fakes.providers import KeepingListener, broken, usage


async def test_a_stage_that_fails_ends_with_its_code() -> None:
    listener = KeepingListener()
    run = Run(listener)
    with pytest.raises(Exception, match="scripted_failure"):
        async with run.whole(), run.stage(Stage.PROBE):
            raise broken()
    ends = [event for event in listener.events if isinstance(event, StageEnded)]
    assert [(end.stage, end.outcome, end.error_code) for end in ends] == [
        (Stage.PROBE, Outcome.FAILED, "scripted_failure")
    ]
    assert isinstance(listener.events[-1], RunEnded)
    assert listener.events[-1].outcome is Outcome.FAILED


async def test_a_cancelled_run_says_so_everywhere() -> None:
    listener = KeepingListener()
    run = Run(listener)

    async def work() -> None:
        async with run.whole(), run.stage(Stage.ANSWER):
            await asyncio.sleep(60)

    task = asyncio.create_task(work())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    started = [event for event in listener.events if isinstance(event, StageStarted)]
    ended = [event for event in listener.events if isinstance(event, StageEnded | RunEnded)]
    assert len(started) == 1
    assert [event.outcome for event in ended] == [Outcome.CANCELLED, Outcome.CANCELLED]


async def test_firsts_are_timed_once_and_notices_raised_once() -> None:
    now = iter(range(100))
    listener = KeepingListener()
    run = Run(listener, clock=lambda: float(next(now)))
    notice = Notice(code=NoticeCode.FALLBACK_USED, public="x", role=Role.CHAT)
    async with run.whole():
        for _ in range(2):
            run.text("a")
            run.sentence()
            run.audio(AudioChunk(rate_hz=16000, pcm=b""))
            run.notice(notice)
    names = listener.names()
    for name in ("FirstToken", "FirstSentence", "FirstAudio", "NoticeRaised", "ProviderChanged"):
        assert names.count(name) == 1, name
    assert listener.words == "aa"
    assert set(run.timings_seconds) == {"first_token", "first_sentence", "first_audio", "total"}
    moments = [event.at_seconds for event in listener.events]
    assert moments == sorted(moments)


async def test_costs_add_up_and_one_unknown_price_makes_the_sum_unknown() -> None:
    run = Run(KeepingListener())
    run.used([usage(Role.CHAT), usage(Role.SPEECH)])
    assert run.total_cost_usd() == 0.0
