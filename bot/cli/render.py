"""Results as the command line prints them."""

from typing import Any

from bot.domain.answer import Answer
from bot.domain.clock import clock_time
from bot.pipeline.estimate import Estimate
from bot.pipeline.export import moment_as_json, notice_as_json


def answer_as_json(answer: Answer) -> dict[str, Any]:
    """The JSON contract of `ask --json`."""
    usages = answer.usages
    costs = [usage.cost_usd for usage in usages]
    roles = list(dict.fromkeys(usage.role for usage in usages))
    return {
        "job_id": answer.job_id,
        "question": {"text": answer.question.text, "source": answer.question.source.value},
        "answer": answer.text,
        "mode": answer.mode.value,
        "duration_seconds": round(answer.timeline.duration_seconds, 3),
        "timeline": [moment_as_json(moment) for moment in answer.timeline.moments],
        "notices": [notice_as_json(notice) for notice in answer.notices],
        "models": {
            role.value: list(dict.fromkeys(f"{u.provider}/{u.model}" for u in usages if u.role is role))
            for role in roles
        },
        "tokens": {
            "input": sum(usage.input_tokens for usage in usages),
            "output": sum(usage.output_tokens for usage in usages),
            "image": sum(usage.image_tokens for usage in usages),
        },
        "cost": {
            "usd": None if None in costs else round(sum(cost for cost in costs if cost is not None), 6),
            "by_role": {role.value: _sum([usage.cost_usd for usage in usages if usage.role is role]) for role in roles},
        },
        "timings": {name: round(seconds, 3) for name, seconds in answer.timings_seconds.items()},
        "voice": None if answer.voice is None else {"duration_seconds": round(answer.voice.duration_seconds, 3)},
    }


def estimate_as_text(costs: Estimate) -> str:
    """A few lines a person reads before paying."""
    lines = [
        f"Length    {clock_time(costs.duration_seconds)}",
        f"Frames    {costs.frames} in {costs.caption_requests} requests, {costs.image_tokens} image tokens",
        f"Sound     {costs.audio_seconds / 60:.1f} min in {costs.transcript_requests} pieces",
        f"Tokens    {costs.input_tokens} in, {costs.output_tokens} out",
    ]
    lines += [f"{part.role.value:<12}{part.model:<28}{_money(part.cost_usd)}" for part in costs.parts]
    lines.append(f"{'in all':<40}{_money(costs.cost_usd)}")
    return "\n".join(lines)


def _sum(costs: list[float | None]) -> float | None:
    return None if None in costs else round(sum(cost for cost in costs if cost is not None), 6)


def _money(cost_usd: float | None) -> str:
    return "price unknown" if cost_usd is None else f"${cost_usd:.4f}"
