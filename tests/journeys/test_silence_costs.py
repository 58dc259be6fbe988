"""Hours of silence cost next to nothing, or are refused before anybody is asked.

KIBITZ_CORPUS=full listens to all seven and a half hours; by default to six minutes.
"""

import os
from pathlib import Path

import pytest

from bot.domain.errors import MediaError
from tests.fakes.providers import KeepingListener
from tests.journeys.conftest import OpenKibitz
from tests.media.bytes_of import silent_opus
from tests.simulator.openai_server import OpenAIEmulator

HOURS = 7.5
LISTENED_HOURS = HOURS if os.environ.get("KIBITZ_CORPUS") == "full" else 0.1
MOST_USD = 0.07
MOST_BYTES = 10 * 2**20


def silence(path: Path, hours: float) -> Path:
    path.write_bytes(silent_opus(hours * 3600, filler=40))
    assert path.stat().st_size <= MOST_BYTES
    return path


async def test_too_much_silence_is_refused_before_anybody_is_asked(
    tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    clip = silence(tmp_path / "silence.ogg", HOURS)
    async with kibitz("balanced") as app:
        with pytest.raises(MediaError) as caught:
            await app.video.ask(clip, "What is said?", KeepingListener(), speak=True)
    assert caught.value.code == "media_too_long"
    assert (cloud.transcriptions, cloud.answers) == ([], [])


@pytest.mark.timeout(900)
async def test_silence_that_is_allowed_is_not_transcribed(
    tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    clip = silence(tmp_path / "silence.ogg", LISTENED_HOURS)
    async with kibitz("balanced", KIBITZ_MEDIA__MAX_SECONDS="86400") as app:
        expected = (await app.video.estimate(clip, KeepingListener())).cost_usd
        answer = await app.video.ask(clip, "What is said?", KeepingListener(), speak=True)
    assert cloud.transcriptions == []
    assert expected is not None
    assert sum(usage.cost_usd or 0.0 for usage in answer.usages) <= expected <= MOST_USD
