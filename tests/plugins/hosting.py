"""Runs shipped plugins as the bot does, with a scripted model and records that lie in memory."""

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bot.config import Settings, load_settings
from bot.domain.answer import Prompt, Question, QuestionSource, Usage
from bot.domain.conversation import ConversationKey
from bot.domain.errors import PluginError
from bot.domain.fence import fenced
from bot.domain.occasion import Occasion, Surface
from bot.domain.records import Record
from bot.domain.timeline import Timeline
from bot.hiring import open_hooks
from bot.hooks.kibitz import Services
from bot.hooks.registry import Plugins
from bot.hooks.status import PluginState
from bot.hooks.values import CommandCall, OptionValue

HERE = ConversationKey(server_id=1, channel_id=10)
THERE = ConversationKey(server_id=1, channel_id=11)
ALICE, BOB = 42, 43
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

Tables = Mapping[str, Mapping[str, object]]
Answer = Callable[[str, str], str]


def no_model(rules: str, text: str) -> str:
    """What `complete` does where no chat model answers."""
    raise PluginError("plugin_no_model", "No chat model answers here.")


@dataclass
class MemoryRecords:
    """Keeps records as PluginRecords does, as far as plugins can tell."""

    kept: list[tuple[str, Record]] = field(default_factory=list[tuple[str, Record]])
    finds: int = 0
    _count: int = 0

    async def put(
        self,
        plugin: str,
        table: str,
        value: Mapping[str, object],
        *,
        version: int,
        key: ConversationKey | None = None,
        person_id: int | None = None,
        job_id: str | None = None,
        only: bool = False,
    ) -> Record | None:
        if only:
            self.kept = [
                (owner, one)
                for owner, one in self.kept
                if (owner, one.table, one.key, one.person_id) != (plugin, table, key, person_id)
            ]
        self._count += 1
        value = json.loads(json.dumps(dict(value), allow_nan=False))
        record = Record(
            record_id=self._count, table=table, value=value, key=key, person_id=person_id, job_id=job_id, kept_at=NOON
        )
        self.kept.append((plugin, record))
        return record

    async def find(
        self,
        plugin: str,
        table: str,
        *,
        key: ConversationKey | None = None,
        person_id: int | None = None,
        job_id: str | None = None,
        limit: int = 100,
    ) -> tuple[Record, ...]:
        self.finds += 1
        found = [
            one
            for owner, one in reversed(self.kept)
            if (owner, one.table) == (plugin, table)
            and key in (None, one.key)
            and person_id in (None, one.person_id)
            and job_id in (None, one.job_id)
        ]
        return tuple(found[:limit])

    async def drop(self, plugin: str, record_id: int) -> None:
        self.kept = [(owner, one) for owner, one in self.kept if (owner, one.record_id) != (plugin, record_id)]

    async def upgrade(
        self,
        plugin: str,
        table: str,
        version: int,
        change: Callable[[int, dict[str, object]], Awaitable[Mapping[str, object]]],
    ) -> int:
        return 0


@dataclass
class ScriptedServices:
    """`answer` says what the model makes of (rules, text); it may raise. `asked` holds what was asked, in order."""

    answer: Answer = no_model
    records: MemoryRecords | None = field(default_factory=MemoryRecords)
    paid: list[tuple[Usage, str]] = field(default_factory=list[tuple[Usage, str]])
    asked: list[tuple[str, str, Occasion]] = field(default_factory=list[tuple[str, str, Occasion]])

    async def complete(self, rules: str, text: str, occasion: Occasion) -> str:
        self.asked.append((rules, text, occasion))
        return self.answer(rules, text)

    async def spent(self, usage: Usage, occasion: Occasion) -> None:
        self.paid.append((usage, occasion.job_id))


def settings_with(folder: Path, tables: Tables, *, directory: Path | None = None, **environ: str) -> Settings:
    """Settings in which the plugins of these tables run, in their order. `environ` are more variables."""
    variables = {
        "KIBITZ_DATA__DIRECTORY": str(folder / "data"),
        "KIBITZ_PLUGINS__ENABLED": ",".join(tables),
        **({"KIBITZ_PLUGINS__DIRECTORY": str(directory)} if directory else {}),
        **{
            f"KIBITZ_PLUGINS__{name.upper()}__{field_name.upper()}": value
            if isinstance(value, str)
            else json.dumps(value)
            for name, table in tables.items()
            for field_name, value in table.items()
        },
        **environ,
    }
    empty = folder / "empty.toml"
    empty.touch()
    return load_settings(empty, environ=variables, preset="offline", secrets_folder=folder / "none")


@asynccontextmanager
async def hosting(
    folder: Path,
    tables: Tables,
    *,
    services: Services | None = None,
    directory: Path | None = None,
    may_fail: bool = False,
    **environ: str,
) -> AsyncGenerator[Plugins]:
    """The plugins of `tables` (name to settings), running: `async with hosting(tmp_path, {"focus": {}}) as plugins`,
    then `await plugins.hooks.edit(Specs.edit_prompt, prompt(), occasion())`. Without `may_fail` it is an error when one
    does not start or fails at anything."""
    settings = settings_with(folder, tables, directory=directory, **environ)
    plugins = Plugins(settings, open_hooks(settings), services or ScriptedServices())
    await plugins.start()
    try:
        for status in await plugins.statuses():
            assert may_fail or status.name not in tables or status.state is PluginState.ON, str(status.why)
        yield plugins
        for status in await plugins.statuses():
            assert may_fail or (status.failures == 0 and status.why is None), str(status.why)
    finally:
        await plugins.aclose()


async def use_command(
    plugins: Plugins, name: str, by: Occasion, *, is_moderator: bool = False, **options: OptionValue
) -> str:
    """What a command of a plugin says. Raises BotError where it does."""
    guest, command = next(one for one in plugins.commands() if one[1].name == name)
    call = CommandCall(occasion=by, person_id=by.asker_id or ALICE, is_moderator=is_moderator, options=options)
    said = await guest.run(f"/{name}", lambda: command.run(call), 5.0)
    assert isinstance(said, str)
    return said


def occasion(**changes: object) -> Occasion:
    """Alice asks in HERE."""
    values: dict[str, object] = {
        "job_id": "job-1",
        "surface": Surface.CHAT,
        "key": HERE,
        "asker_id": ALICE,
        "locale": "en-US",
        **changes,
    }
    return Occasion(**values)  # pyright: ignore[reportArgumentType]  # the fields of Occasion by their names


def prompt(*lines: str, question: str = "What happens?", timeline: Timeline | None = None) -> Prompt:
    """A prompt with these lines as evidence."""
    return Prompt(
        rules="You are Kibitz.",
        evidence=fenced(lines),
        question=Question(source=QuestionSource.TYPED, text=question),
        timeline=timeline,
    )
