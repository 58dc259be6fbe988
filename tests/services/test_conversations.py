"""Conversations by name: listed, gone on with, forgotten as a whole, and apart from what Discord knows."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from bot.app import App, open_app
from bot.config import load_settings
from bot.database.engine import Database
from bot.database.where import Where
from bot.domain.errors import BotError, MemoryFault
from bot.memory.store import Memory
from bot.services.conversations import Conversations, key_of
from bot.services.forget import ForgetService
from tests.databases import holds
from tests.simulator.running import CONFIG

from ..fakes.providers import KeepingListener

CANARY = "canarywords"


@asynccontextmanager
async def opened(where: Where) -> AsyncGenerator[tuple[App, Conversations]]:
    environ = {"KIBITZ_DATA__DIRECTORY": str(where.directory), "KIBITZ_DATA__URL": where.url or ""}
    settings = load_settings(CONFIG, environ=environ, preset="offline")
    async with open_app(settings, keeps=True) as app:
        assert app.conversations is not None
        yield app, app.conversations


async def say(conversations: Conversations, name: str, question: str) -> None:
    await conversations.ask(name, None, question, KeepingListener(), speak=False)
    await conversations.upkeep(name)


async def test_the_last_used_is_listed_first_and_one_is_forgotten_without_the_others(where: Where) -> None:
    async with opened(where) as (_, conversations):
        await say(conversations, "trip", f"What of the {CANARY}?")
        await say(conversations, "home", "What is it?")
        await say(conversations, "home", "And then?")
        assert [(one.name, one.turn_count) for one in await conversations.names()] == [("home", 2), ("trip", 1)]
        await conversations.forget("trip")
        assert [one.name for one in await conversations.names()] == ["home"]
        with pytest.raises(BotError, match="no_conversation"):
            await conversations.forget("trip")


async def test_of_a_forgotten_conversation_no_word_is_left(where: Where, database: Database) -> None:
    async with opened(where) as (_, conversations):
        await say(conversations, CANARY, f"What of the {CANARY}?")
        assert await holds(where, database, CANARY)
        await conversations.forget(CANARY)
    assert not await holds(where, database, CANARY)


async def test_what_was_not_answered_can_be_forgotten(where: Where) -> None:
    """Before an answer fails or is stopped, its clip may be kept already."""
    async with opened(where) as (_, conversations):
        with pytest.raises(BotError, match="no_clip"):
            await conversations.ask("trip", None, None, KeepingListener(), speak=False)
        assert [(one.name, one.turn_count, one.last_at) for one in await conversations.names()] == [("trip", 0, None)]
        await conversations.forget("trip")
        assert list(await conversations.names()) == []


async def test_what_is_answered_while_it_is_forgotten_is_listed(where: Where) -> None:
    async with opened(where) as (_, conversations):
        await say(conversations, "trip", "What is it?")
        await conversations.forget("trip")
        await conversations.upkeep("trip")
        assert [one.name for one in await conversations.names()] == ["trip"]


async def test_upkeep_that_cannot_be_done_costs_no_answer(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    class Busy(ForgetService):
        async def upkeep(self) -> None:  # type: ignore[override]
            raise MemoryFault("memory_busy", "The memory is busy.")

    memory = Memory(database)
    await Conversations(None, memory, Busy(memory, keep_days=30)).upkeep("trip")  # type: ignore[arg-type]
    assert "memory_busy" in caplog.text
    assert "trip" not in caplog.text


@pytest.mark.parametrize("name", ["trip", "旅行", "a/b\\c", "--", "../..", "trip 2 🎬", "x" * 100, "0"])
def test_any_name_that_can_be_printed_is_a_place_that_discord_does_not_have(name: str) -> None:
    key = key_of(name)
    assert key == key_of(name)
    assert key.server_id is None
    assert -(2**62) <= key.channel_id < 0


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "a\nb", "a\0b", "\x1b[2J", "\u202e", "\udcff"])
def test_what_cannot_be_a_name_is_refused(name: str) -> None:
    with pytest.raises(BotError, match="conversation_name"):
        key_of(name)


def test_names_that_differ_are_different_places() -> None:
    names = ["trip", "Trip", "trip ", "旅行", "旅"]
    assert len({key_of(name).channel_id for name in names}) == len(names)
