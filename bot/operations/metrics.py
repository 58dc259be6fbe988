"""The figures as Prometheus reads them. The library is loaded with the first question for them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.operations.figures import Figures

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

HISTOGRAMS: Mapping[str, tuple[str, str, str]] = {
    "queue_wait_seconds": ("kibitz_queue_wait_seconds", "", "How long questions waited for their turn"),
    "job_seconds": ("kibitz_job_seconds", "kind", "How long questions took from their turn to their end"),
    "step_seconds": ("kibitz_step_seconds", "stage", "How long the steps of questions took"),
    "first_seconds": ("kibitz_first_seconds", "what", "When the first token, sentence and sound of an answer came"),
    "voice_seconds": ("kibitz_voice_seconds", "step", "From the end of speech to each step of the spoken answer"),
    "ffmpeg_seconds": ("kibitz_ffmpeg_seconds", "program", "How long programs on files ran"),
    "ffmpeg_rss_bytes": ("kibitz_ffmpeg_rss_bytes", "program", "The most memory programs on files had"),
}
"""By what figures call it: name, label, what it says."""

COUNTERS: Mapping[str, tuple[str, str, str]] = {
    "cost_usd": ("kibitz_cost_usd_total", "role", "US dollars by the price list"),
    "refusals": ("kibitz_refusals_total", "code", "How often somebody was told no"),
    "decrypt_failures": ("kibitz_decrypt_failures_total", "", "Packets of voice that could not be decrypted"),
    "retries": ("kibitz_retries_total", "role", "Calls to providers that were made once more"),
    "invalid_requests": ("kibitz_invalid_requests_total", "status", "Requests that Discord refused and counts"),
}

JOBS = ("kibitz_jobs_total", "Questions that ended")
BREAKER = ("kibitz_breaker_state", "Providers: 0 works, 1 is tried again next, 2 is passed over")

GAUGES: Mapping[str, str] = {
    "kibitz_jobs_in_flight": "Questions that wait or are worked on",
    "kibitz_jobs_running": "Questions that are worked on",
    "kibitz_voice_sessions": "Voice channels the bot is in",
    "kibitz_loop_lag_seconds": "How late the event loop was at most in the last minute",
    "kibitz_model_days_left": "Days until a configured model is shut down",
    "kibitz_budget_spent_share": "Of each cap, what is spent or held back, from 0 to 1",
    "kibitz_healthy": "Whether each check of /healthz is passed",
    "kibitz_ready": "Whether questions are taken",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One value of a gauge, with its labels."""

    name: str
    value: float
    labels: Mapping[str, str]


def reading(name: str, value: float, **labels: str) -> Reading:
    """Short for it."""
    return Reading(name=name, value=value, labels=labels)


class _Collector:
    """Makes Prometheus' metrics of ours when they are asked for."""

    def __init__(self, figures: Figures, readings: Iterable[Reading]) -> None:
        self._figures = figures
        self._readings = tuple(readings)

    def collect(self) -> "Iterable[Metric]":
        from prometheus_client.metrics_core import (  # noqa: PLC0415  # a start without metrics saves it
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        for ours, (name, label, says) in HISTOGRAMS.items():
            histogram = HistogramMetricFamily(name, says, labels=[label] if label else [])
            for value, (buckets, total) in sorted(self._figures.lasting(ours).items()):
                histogram.add_metric([value] if label else [], buckets, total)
            yield histogram
        for ours, (name, label, says) in COUNTERS.items():
            counter = CounterMetricFamily(name, says, labels=[label] if label else [])
            found = self._figures.counted(ours)
            for value, count in sorted(({"": 0.0} | found if not label else found).items()):
                counter.add_metric([value] if label else [], count)
            yield counter
        jobs = CounterMetricFamily(*JOBS, labels=["kind", "outcome"])
        for labels, count in sorted(self._figures.jobs.items()):
            jobs.add_metric(labels, count)
        yield jobs
        breaker = GaugeMetricFamily(*BREAKER, labels=["role", "place"])
        for labels, state in self._figures.breakers().items():
            breaker.add_metric(labels, state)
        yield breaker
        for name, says in GAUGES.items():
            mine = [one for one in self._readings if one.name == name]
            gauge = GaugeMetricFamily(name, says, labels=list(mine[0].labels) if mine else [])
            for one in mine:
                gauge.add_metric(list(one.labels.values()), one.value)
            yield gauge


def exposition(figures: Figures, readings: Iterable[Reading] = ()) -> bytes:
    """All metrics as text, those of the process (memory, descriptors, processor) included. May take a while the first
    time, so not for the event loop."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest  # noqa: PLC0415  # as above

    registry = CollectorRegistry()
    registry.register(_Collector(figures, readings))  # pyright: ignore[reportArgumentType] # it collects, by its shape
    ProcessCollector(registry=registry)
    return generate_latest(registry)
