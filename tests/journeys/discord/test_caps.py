"""A hundred questions at once against ten cents, and models whose price nobody knows."""

import asyncio

import pytest

from bot.providers.prices import Quantity, cost_usd
from tests.journeys.discord.conftest import StartBot
from tests.simulator.discord_server import Channel, DiscordServer, Guild, interactions
from tests.simulator.openai_server import HonestMind, OpenAIEmulator

DEAR = "gpt-6-astra"
CAP_USD = 0.10
EVERYBODY = {"JOBS__MAX_RUNNING": 64, "JOBS__MAX_RUNNING_PER_SERVER": 64, "JOBS__MAX_WAITING": 200}
NO_PRICE = "the price of the model"


async def test_a_hundred_questions_at_once_spend_no_more_than_the_cap(
    start: StartBot,
    discord: DiscordServer,
    cloud: OpenAIEmulator,
    club: Guild,
    general: Channel,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # How soon a hundred at once are acknowledged is for `python -m tests.bench load`: here all share one event loop.
    monkeypatch.setattr(interactions, "ACKNOWLEDGE_SECONDS", 60.0)
    cloud.mind = HonestMind(answers="It is green.")
    people = [club.member(f"P{number}") for number in range(100)]
    budget = {"BUDGET__TOTAL_USD": CAP_USD, "BUDGET__CONFIRM_USD": 0, "MEMORY__SUMMARIES": "false"}
    async with start(CHAT__MODELS=DEAR, CHAT__MAX_OUTPUT_TOKENS=100, **budget, **EVERYBODY):
        asked = await asyncio.gather(*(person.slash("ask", question="hello?", to=general) for person in people))
        replies = [await discord.bot.reply(question, timeout=120) for question in asked]
    answered = [reply for reply in replies if reply.content == "It is green."]
    refused = [reply for reply in replies if "This bot has used up all it may spend." in reply.content]
    assert len(answered) + len(refused) == 100
    assert answered, "what there is may be spent"
    assert refused
    spent = 0.0
    paid = [call for call in cloud.answers if call.status == 200]  # what is refused for its form costs nothing
    for call in paid:
        used = Quantity(input_tokens=call.text_tokens, output_tokens=call.output_tokens)
        spent += cost_usd(DEAR, used) or 1.0
    assert len(paid) == len(answered), "who is refused costs nothing"
    assert 0 < spent <= CAP_USD


async def test_without_a_price_nothing_is_paid_unless_the_operator_allows_it(
    start: StartBot, discord: DiscordServer, cloud: OpenAIEmulator, club: Guild, general: Channel
) -> None:
    cloud.mind = HonestMind(answers="It is green.")
    anna = club.member("Anna")
    async with start(CHAT__MODELS="gpt-4-turbo-2099"):
        asked = await anna.slash("ask", question="hello?", to=general)
        assert NO_PRICE in (await discord.bot.reply(asked)).content
    assert cloud.requests == []
    async with start(CHAT__MODELS="gpt-6-luna", BUDGET__ALLOW_UNPRICED="gpt-4-turbo-2099"):
        asked = await anna.slash("ask", question="hello?", to=general)
        assert (await discord.bot.reply(asked)).content == "It is green."
