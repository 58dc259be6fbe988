"""What an endpoint says of the configured models."""

from datetime import date

import pytest

from bot.domain.errors import ProviderCategory
from bot.domain.role import Role
from bot.providers.openai.endpoint import Flavour
from bot.providers.openai.model_check import ModelState, check_models
from tests.providers.material import QUICK, endpoint
from tests.simulator.openai_server import OpenAIEmulator, flavours
from tests.simulator.openai_server import faults as make


async def test_offered_missing_and_ending() -> None:
    async with OpenAIEmulator() as server:
        state = await check_models(
            endpoint(server.base_url, Role.CHAT), ["gpt-6-luna", "gpt-4o", "gpt-4-turbo", "nobody"]
        )
    assert state.is_reachable
    assert state.models == (
        ModelState(model="gpt-6-luna", is_offered=True),
        ModelState(model="gpt-4o", is_offered=True, ends_on=date(2027, 1, 14)),
        ModelState(model="gpt-4-turbo", is_offered=False, ends_on=date(2026, 10, 23)),
        ModelState(model="nobody", is_offered=False),
    )


async def test_dates_are_known_where_the_list_is_silent() -> None:
    silent = flavours.replace(flavours.OPENAI, shutdown_dates=False)
    async with OpenAIEmulator(flavour=silent) as server:
        state = await check_models(endpoint(server.base_url, Role.TRANSCRIPTS), ["whisper-1"])
    assert state.models == (ModelState(model="whisper-1", is_offered=True, ends_on=date(2027, 2, 26)),)


async def test_an_alias_on_a_local_server_does_not_end() -> None:
    async with OpenAIEmulator(flavour=flavours.KOKORO) as server:
        state = await check_models(endpoint(server.base_url, Role.SPEECH, flavour=Flavour.KOKORO), ["tts-1"])
    assert state.models == (ModelState(model="tts-1", is_offered=True),)


@pytest.mark.parametrize(
    ("fault", "category"),
    [
        (make.bad_key(), ProviderCategory.AUTH),
        (make.captive_portal(), ProviderCategory.WRONG_ADDRESS),
        (make.Status(status=200, body='{"hello": "world"}'), ProviderCategory.WRONG_ADDRESS),
        (make.server_error(), ProviderCategory.SERVER),
    ],
)
async def test_what_is_wrong_with_an_endpoint(fault: make.Fault, category: ProviderCategory) -> None:
    async with OpenAIEmulator() as server:
        server.fail("models", fault, always=True)
        state = await check_models(endpoint(server.base_url, Role.CHAT), ["gpt-6-luna"], retry=QUICK)
    assert not state.is_reachable
    assert state.error is not None
    assert state.error.category is category
    assert state.models == ()


async def test_nobody_is_there() -> None:
    state = await check_models(endpoint("http://127.0.0.1:9/v1", Role.CHAT), ["gpt-6-luna"], retry=QUICK)
    assert state.error is not None
    assert state.error.category is ProviderCategory.NETWORK
