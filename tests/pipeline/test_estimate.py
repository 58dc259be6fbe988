"""An estimate is hardly ever below what is paid, and as a rule not far above it."""

import math
import random
import statistics

import pytest

from bot.domain.role import Role
from bot.pipeline.crew import Crew
from bot.pipeline.estimate import frames_of, load_ahead, priced
from bot.providers.image_tokens import Detail, image_tokens
from bot.providers.prices import Quantity
from tests.pipeline.test_degrade import clip_of, crew

RUNS = 400


def _paid(
    someone: Crew, chance: random.Random, seconds: float, *, video: bool, audio: bool, speaks: bool
) -> tuple[float, float]:
    """What is estimated for one question about a clip of this length, and what it costs when all goes as it does:
    models answer in the lengths that they do, part of the clip is silent, and now and then they look again."""
    facts = clip_of(seconds, video=video, audio=audio)
    prices, models = someone.prices, {role: refs[0].model for role, refs in someone.models.items()}
    estimate = priced(someone, [load_ahead(someone, facts)], speaks=speaks).cost_usd or 0.0
    frames = max(1, round(frames_of(someone, facts) * chance.uniform(0.55, 1.0))) if video else 0
    heard = seconds * chance.uniform(0.55, 1.0) if audio else 0.0
    requests = math.ceil(frames / someone.frames_per_request)
    words = frames * chance.gauss(48, 9)
    picture = image_tokens(models[Role.CAPTIONS], 768, 432, Detail.HIGH)
    evidence = min(words + heard * chance.uniform(2.5, 4.0), someone.evidence_tokens) + chance.uniform(450, 700)
    letters = chance.lognormvariate(math.log(330), 0.35)
    looks = 2 if chance.random() < 0.01 else 1 if chance.random() < 0.12 else 0
    closer = image_tokens(models[Role.CAPTIONS], 1280, 720, Detail.HIGH)
    used = [
        (Role.CAPTIONS, frames * picture + requests * chance.uniform(330, 480), words),
        (Role.CHAT, evidence * (1 + looks), letters / 4 + 60 * looks),
        (Role.CAPTIONS, looks * chance.uniform(3, 8) * closer if video else 0, looks * 300 if video else 0),
    ]
    costs = [
        prices.cost_usd(models[role], Quantity(input_tokens=round(put), output_tokens=round(got)))
        for role, put, got in used
    ]
    costs.append(prices.cost_usd(models[Role.TRANSCRIPTS], Quantity(audio_seconds=heard)))
    if speaks:
        said = Quantity(audio_seconds=letters / chance.gauss(15, 1), characters=round(letters))
        costs.append(prices.cost_usd(models[Role.SPEECH], said))
    if looks and not video:
        costs.append(prices.cost_usd(models[Role.TRANSCRIPTS], Quantity(audio_seconds=min(20.0, seconds) * looks)))
    return estimate, sum(cost or 0.0 for cost in costs)


@pytest.mark.parametrize("chat", ["gpt-6-luna", "gpt-6.1-terra"])
def test_over_many_questions_it_is_enough_and_at_the_median_not_twice_as_much(chat: str) -> None:
    chance, someone = random.Random(32), crew(chat=chat)
    shares: list[float] = []
    for _ in range(RUNS):
        kind = chance.random()
        seconds = math.exp(chance.uniform(math.log(4), math.log(600)))
        estimate, paid = _paid(
            someone, chance, seconds, video=kind > 0.1, audio=kind < 0.85, speaks=chance.random() < 0.2
        )
        shares.append(estimate / paid)
    assert sum(share >= 1 for share in shares) >= 0.99 * RUNS, sorted(shares)[:8]
    assert statistics.median(shares) <= 2.0
