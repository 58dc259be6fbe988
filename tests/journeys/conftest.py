"""The whole bot between a clip and an emulated cloud."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from bot.app import App, open_app
from bot.config import load_settings
from tests.journeys.known import remember
from tests.simulator.openai_server import OpenAIEmulator

CONFIG = Path(__file__).parents[2] / "config.toml"

OpenKibitz = Callable[..., AbstractAsyncContextManager[App]]


@pytest.fixture
async def cloud() -> AsyncIterator[OpenAIEmulator]:
    """An emulated cloud without delays."""
    async with OpenAIEmulator() as emulator:
        yield emulator


@pytest.fixture
def known_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """For journeys in which a clip is an occasion and not the point: what ffmpeg said of the same clip before is not
    asked of it again."""
    remember(monkeypatch)


@pytest.fixture
def kibitz(cloud: OpenAIEmulator, tmp_path: Path) -> OpenKibitz:
    """Opens the bot on the emulated cloud; whisper-1, because it knows times. Keyword arguments are settings of the
    environment, such as KIBITZ_OFFLINE__FALLBACK="false"."""

    @asynccontextmanager
    async def opened(preset: str = "balanced", **settings: str) -> AsyncIterator[App]:
        environ: Mapping[str, str] = {
            "OPENAI_BASE_URL": cloud.base_url,
            "OPENAI_API_KEY": cloud.api_key,
            "KIBITZ_DATA__DIRECTORY": str(tmp_path / "data"),
            "KIBITZ_TRANSCRIPTS__MODELS": '["whisper-1"]',
            "KIBITZ_OFFLINE__FALLBACK": "false",
            **settings,
        }
        async with open_app(load_settings(CONFIG, environ=environ, preset=preset)) as app:
            yield app

    return opened
