"""What the page, the metrics and the checks are made of, and all of it at one time."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.money import Allowance
from bot.domain.sentence import Sentence
from bot.operations.errors import Mishap
from bot.operations.figures import Figures, Latency
from bot.operations.metrics import Reading, reading
from bot.operations.models import Look, ModelInUse
from bot.operations.vitals import Health


async def _nothing() -> None:
    pass


async def _no_models() -> tuple[ModelInUse, ...]:
    return ()


async def _no_caps() -> tuple[Allowance, ...]:
    return ()


def _nobody(_key: str, _said: Sentence) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where what is shown comes from; each is asked when it is needed. What a process does not have stays as it is.

    `write` writes something into the database. `ack_ages`: see GatewayCheck; None: this process is not on Discord.
    `rounds` and `overdue`: see JobsCheck. `ready`: what must hold so that questions are
    taken, by what is missing where it does not. `caps`: those that hold for everybody. `look`: asks for the models that
    are configured; `tell` gives whoever runs the bot a word, once for the same key.
    """

    write: Callable[[], Awaitable[None]] = _nothing
    ack_ages: Callable[[], Mapping[int, float | None]] | None = None
    rounds: Mapping[str, Callable[[], float]] = field(default_factory=dict[str, "Callable[[], float]"])
    overdue: Callable[[], int] = lambda: 0
    folders: Sequence[Path] = ()
    ready: Mapping[str, Callable[[], bool]] = field(default_factory=dict[str, "Callable[[], bool]"])
    in_flight: Callable[[], int] | None = None
    voice_sessions: Callable[[], int] = lambda: 0
    caps: Callable[[], Awaitable[tuple[Allowance, ...]]] = _no_caps
    look: Look = _no_models
    tell: Callable[[str, Sentence], None] = _nobody


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How everything is at one time. `caps` None: they could not be read."""

    name: str
    version: str
    at: datetime
    up_seconds: float
    health: Health
    in_flight: int
    running: int
    voice_sessions: int
    lag_seconds: float
    caps: tuple[Allowance, ...] | None
    models: tuple[ModelInUse, ...]
    steps: tuple[Latency, ...]
    firsts: tuple[Latency, ...]
    voice: tuple[Latency, ...]
    waits: tuple[Latency, ...]
    whole: tuple[Latency, ...]
    jobs: Mapping[tuple[str, str], int]
    cost_usd: Mapping[str, float]
    errors: tuple[Mishap, ...]

    def readings(self) -> tuple[Reading, ...]:
        """The gauges."""
        today = self.at.astimezone(UTC).date()
        ends = ((model, model.days_left(today)) for model in self.models)
        return (
            reading("kibitz_jobs_in_flight", self.in_flight),
            reading("kibitz_jobs_running", self.running),
            reading("kibitz_voice_sessions", self.voice_sessions),
            reading("kibitz_loop_lag_seconds", self.lag_seconds),
            *(
                reading("kibitz_model_days_left", days, role=model.role.value, model=model.model)
                for model, days in ends
                if days is not None
            ),
            *(
                reading(
                    "kibitz_budget_spent_share", (cap.spent_usd + cap.reserved_usd) / cap.cap_usd, cap=cap.kind.value
                )
                for cap in self.caps or ()
                if cap.cap_usd
            ),
            *(reading("kibitz_healthy", float(one.is_well), check=one.name) for one in self.health.findings),
            reading("kibitz_ready", float(self.health.is_ready)),
        )


def latencies(figures: Figures) -> dict[str, tuple[Latency, ...]]:
    """The series by the field of the snapshot they belong in."""
    return {
        "steps": figures.latencies("step_seconds"),
        "firsts": figures.latencies("first_seconds"),
        "voice": figures.latencies("voice_seconds"),
        "waits": figures.latencies("queue_wait_seconds"),
        "whole": figures.latencies("job_seconds"),
    }
