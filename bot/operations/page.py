"""The status page: one document without scripts, pictures or anything from elsewhere; every value is escaped."""

import base64
import hashlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bot.domain.money import Allowance, CapKind
from bot.operations.figures import Latency
from bot.operations.models import ModelInUse
from bot.operations.snapshot import Snapshot

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")
_STYLE = (_TEMPLATES / "status.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

CSP = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
"""What a browser may do with the page: show it, and send its form back."""

_MARKS = 40
_LEAST_SECONDS = 0.01
_SOON_DAYS = 60
_URGENT_DAYS = 7

_STEPS = {
    "fetch": "Download",
    "probe": "Probe",
    "frames": "Frames",
    "audio": "Sound",
    "captions": "Captions",
    "transcript": "Transcript",
    "fusion": "Fusion",
    "answer": "Answer",
    "speech": "Speech",
    "look": "Another look",
}
_FIRSTS = {"token": "First token", "sentence": "First sentence", "audio": "First sound"}
_VOICE = {
    "endpoint": "End of turn found",
    "transcript": "Transcript",
    "first_token": "First token",
    "first_sentence": "First sentence",
    "first_speech": "First speech",
    "first_audio": "First sound heard",
}
_WHOLE = {"chat": "Answer in chat", "voice": "Answer in voice", "cli": "Command line"}
_WAITS = {"": "Waiting for its turn"}
_CAPS = {
    CapKind.PERSON_DAY: "One person, today",
    CapKind.SERVER_DAY: "One server, today",
    CapKind.DAY: "Everybody, today",
    CapKind.ALL: "Everybody, in all",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """One row of a plot. Places are percent of its width."""

    name: str
    p50: str
    p95: str
    count: int
    from_percent: float
    to_percent: float
    marks: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """Rows on one logarithmic scale, whose lines are `ticks`: place and words."""

    title: str
    about: str
    rows: tuple[Range, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A cap. `level` is a word for how full it is."""

    name: str
    spent: str
    cap: str
    resets: str
    spent_percent: float
    reserved_percent: float
    percent: int
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    role: str
    model: str
    server: str
    state: str
    level: str
    ends: str


def render_page(now: Snapshot) -> str:
    """The page as it is at this time."""
    health = now.health
    state = "Not well" if not health.is_alive else "Not ready" if not health.is_ready else "Well"
    return (
        _environment()
        .get_template("status.html")
        .render(
            style=_STYLE,
            now=now,
            state=state,
            level={"Well": "good", "Not ready": "warn"}.get(state, "bad"),
            up=_span(now.up_seconds),
            at=now.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
            plots=_plots(now),
            bars=[_bar(cap, now.at) for cap in now.caps or ()],
            models=[_model(model, now.at) for model in now.models],
            spent=[(role, usd(value)) for role, value in sorted(now.cost_usd.items()) if value],
            errors=[(one.at.astimezone(UTC).strftime("%m-%d %H:%M:%S"), one) for one in now.errors],
            done=sum(count for (_, outcome), count in now.jobs.items() if outcome == "done"),
            failed=sum(count for (_, outcome), count in now.jobs.items() if outcome == "failed"),
            lag=_seconds(now.lag_seconds),
        )
    )


def render_door(*, was_wrong: bool) -> str:
    """The page that asks for the token."""
    return _environment().get_template("door.html").render(style=_STYLE, was_wrong=was_wrong)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415  # the bot signs in sooner without

    return Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _plots(now: Snapshot) -> list[Plot]:
    groups = (
        ("Steps", "of questions about clips and conversations", _STEPS, now.steps),
        (
            "From the question",
            "to what is seen and heard of its answer",
            _FIRSTS | _WHOLE | _WAITS,
            (*now.waits, *now.firsts, *now.whole),
        ),
        ("Spoken answers", "from the end of somebody's speech", _VOICE, now.voice),
    )
    longest = max((one.p95 for _, _, _, series in groups for one in series), default=1.0)
    top = max(1.0, 10.0 ** math.ceil(math.log10(max(longest, _LEAST_SECONDS) * 1.02)))
    return [plot(title, about, names, series, top=top) for title, about, names, series in groups if series]


def plot(title: str, about: str, names: dict[str, str], series: Iterable[Latency], *, top: float) -> Plot:
    """The series in the order of their names, on a scale from ten milliseconds to `top` seconds."""
    known = {one.name: one for one in series}
    order = [name for name in names if name in known] + [name for name in known if name not in names]
    decades = round(math.log10(top / _LEAST_SECONDS))
    ticks = [_LEAST_SECONDS * 10**step for step in range(decades + 1)]
    return Plot(
        title=title,
        about=about,
        rows=tuple(_range(known[name], names.get(name, name), top) for name in order),
        ticks=tuple((_place(tick, top), _tick(tick)) for tick in ticks),
    )


def _range(one: Latency, name: str, top: float) -> Range:
    return Range(
        name=name,
        p50=_seconds(one.p50),
        p95=_seconds(one.p95),
        count=one.count,
        from_percent=_place(one.p50, top),
        to_percent=_place(one.p95, top),
        marks=tuple(_place(value, top) for value in one.recent[-_MARKS:]),
    )


def _place(seconds: float, top: float) -> float:
    """Percent of the width, with a margin for the dots."""
    share = math.log10(max(seconds, _LEAST_SECONDS) / _LEAST_SECONDS) / math.log10(top / _LEAST_SECONDS)
    return round(2 + 96 * min(share, 1.0), 2)


def _bar(cap: Allowance, at: datetime) -> Bar:
    limit = cap.cap_usd
    share = 0.0 if not limit else (cap.spent_usd + cap.reserved_usd) / limit
    spent = 0.0 if not limit else min(1.0, cap.spent_usd / limit)
    full = 1.0 if limit == 0 else min(1.0, share)
    resets = "" if cap.resets_at is None else f"again in {_span(max(0.0, (cap.resets_at - at).total_seconds()))}"
    return Bar(
        name=_CAPS[cap.kind],
        spent=usd(cap.spent_usd),
        cap="no cap" if limit is None else usd(limit),
        resets=resets,
        spent_percent=round(100 * spent, 2),
        reserved_percent=round(100 * (full - spent), 2),
        percent=round(100 * full),
        level="bad" if full >= 1 else "warn" if full >= 0.8 else "good",
    )


def _model(model: ModelInUse, at: datetime) -> ModelRow:
    days = model.days_left(at.astimezone(UTC).date())
    if model.is_offered is False:
        state, level = "not offered", "bad"
    elif model.is_offered is None:
        state, level = "not known", "plain"
    else:
        state, level = "offered", "good"
    ends = ""
    if days is not None and model.ends_on is not None:
        ends = f"{model.ends_on.isoformat()} ({_days(days)})"
        if days <= _SOON_DAYS and level != "bad":
            state, level = "ends soon", "bad" if days < _URGENT_DAYS else "warn"
    return ModelRow(role=model.role.value, model=model.model, server=model.server, state=state, level=level, ends=ends)


def _days(days: int) -> str:
    return "ended" if days < 0 else "today" if days == 0 else f"in {days} day{'' if days == 1 else 's'}"


def _span(seconds: float) -> str:
    """About how long, in the two largest units."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{int(seconds)} s"


def _seconds(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} min"


def _tick(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.0f} s"


def usd(amount: float) -> str:
    """Dollars, with as many digits as small sums need."""
    return f"${amount:,.2f}" if amount >= 0.1 or amount == 0 else f"${amount:.4f}"
