"""The whole bot between a clip and an emulated cloud."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from bot.app import App, open_app
from bot.config import load_settings
from tests.simulator.openai_server import OpenAIEmulator

CONFIG = Path(__file__).parents[2] / "config.toml"

OpenKibitz = Callable[..., AbstractAsyncContextManager[App]]


@pytest.fixture
async def cloud() -> AsyncIterator[OpenAIEmulator]:
    """An emulated cloud without delays."""
    async with OpenAIEmulator() as emulator:
        yield emulator


@pytest.fixture
def kibitz(cloud: OpenAIEmulator) -> OpenKibitz:
    """Opens the bot on the emulated cloud; whisper-1, because it knows times. Keyword arguments are settings of the
    environment, such as KIBITZ_OFFLINE__FALLBACK="false"."""

    @asynccontextmanager
    async def opened(preset: str = "balanced", **settings: str) -> AsyncIterator[App]:
        environ: Mapping[str, str] = {
            "OPENAI_BASE_URL": cloud.base_url,
            "OPENAI_API_KEY": cloud.api_key,
            "KIBITZ_TRANSCRIPTS__MODELS": '["whisper-1"]',
            "KIBITZ_OFFLINE__FALLBACK": "false",
            **settings,
        }
        async with open_app(load_settings(CONFIG, environ=environ, preset=preset)) as app:
            yield app

    return opened
