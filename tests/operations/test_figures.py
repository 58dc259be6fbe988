"""The figures: what of a job is timed and counted, how percentiles are taken, what may stand in a label."""

import random

import pytest

from bot.domain.answer import Usage
from bot.domain.events import Outcome, RunEnded, RunStarted, Stage, StageEnded, StageStarted, UsageRecorded
from bot.domain.occasion import Occasion, Surface
from bot.domain.role import Role
from bot.hooks.caller import Hooks
from bot.hooks.specs import Specs
from bot.operations.figures import SECONDS, Figures, Histogram, percentile
from bot.tally import Figure, hearing, tell
from tests.operations.material import TYPICAL_SECONDS, job, worked

CHAT = Occasion(job_id="0123456789ab", surface=Surface.CHAT)


def started(stage: Stage, at: float, job_id: str = "0123456789ab") -> StageStarted:
    return StageStarted(job_id=job_id, at_seconds=at, stage=stage)


def ended(stage: Stage, at: float, job_id: str = "0123456789ab", error_code: str | None = None) -> StageEnded:
    outcome = Outcome.DONE if error_code is None else Outcome.FAILED
    return StageEnded(job_id=job_id, at_seconds=at, stage=stage, outcome=outcome, error_code=error_code)


@pytest.mark.parametrize(
    ("values", "p50", "p95"),
    [([3.0], 3.0, 3.0), ([1.0, 2.0], 1.0, 2.0), ([float(n) for n in range(1, 101)], 50.0, 95.0)],
)
def test_percentiles_are_values_that_were_seen(values: list[float], p50: float, p95: float) -> None:
    assert percentile(values, 0.5) == p50
    assert percentile(values, 0.95) == p95


def test_a_histogram_counts_each_value_in_the_buckets_it_is_not_above() -> None:
    histogram = Histogram((1.0, 5.0))
    for value in (0.5, 1.0, 1.1, 9.0):
        histogram.add(value)
    assert list(histogram.buckets()) == [("1", 2), ("5", 3), ("+Inf", 4)]
    assert histogram.count == 4
    assert histogram.total == pytest.approx(11.6)


def test_the_steps_of_a_job_are_timed_also_when_they_run_beside_each_other_and_twice() -> None:
    figures = Figures()
    for event in (
        RunStarted(job_id="0123456789ab", at_seconds=0.0),
        started(Stage.CAPTIONS, 1.0),
        started(Stage.TRANSCRIPT, 1.5),
        ended(Stage.CAPTIONS, 4.0),
        ended(Stage.TRANSCRIPT, 9.5),
        started(Stage.CAPTIONS, 10.0, "a-shared-step"),
        ended(Stage.CAPTIONS, 11.0, "a-shared-step"),
        ended(Stage.LOOK, 12.0),
    ):
        figures.on_job_event(event, CHAT)
    found = {one.name: one.recent for one in figures.latencies("step_seconds")}
    assert found == {"captions": (3.0, 1.0), "transcript": (8.0,)}
    assert figures.running == 1


def test_jobs_are_counted_by_where_they_were_asked_and_how_they_ended() -> None:
    figures = Figures()
    for surface, outcome in (
        (Surface.CHAT, Outcome.DONE),
        (Surface.CHAT, Outcome.FAILED),
        (Surface.VOICE, Outcome.DONE),
    ):
        figures.on_job_event(RunStarted(job_id="j", at_seconds=0.0), CHAT)
        assert figures.running == 1
        figures.on_job_event(
            RunEnded(job_id="j", at_seconds=2.0, outcome=outcome), Occasion(job_id="j", surface=surface)
        )
        assert figures.running == 0
    assert figures.jobs == {("chat", "done"): 1, ("chat", "failed"): 1, ("voice", "done"): 1}
    assert [(one.name, one.count) for one in figures.latencies("job_seconds")] == [("chat", 2), ("voice", 1)]


def test_what_calls_cost_is_summed_by_role_and_a_price_that_is_unknown_adds_nothing() -> None:
    figures = Figures()
    for role, cost in ((Role.CHAT, 0.25), (Role.CHAT, 0.5), (Role.CHAT, None), (Role.SPEECH, 0.125)):
        usage = Usage(role=role, provider="openai", model="m", cost_usd=cost)
        figures.on_job_event(UsageRecorded(job_id="j", at_seconds=1.0, usage=usage), CHAT)
    assert figures.counted("cost_usd") == {"chat": 0.75, "speech": 0.125}


