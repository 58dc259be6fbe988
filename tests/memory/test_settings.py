"""Settings of places: the channel over the server over the defaults, never those of another."""

from typing import Any

import pytest
from sqlalchemy import text

from bot.database.engine import Database
from bot.domain.conversation import AnswersWhen, PlaceSettings, SpeakWhen
from bot.memory.settings import OwnSettings
from bot.memory.store import Memory

from ..database.material import BIGGEST_ID, CHANNEL, SERVER


def test_every_setting_of_a_place_can_be_its_own() -> None:
    assert set(OwnSettings.__annotations__) == set(PlaceSettings.__dataclass_fields__)


async def test_the_channel_goes_over_the_server_over_the_defaults(memory: Memory) -> None:
    assert await memory.settings_for(SERVER, CHANNEL) == PlaceSettings()
    await memory.change_settings(SERVER, None, {"language": "zh-CN", "speak": "always", "ask_roles": (7, BIGGEST_ID)})
    await memory.change_settings(SERVER, CHANNEL, {"speak": SpeakWhen.NEVER, "ask_roles": ()})
    assert await memory.settings_for(SERVER, CHANNEL) == PlaceSettings(language="zh-CN", speak=SpeakWhen.NEVER)
    assert await memory.settings_for(SERVER, CHANNEL + 1) == PlaceSettings(
        language="zh-CN", speak=SpeakWhen.ALWAYS, ask_roles=(7, BIGGEST_ID)
    )
    assert await memory.own_settings(SERVER, CHANNEL) == {"speak": SpeakWhen.NEVER, "ask_roles": ()}
    assert await memory.own_settings(SERVER, CHANNEL + 1) == {}


async def test_settings_of_one_place_are_never_those_of_another(memory: Memory) -> None:
    await memory.change_settings(SERVER, None, {"language": "de"})
    await memory.change_settings(SERVER, CHANNEL, {"voice": "alloy"})
    await memory.change_settings(None, CHANNEL + 2, {"voice": "echo"})
    assert await memory.settings_for(SERVER + 1, CHANNEL) == PlaceSettings()
    assert await memory.settings_for(None, CHANNEL) == PlaceSettings()
    assert await memory.settings_for(None, CHANNEL + 2) == PlaceSettings(voice="echo")
    assert await memory.settings_for(SERVER, CHANNEL + 2) == PlaceSettings(language="de")
    assert await memory.own_settings(SERVER + 1, None) == {}


async def test_a_setting_can_be_changed_and_taken_back(memory: Memory) -> None:
    await memory.change_settings(SERVER, None, {"answers": "always"})
    await memory.change_settings(SERVER, CHANNEL, {"answers": "never", "language": "en"})
    await memory.change_settings(SERVER, CHANNEL, {"answers": None, "language": "fr"})
    assert await memory.own_settings(SERVER, CHANNEL) == {"language": "fr"}
    assert (await memory.settings_for(SERVER, CHANNEL)).answers is AnswersWhen.ALWAYS


@pytest.mark.parametrize("change", [{"mood": "curious"}, {"speak": "loudly"}, {"ask_roles": "everyone"}])
async def test_what_is_no_setting_is_refused_as_a_whole(memory: Memory, change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        await memory.change_settings(SERVER, CHANNEL, {"language": "en", **change})
    assert await memory.own_settings(SERVER, CHANNEL) == {}


async def test_direct_messages_share_no_settings(memory: Memory) -> None:
    with pytest.raises(ValueError, match="no place"):
        await memory.change_settings(None, None, {"language": "en"})


async def test_values_of_another_version_are_left_out(memory: Memory, database: Database) -> None:
    await memory.change_settings(SERVER, CHANNEL, {"speak": "always", "language": "en", "voice": "alloy"})
    for change in ("""SET value = '"loudly"' WHERE name = 'speak'""", "SET name = 'mood' WHERE name = 'voice'"):
        await database.write(lambda session, change=change: session.execute(text(f"UPDATE place_settings {change}")))
    assert await memory.settings_for(SERVER, CHANNEL) == PlaceSettings(language="en")
    assert await memory.own_settings(SERVER, CHANNEL) == {"language": "en"}
