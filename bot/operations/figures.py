"""The figures of this process: how often, how long, how much; by stage, role and code, never by person or place."""

import re
import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate

from bot.domain.events import (
    FirstAudio,
    FirstSentence,
    FirstToken,
    JobEvent,
    RunEnded,
    RunStarted,
    StageEnded,
    StageStarted,
    UsageRecorded,
)
from bot.domain.occasion import Occasion
from bot.hooks.specs import hookimpl
from bot.operations.errors import Errors
from bot.tally import Figure

SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0)
BYTES = tuple(float(2**20 * size) for size in (16, 32, 64, 128, 256, 512, 1024, 2048))
"""Upper bounds of the buckets of histograms."""

_RECENT = 500
_MOST_LABELS = 200
_MOST_JOBS = 1000
_OTHER = "other"
_CODE = re.compile(r"[a-z_]{1,40}")
"""Of plugins, too; no number may stand in it that says who it was."""

_FIRSTS = {FirstToken: "token", FirstSentence: "sentence", FirstAudio: "audio"}


class Histogram:
    """How often each size came; the latest values as well, for percentiles."""

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.total = 0.0
        self.recent: deque[float] = deque(maxlen=_RECENT)
        self._counts = [0] * (len(bounds) + 1)

    def add(self, value: float) -> None:
        self._counts[bisect_left(self.bounds, value)] += 1
        self.total += value
        self.recent.append(value)

    @property
    def count(self) -> int:
        return sum(self._counts)

    def buckets(self) -> Iterator[tuple[str, int]]:
        """Each upper bound with how many values are not above it, as Prometheus wants them."""
        return zip((*(f"{bound:g}" for bound in self.bounds), "+Inf"), accumulate(self._counts), strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """One series at a glance, in seconds. `count` is of all since the start, the rest of the latest."""

    name: str
    p50: float
    p95: float
    count: int
    recent: tuple[float, ...]


def percentile(values: list[float], share: float) -> float:
    """The least of the sorted values that so much of them does not exceed (nearest rank). Needs a value."""
    rank = -(-len(values) * share // 1)
    return values[max(0, int(rank) - 1)]


class Figures:
    """Hears the hooks of jobs and the tally of the process, on any thread. `clock` gives monotonic seconds."""

    def __init__(self, errors: Errors | None = None, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.errors = errors or Errors()
        self._clock = clock
        self._lock = threading.Lock()
        self.histograms: dict[tuple[str, str], Histogram] = {}
        self.counters: Counter[tuple[str, str]] = Counter()
        self.jobs: Counter[tuple[str, str]] = Counter()
        """How many ended, by surface and outcome."""
        self._rests: dict[str, float] = {}
        self._running: dict[str, None] = {}
        self._stages: dict[tuple[str, str], list[float]] = {}

    # Hearing.

    @hookimpl
    def on_job_event(self, event: JobEvent, occasion: Occasion) -> None:
        """Stages, ends and costs of all jobs."""
        match event:
            case RunStarted():
                self._start(event.job_id)
            case RunEnded():
                self._end(event, occasion)
            case StageStarted():
                self._stage_started(event)
            case StageEnded():
                self._stage_ended(event, occasion)
            case UsageRecorded():
                self._count("cost_usd", event.usage.role.value, event.usage.cost_usd or 0.0)
            case FirstToken() | FirstSentence() | FirstAudio():
                self.observe("first_seconds", event.at_seconds, _FIRSTS[type(event)])
            case _:
                pass

    def heard(self, figure: Figure, value: float, label: str) -> None:
        """For `bot.tally.hearing`."""
        match figure:
            case Figure.REST_SECONDS:
                with self._lock:
                    self._rests[label] = self._clock() + value if value else 0.0
            case Figure.REFUSALS:
                self._count(figure.value, label if _CODE.fullmatch(label) else _OTHER, value)
            case Figure.DECRYPT_FAILURES | Figure.RETRIES | Figure.INVALID_REQUESTS:
                self._count(figure.value, label, value)
            case Figure.FFMPEG_RSS_BYTES:
                self.observe(figure.value, value, label, BYTES)
            case _:
                self.observe(figure.value, value, label)

    def observe(self, name: str, value: float, label: str = "", bounds: tuple[float, ...] = SECONDS) -> None:
        """One value more."""
        with self._lock:
            key = self._key(name, label, self.histograms)
            known = self.histograms.get(key)
            if known is None:
                known = self.histograms[key] = Histogram(bounds)
            known.add(max(0.0, value))

    def _count(self, name: str, label: str, value: float) -> None:
        with self._lock:
            self.counters[self._key(name, label, self.counters)] += value  # pyright: ignore[reportArgumentType] # sums of money, too

    def _key(
        self, name: str, label: str, known: "dict[tuple[str, str], Histogram] | Counter[tuple[str, str]]"
    ) -> tuple[str, str]:
        """Labels are few by design; should one ever hold what differs each time, it does not fill the memory."""
        key = (name, label)
        return key if key in known or len(known) < _MOST_LABELS else (name, _OTHER)

    def _start(self, job_id: str) -> None:
        with self._lock:
            while len(self._running) >= _MOST_JOBS:
                self._running.pop(next(iter(self._running)))
            self._running[job_id] = None

    def _end(self, event: RunEnded, occasion: Occasion) -> None:
        with self._lock:
            self._running.pop(event.job_id, None)
            for key in [key for key in self._stages if key[0] == event.job_id]:
                del self._stages[key]
            self.jobs[(occasion.surface.value, event.outcome.value)] += 1
        self.observe("job_seconds", event.at_seconds, occasion.surface.value)

    def _stage_started(self, event: StageStarted) -> None:
        """Those whose end is told to nobody, as where a question was stopped that shared them, give way to others."""
        with self._lock:
            while len(self._stages) >= _MOST_JOBS:
                self._stages.pop(next(iter(self._stages)))
            self._stages.setdefault((event.job_id, event.stage.value), []).append(event.at_seconds)

    def _stage_ended(self, event: StageEnded, occasion: Occasion) -> None:
        key = (event.job_id, event.stage.value)
        with self._lock:
            began = self._stages.get(key)
            at = began.pop(0) if began else None
            if not began:
                self._stages.pop(key, None)
        if at is not None:
            self.observe("step_seconds", event.at_seconds - at, event.stage.value)
        if event.error_code is not None:
            self.errors.note(event.error_code, where=event.stage.value, job_id=occasion.job_id or event.job_id)

    # Telling.

    @property
    def running(self) -> int:
        """Jobs that are worked on now."""
        return len(self._running)

    def breakers(self) -> dict[tuple[str, str], int]:
        """Role and place of each provider that ever failed: 2 while it is passed over, 1 when the next call tries it
        again, 0 since it works again."""
        now = self._clock()
        with self._lock:
            rests = dict(self._rests)
        states: dict[tuple[str, str], int] = {}
        for label, until in sorted(rests.items()):
            role, _, place = label.partition("/")
            states[(role, place)] = 0 if not until else 2 if now < until else 1
        return states

    def latencies(self, name: str) -> tuple[Latency, ...]:
        """All series of this name that have a value."""
        with self._lock:
            series = [
                (label, kept.count, tuple(kept.recent)) for (one, label), kept in self.histograms.items() if one == name
            ]
        return tuple(
            Latency(
                name=label,
                p50=percentile(sorted(recent), 0.50),
                p95=percentile(sorted(recent), 0.95),
                count=count,
                recent=recent,
            )
            for label, count, recent in series
        )

    def counted(self, name: str) -> dict[str, float]:
        """All counters of this name by their label."""
        with self._lock:
            return {label: value for (one, label), value in self.counters.items() if one == name}

    def lasting(self, name: str) -> dict[str, tuple[list[tuple[str, int]], float]]:
        """The buckets and the sum of all histograms of this name by their label."""
        with self._lock:
            return {
                label: (list(kept.buckets()), kept.total)
                for (one, label), kept in self.histograms.items()
                if one == name
            }
