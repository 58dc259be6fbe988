"""Settings reach the calls they are for, and dead providers end with one sentence."""

from pathlib import Path

import pytest

from bot.domain.errors import ProviderError
from tests import clips
from tests.fakes.providers import KeepingListener
from tests.journeys.conftest import OpenKibitz
from tests.simulator.openai_server import OpenAIEmulator, Reset


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    clips.colour_tone_clip(path, scenes=1)
    return path


async def test_each_language_goes_where_it_belongs(clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    async with kibitz(KIBITZ_TRANSCRIPTS__LANGUAGE="en", KIBITZ_ANSWER__LANGUAGE="zh") as app:
        await app.video.ask(clip, "What?", KeepingListener())
    (heard,) = cloud.transcriptions
    assert heard.body.get("language") == "en"
    assert "zh" in cloud.answers[-1].messages[0]["content"]


@pytest.mark.parametrize("what", ["timeline", "ask"])
async def test_a_clip_nobody_could_describe_is_an_error(
    what: str, clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    for endpoint in ("captions", "transcriptions"):
        cloud.fail(endpoint, Reset(), always=True)
    async with kibitz() as app:
        work = (
            app.video.timeline(clip, KeepingListener())
            if what == "timeline"
            else app.video.ask(clip, "What?", KeepingListener())
        )
        with pytest.raises(ProviderError) as raised:
            await work
    assert "127.0.0.1" in raised.value.public
    assert cloud.answers == [], "nothing is paid for an answer to nothing"


async def test_an_estimate_is_not_below_what_is_paid(clip: Path, kibitz: OpenKibitz) -> None:
    for preset in ("balanced", "quality"):
        async with kibitz(preset) as app:
            expected = (await app.video.estimate(clip, KeepingListener())).cost_usd
            answer = await app.video.ask(clip, "What?", KeepingListener(), speak=True)
        paid = sum(usage.cost_usd or 0.0 for usage in answer.usages)
        assert expected is not None, preset
        assert paid <= expected, preset
