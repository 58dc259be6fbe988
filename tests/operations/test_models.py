"""The models in use: what is said of those that end or are gone, to whom, how often."""

import asyncio
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.config import ChatSettings, RoleSettings, Settings, TranscriptSettings
from bot.domain.role import Role
from bot.domain.sentence import Sentence
from bot.hiring import look_at_models
from bot.operations.models import ModelInUse, ModelWatch
from tests.simulator.openai_server import OpenAIEmulator

TODAY = date(2026, 11, 30)


def model(name: str = "gpt-4o", *, left: int | None = None, is_offered: bool | None = True) -> ModelInUse:
    ends_on = None if left is None else TODAY + timedelta(left)
    return ModelInUse(role=Role.CHAT, server="api.openai.com", model=name, is_offered=is_offered, ends_on=ends_on)


class World:
    """Days that pass, models that change, an operator who is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.today = TODAY
        self.models: tuple[ModelInUse, ...] = ()
        self.told: list[str] = []

    def watch(self, **changes: object) -> ModelWatch:
        async def look() -> tuple[ModelInUse, ...]:
            return self.models

        def tell(_key: str, said: Sentence) -> None:
            self.told.append(said)

        return ModelWatch(look, folder=self.folder, tell=tell, today=lambda: self.today, **changes)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def test_an_end_is_told_well_before_and_then_at_each_step_once(world: World) -> None:
    world.models = (model(left=75),)
    watch, days = world.watch(), []
    for passed in range(80):
        world.today = TODAY + timedelta(passed)
        before = len(world.told)
        await watch.look()
        if len(world.told) > before:
            days.append(75 - passed)
    assert days == [60, 30, 14, 7, 3, 1, 0]
    assert max(days) >= 30
    assert "gpt-4o" in world.told[0]
    assert (TODAY + timedelta(75)).isoformat() in world.told[0]


async def test_a_restart_does_not_repeat_it(world: World) -> None:
    world.models = (model(left=20), model("gone", is_offered=False))
    await world.watch().look()
    assert len(world.told) == 2
    await world.watch().look()
    assert len(world.told) == 2
    world.today += timedelta(7)
    await world.watch().look()
    assert len(world.told) == 3


async def test_a_model_that_comes_back_and_goes_again_is_told_again(world: World) -> None:
    watch = world.watch()
    for is_offered, told in ((False, 1), (False, 1), (True, 1), (False, 2)):
        world.models = (model(is_offered=is_offered),)
        await watch.look()
        assert len(world.told) == told


async def test_a_server_that_does_not_answer_is_no_news_of_its_models(world: World) -> None:
    world.models = (model(is_offered=None), model("lasting"))
    watch = world.watch()
    await watch.look()
    assert world.told == []
    assert watch.models == world.models


@pytest.mark.parametrize(("is_offered", "pause"), [(True, 86_400), (None, 900)])
async def test_it_looks_daily_and_sooner_where_it_was_told_nothing(
    world: World, is_offered: bool | None, pause: float
) -> None:
    world.models = (model(is_offered=is_offered),)
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await world.watch(sleep=sleep).watch()
    assert pauses == [pause] * 3


@pytest.mark.parametrize("kept", ["", "[]", "null", '{"chat/gpt-4o": "x"}', "\x00"])
async def test_a_damaged_note_of_what_was_told_harms_nothing(world: World, kept: str) -> None:
    (world.folder / "models-told.json").write_text(kept)
    world.models = (model(left=5),)
    await world.watch().look()
    assert len(world.told) == 1


def test_days_are_counted_to_the_end() -> None:
    left: Callable[[int], int | None] = lambda days: model(left=days).days_left(TODAY)  # noqa: E731
    assert [left(days) for days in (30, 0, -2)] == [30, 0, -2]
    assert model().days_left(TODAY) is None


async def test_the_configured_models_as_their_servers_tell_of_them() -> None:
    async with OpenAIEmulator() as cloud:
        here = RoleSettings(base_url=cloud.base_url, api_key=SecretStr(cloud.api_key), models=("gpt-6-luna", "nobody"))
        chat = ChatSettings.model_validate(here.model_dump())
        away = TranscriptSettings(base_url="http://127.0.0.1:9/v1", models=("whisper-1",), attempts=1)
        found = await look_at_models(Settings(chat=chat, transcripts=away))
    assert [(one.role, one.server, one.model, one.is_offered) for one in found] == [
        (Role.TRANSCRIPTS, "127.0.0.1", "whisper-1", None),
        (Role.CHAT, "127.0.0.1", "gpt-6-luna", True),
        (Role.CHAT, "127.0.0.1", "nobody", False),
    ]
    assert found[0].ends_on == date(2027, 2, 26), "what is known here is known without the server"
