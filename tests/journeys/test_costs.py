"""What is spent on the command line stays within its limits, and what is refused is refused before anything is paid."""

from pathlib import Path

import pytest
from sqlalchemy import select

from bot.database.engine import open_database
from bot.database.tables import BookingRow
from bot.database.where import Where
from bot.domain.errors import BudgetError
from bot.domain.timeline import NoticeCode
from bot.jobs.bookings import BookingState
from tests import clips
from tests.fakes.providers import KeepingListener
from tests.journeys.conftest import OpenKibitz
from tests.simulator.openai_server import OpenAIEmulator


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes, so that there is less to look at."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    scenes = [(("red", "blue", "green")[number % 3], 300 + 40 * number) for number in range(12)]
    clips.colour_tone_clip(path, scenes=scenes, seconds=1.0, size=(160, 90))
    return path


async def test_a_bound_is_kept_to_by_looking_at_less(
    clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator, tmp_path: Path
) -> None:
    async with kibitz(KIBITZ_CAPTIONS__MODELS="gpt-4o") as app:
        expected = (await app.video.estimate(clip, KeepingListener())).cost_usd or 0.0
        answer = await app.video.ask(clip, "What?", KeepingListener(), most_usd=expected * 0.75)
    paid = sum(usage.cost_usd or 0.0 for usage in answer.usages)
    assert 0 < paid <= expected * 0.75
    assert NoticeCode.DEGRADED in {notice.code for notice in answer.notices}
    assert "To save money" in cloud.answers[-1].text, "the model is told of the gap"
    async with open_database(Where(directory=tmp_path / "data")) as database:
        states = (await database.read(lambda session: session.scalars(select(BookingRow.state)))).all()
    assert set(states) == {BookingState.PAID, BookingState.RELEASED}, "what was held back and not spent is free again"


async def test_what_a_limit_does_not_allow_is_refused_before_anything_is_paid(
    clip: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    async with kibitz(KIBITZ_BUDGET__DAY_USD="0.0001") as app:
        with pytest.raises(BudgetError) as refused:
            await app.video.ask(clip, "What?", KeepingListener())
        assert refused.value.code == "estimate_above_budget"
        with pytest.raises(BudgetError):
            await app.video.timeline(clip, KeepingListener())
    async with kibitz() as app:
        with pytest.raises(BudgetError) as bounded:
            await app.video.ask(clip, "What?", KeepingListener(), most_usd=0.0001)
        assert bounded.value.code == "estimate_above_limit"
    assert cloud.requests == []
