"""A bot that has been at work for a while, without a bot."""

import random
import socket
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.domain.answer import Usage
from bot.domain.events import (
    FirstAudio,
    FirstSentence,
    FirstToken,
    Outcome,
    RunEnded,
    RunStarted,
    Stage,
    StageEnded,
    StageStarted,
    UsageRecorded,
)
from bot.domain.money import Allowance, CapKind
from bot.domain.occasion import Occasion, Surface
from bot.domain.role import Role
from bot.operations.errors import Errors
from bot.operations.figures import Figures
from bot.operations.models import ModelInUse
from bot.operations.snapshot import Snapshot, latencies
from bot.operations.vitals import Finding, Health
from bot.tally import Figure

NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
TYPICAL_SECONDS = {
    Stage.FETCH: 0.4,
    Stage.PROBE: 0.06,
    Stage.FRAMES: 1.4,
    Stage.AUDIO: 0.5,
    Stage.CAPTIONS: 4.2,
    Stage.TRANSCRIPT: 3.1,
    Stage.FUSION: 0.012,
    Stage.ANSWER: 2.3,
    Stage.SPEECH: 1.1,
}
SPOKEN_SECONDS = {"endpoint": 0.42, "transcript": 0.55, "first_token": 0.9, "first_sentence": 1.2, "first_audio": 1.5}


def job(figures: Figures, number: int, luck: random.Random, *, code: str | None = None) -> None:
    """One question from its turn to its end; with `code` it fails at the captions."""
    job_id, at = f"{number:012x}", 0.0
    occasion = Occasion(job_id=job_id, surface=Surface.CHAT)
    figures.heard(Figure.QUEUE_WAIT_SECONDS, luck.expovariate(8), "")
    figures.on_job_event(RunStarted(job_id=job_id, at_seconds=0.0), occasion)
    for stage, typical in TYPICAL_SECONDS.items():
        fails = code is not None and stage is Stage.CAPTIONS
        figures.on_job_event(StageStarted(job_id=job_id, at_seconds=at, stage=stage), occasion)
        if stage is Stage.ANSWER:
            figures.on_job_event(FirstToken(job_id=job_id, at_seconds=at + 0.4), occasion)
            figures.on_job_event(FirstSentence(job_id=job_id, at_seconds=at + 0.8), occasion)
        at += typical * luck.lognormvariate(0, 0.45)
        ended = StageEnded(
            job_id=job_id,
            at_seconds=at,
            stage=stage,
            outcome=Outcome.FAILED if fails else Outcome.DONE,
            error_code=code if fails else None,
        )
        figures.on_job_event(ended, occasion)
        if fails:
            break
    else:
        figures.on_job_event(FirstAudio(job_id=job_id, at_seconds=at), occasion)
        for role, cost in ((Role.CAPTIONS, 0.0021), (Role.TRANSCRIPTS, 0.0009), (Role.CHAT, 0.0042)):
            usage = Usage(role=role, provider="openai", model="m", cost_usd=cost)
            figures.on_job_event(UsageRecorded(job_id=job_id, at_seconds=at, usage=usage), occasion)
    outcome = Outcome.DONE if code is None else Outcome.FAILED
    figures.on_job_event(RunEnded(job_id=job_id, at_seconds=at, outcome=outcome), occasion)


def worked(jobs: int = 80) -> Figures:
    """Figures of so many questions and spoken answers."""
    luck = random.Random(7)
    minutes = iter(range(10_000))
    figures = Figures(Errors(now=lambda: NOW - timedelta(minutes=90 - 7 * next(minutes))))
    for number in range(jobs):
        code = {9: "media_corrupt", 30: "rate_limited", 55: "model_gone"}.get(number)
        job(figures, 0xA7C30000 + 7919 * number, luck, code=code)
        for step, typical in SPOKEN_SECONDS.items():
            figures.heard(Figure.VOICE_SECONDS, typical * luck.lognormvariate(0, 0.3), step)
    figures.errors.note("MemoryFault", where="bot.services.remembrance")
    return figures


MODELS = (
    ModelInUse(role=Role.CAPTIONS, server="api.openai.com", model="gpt-6-luna", is_offered=True),
    ModelInUse(
        role=Role.CHAT, server="api.openai.com", model="gpt-4o", is_offered=True, ends_on=NOW.date() + timedelta(45)
    ),
    ModelInUse(role=Role.TRANSCRIPTS, server="api.openai.com", model="gpt-transcribe", is_offered=True),
    ModelInUse(role=Role.SPEECH, server="speech.example", model="a-model-that-is-gone", is_offered=False),
)
CAPS = (
    Allowance(kind=CapKind.DAY, cap_usd=20.0, spent_usd=6.42, reserved_usd=1.1, resets_at=NOW + timedelta(hours=12)),
    Allowance(kind=CapKind.ALL, cap_usd=50.0, spent_usd=44.8, reserved_usd=0.0, resets_at=None),
)
WELL = Health(
    findings=(
        Finding(name="loop", is_well=True, says="last tick 0.0 s ago"),
        Finding(name="database", is_well=True, says="a write took 3 ms"),
        Finding(name="gateway", is_well=True, says="last acknowledgement 12 s ago"),
        Finding(name="jobs", is_well=True, says="in time"),
        Finding(name="disk", is_well=True, says="62% free"),
    ),
    not_ready=(),
)


def snapshot(figures: Figures, **changes: Any) -> Snapshot:
    """As the page is given it."""
    fields: dict[str, Any] = {
        "name": "bot",
        "version": "0.1.0",
        "at": NOW,
        "up_seconds": 3 * 3600 + 700,
        "health": WELL,
        "in_flight": 3,
        "running": 2,
        "voice_sessions": 1,
        "lag_seconds": 0.018,
        "caps": CAPS,
        "models": MODELS,
        "jobs": dict(figures.jobs),
        "cost_usd": figures.counted("cost_usd"),
        "errors": figures.errors.latest(),
        **latencies(figures),
    }
    return Snapshot(**fields | changes)


def free_port() -> int:
    """Nobody listens there at the moment."""
    with closing(socket.socket()) as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
