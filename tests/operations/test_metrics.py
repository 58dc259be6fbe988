"""The metrics: their names, that Prometheus can read them, that nobody is in them, that the page of docs lists them."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot.operations.metrics import BREAKER, COUNTERS, GAUGES, HISTOGRAMS, JOBS, exposition
from bot.tally import Figure
from tests.operations.material import snapshot, worked

DOCS = Path(__file__).parents[2] / "docs"
PROMISED = {
    "kibitz_queue_wait_seconds",
    "kibitz_step_seconds",
    "kibitz_ffmpeg_seconds",
    "kibitz_ffmpeg_rss_bytes",
    "kibitz_cost_usd_total",
    "kibitz_refusals_total",
    "kibitz_decrypt_failures_total",
    "kibitz_retries_total",
    "kibitz_breaker_state",
}
ALL = {row[0] for row in (*HISTOGRAMS.values(), *COUNTERS.values(), JOBS, BREAKER)} | set(GAUGES)


def samples() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    figures = worked()
    figures.heard(Figure.REST_SECONDS, 60.0, "chat/0")
    figures.heard(Figure.RETRIES, 1.0, "chat")
    figures.heard(Figure.REFUSALS, 1.0, 'quo"te\n')
    figures.heard(Figure.FFMPEG_RSS_BYTES, 3e7, "ffmpeg")
    figures.heard(Figure.FFMPEG_SECONDS, 3.0, "ffmpeg")
    text = exposition(figures, snapshot(figures).readings()).decode()
    return {
        (one.name, frozenset(one.labels.items())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_every_metric_that_was_promised_is_there_from_the_first_moment() -> None:
    assert PROMISED <= ALL
    text = exposition(worked(jobs=0), snapshot(worked(jobs=0)).readings()).decode()
    types = set(re.findall(r"^# TYPE (\S+) \S+$", text, re.MULTILINE))
    assert types >= ALL
    assert "kibitz_decrypt_failures_total 0.0" in text


def test_prometheus_reads_what_was_counted() -> None:
    found = samples()

    def value(name: str, **labels: str) -> float:
        return found[(name, frozenset(labels.items()))]

    assert value("kibitz_jobs_total", kind="chat", outcome="done") == 77
    assert value("kibitz_jobs_total", kind="chat", outcome="failed") == 3
    assert value("kibitz_step_seconds_count", stage="captions") == 80
    assert value("kibitz_step_seconds_bucket", stage="captions", le="+Inf") == 80
    assert value("kibitz_step_seconds_sum", stage="captions") > 80
    assert value("kibitz_cost_usd_total", role="chat") == pytest.approx(77 * 0.0042)
    assert value("kibitz_retries_total", role="chat") == 1
    assert value("kibitz_refusals_total", code="other") == 1
    assert value("kibitz_breaker_state", role="chat", place="0") == 2
    assert value("kibitz_jobs_in_flight") == 3
    assert value("kibitz_voice_sessions") == 1
    assert value("kibitz_loop_lag_seconds") == 0.018
    assert value("kibitz_budget_spent_share", cap="day") == pytest.approx(7.52 / 20)
    assert value("kibitz_model_days_left", role="chat", model="gpt-4o") == 45
    assert value("kibitz_healthy", check="disk") == 1
    assert value("kibitz_ready") == 1
    assert value("process_resident_memory_bytes") > 1e6


def test_buckets_grow_and_end_with_all() -> None:
    found = samples()
    for name, labels in found:
        if name.endswith("_count"):
            buckets = [
                (float(dict(others)["le"]), count)
                for (other, others), count in found.items()
                if other == name.replace("_count", "_bucket") and labels <= others
            ]
            counts = [count for _, count in sorted(buckets)]
            assert counts == sorted(counts)
            assert counts[-1] == found[(name, labels)]


def test_no_label_can_name_a_person_a_server_or_a_channel() -> None:
    labels = {label for _, labels in samples() for label, _ in labels}
    allowed = {
        "stage",
        "kind",
        "outcome",
        "role",
        "code",
        "program",
        "what",
        "step",
        "place",
        "le",
        "cap",
        "model",
        "check",
    }
    assert labels <= allowed
    assert [value for _, labels in samples() for _, value in labels if re.search(r"\d{15,}", value)] == []


def test_two_expositions_do_not_share_a_registry() -> None:
    figures = worked(jobs=3)
    assert [b"kibitz_jobs_total" in exposition(figures) for _ in range(2)] == [True, True]


@pytest.mark.parametrize("language", ["", ".zh-CN"])
def test_the_page_of_docs_lists_all_names_and_no_others(language: str) -> None:
    text = (DOCS / f"operations{language}.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(kibitz_\w+)", text, re.MULTILINE)) == ALL
