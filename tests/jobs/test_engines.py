"""Which queue is opened, what is refused, and turns between processes."""

import asyncio
import sys

import pytest
from pydantic import ValidationError

from bot.cli.exits import EXIT_USAGE
from bot.cli.run import ONE_PROCESS, run_bot
from bot.config import Duty, QueueSettings, load_settings
from bot.database.engine import Database
from bot.domain.errors import BotError
from bot.jobs.builtin import BuiltinQueue
from bot.jobs.engines import open_queue, owner_name
from bot.jobs.saq_queue import SaqQueue
from tests.databases import POSTGRESQL, only


@pytest.mark.parametrize(
    ("engine", "url", "kind"),
    [
        ("builtin", None, BuiltinQueue),
        ("saq", "redis://:secret@localhost:6379/3", SaqQueue),
        ("saq", "rediss://host/0?x=1", SaqQueue),
        ("saq", None, SaqQueue),
    ],
)
@only(POSTGRESQL)
async def test_the_configured_engine_is_opened_without_connecting(
    engine: str, url: str | None, kind: type, database: Database
) -> None:
    settings = QueueSettings.model_validate({"engine": engine, "url": url})
    queue = open_queue(settings, database, database_url="postgresql://nobody@nowhere/nothing")
    assert isinstance(queue, kind)


@pytest.mark.parametrize(
    "url", ["redis:host", "amqp://host", "redis://", "redis://a b", "postgresql://host", "unix://x"]
)
def test_what_is_no_address_of_a_queue_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        QueueSettings.model_validate({"url": url})


@only(POSTGRESQL)
async def test_without_the_extra_it_is_named(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "saq", None)
    with pytest.raises(BotError, match=r"queue_missing.*scale"):
        open_queue(QueueSettings(engine="saq"), database, database_url="redis://localhost")


def test_no_two_processes_have_the_same_name() -> None:
    assert owner_name() != owner_name()


@pytest.mark.parametrize("duty", [Duty.GATEWAY, Duty.WORKER])
def test_a_file_has_one_process(duty: Duty, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings(environ={"DISCORD_TOKEN": "a" * 40})
    assert run_bot(settings, duty) == EXIT_USAGE
    assert capsys.readouterr().err.strip() == ONE_PROCESS


@only(POSTGRESQL)
async def test_a_turn_is_had_by_one_at_a_time(database: Database) -> None:
    await database.turn(0, 3600)
    await asyncio.wait_for(database.turn(1, 0), 30)
    waiting = asyncio.create_task(database.turn(0, 0))
    done, _ = await asyncio.wait({waiting}, timeout=0.5)
    assert not done
    for turn in list(database._holding):
        turn.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