def test_a_step_that_failed_is_an_error_by_the_id_people_were_told() -> None:
    figures = Figures()
    figures.on_job_event(started(Stage.PROBE, 0.0, "shared"), CHAT)
    figures.on_job_event(ended(Stage.PROBE, 1.0, "shared", error_code="media_corrupt"), CHAT)
    (one,) = figures.errors.latest()
    assert (one.job_id, one.where, one.code) == ("0123456789ab", "probe", "media_corrupt")


def test_it_hangs_on_the_hooks_like_a_plugin() -> None:
    hooks, figures = Hooks(), Figures()
    hooks.admit(figures, "figures")
    hooks.watch(Specs.on_job_event, RunStarted(job_id="j", at_seconds=0.0), CHAT)
    assert figures.running == 1


def test_what_is_told_is_heard_while_somebody_listens() -> None:
    figures = Figures()
    tell(Figure.RETRIES, label="chat")
    with hearing(figures.heard):
        tell(Figure.RETRIES, label="chat")
        tell(Figure.DECRYPT_FAILURES)
        tell(Figure.FFMPEG_SECONDS, 0.4, "ffmpeg")
        tell(Figure.FFMPEG_RSS_BYTES, 50 * 2.0**20, "ffmpeg")
        tell(Figure.QUEUE_WAIT_SECONDS, 0.2)
        tell(Figure.VOICE_SECONDS, 1.5, "first_audio")
    tell(Figure.RETRIES, label="chat")
    assert figures.counted("retries") == {"chat": 1}
    assert figures.counted("decrypt_failures") == {"": 1}
    assert dict(figures.lasting("ffmpeg_rss_bytes")["ffmpeg"][0])["6.71089e+07"] == 1
    assert figures.lasting("queue_wait_seconds")[""][1] == 0.2
    assert [one.name for one in figures.latencies("voice_seconds")] == ["first_audio"]


def test_a_code_with_somebodys_number_in_it_is_no_label() -> None:
    figures = Figures()
    for code in ("busy", "no-123456789012345678", "for_1234", "Ann", "x" * 80):
        figures.heard(Figure.REFUSALS, 1.0, code)
    assert figures.counted("refusals") == {"busy": 1, "other": 4}


def test_labels_that_never_repeat_do_not_fill_the_memory() -> None:
    figures = Figures()
    for number in range(1000):
        figures.observe("step_seconds", 1.0, f"stage-{number}")
    found = figures.lasting("step_seconds")
    assert len(found) <= 201
    assert found["other"][0][-1] == ("+Inf", 800)


def test_jobs_and_steps_whose_end_is_never_told_do_not_fill_the_memory() -> None:
    figures = Figures()
    for number in range(1500):
        figures.on_job_event(RunStarted(job_id=f"{number}", at_seconds=0.0), CHAT)
        figures.on_job_event(started(Stage.FRAMES, 0.0, f"step-{number}"), CHAT)
    assert figures.running == 1000
    figures.on_job_event(ended(Stage.FRAMES, 2.0, "step-0"), CHAT)
    figures.on_job_event(ended(Stage.FRAMES, 2.0, "step-1499"), CHAT)
    assert [one.count for one in figures.latencies("step_seconds")] == [1]


def test_a_provider_is_passed_over_then_tried_then_works() -> None:
    now = [100.0]
    figures = Figures(clock=lambda: now[0])
    figures.heard(Figure.REST_SECONDS, 60.0, "chat/0")
    assert figures.breakers() == {("chat", "0"): 2}
    now[0] = 160.0
    assert figures.breakers() == {("chat", "0"): 1}
    figures.heard(Figure.REST_SECONDS, 0.0, "chat/0")
    assert figures.breakers() == {("chat", "0"): 0}


def test_a_day_of_work_is_told_whole() -> None:
    figures = worked(jobs=80)
    steps = {one.name: one for one in figures.latencies("step_seconds")}
    assert set(steps) == {stage.value for stage in TYPICAL_SECONDS}
    assert steps["probe"].count == 80
    assert steps["answer"].count == 77
    assert all(one.p50 <= one.p95 for one in steps.values())
    job(figures, 1, random.Random(1))
    assert sum(figures.jobs.values()) == 81
    assert len(dict(figures.lasting("job_seconds")["chat"][0])) == len(SECONDS) + 1
