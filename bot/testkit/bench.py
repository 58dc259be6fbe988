"""A bot without Discord, whose hired models are scripted: plugins, hooks, limits, pipeline and database are real."""

import asyncio
import itertools
import sys
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from bot.config import PluginTable, Settings, load_settings
from bot.config.plugins import PluginValue
from bot.database.engine import Database, open_database
from bot.database.engine import Work as Transaction
from bot.database.where import Where
from bot.domain.answer import AnswerMode
from bot.domain.ask import Ask
from bot.domain.conversation import ConversationKey, MediaSource, PlaceSettings
from bot.domain.errors import BotError
from bot.domain.events import RunListener
from bot.domain.occasion import Occasion
from bot.domain.role import Role
from bot.hooks.caller import Hooks
from bot.hooks.loader import Found, Source, find_plugins
from bot.hooks.offers import (
    CONFIGURED,
    OfferedCaptioner,
    OfferedChatModel,
    OfferedSynthesizer,
    OfferedTranscriber,
    Work,
)
from bot.hooks.plugin import Plugin
from bot.hooks.registry import Plugins
from bot.hooks.status import PluginState, PluginStatus
from bot.media.limits import MediaLimits
from bot.memory.plugin_records import PluginRecords
from bot.memory.store import Memory
from bot.pipeline.crew import Crew, ModelRef
from bot.pipeline.run import new_job_id
from bot.services.chat import ChatService, Done
from bot.services.clips import ClipService
from bot.services.conversations import LocalFiles
from bot.services.forget import ForgetService
from bot.services.plugin_services import PluginServices
from bot.services.remembrance import Remembrance
from bot.testkit.clouds import MODEL, PROVIDER, Clouds
from bot.testkit.failures import PluginFailedError, RefusedError

Opened = TypeVar("Opened")
Result = TypeVar("Result")

_MOST_CLIPS = 3
_KEEP_DAYS = 365
_SWITCHED_OFF = sys.maxsize  # more failures than any other
_LAST_THOUGHTS_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """What is open once anything was kept."""

    database: Database
    memory: Memory
    chat: ChatService
    forget: ForgetService


class Bench:
    """Everything is used on the event loop it was made on. `is_strict`: `check` raises what plugins failed at."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clouds = Clouds()
        self.hooks = _KeepingHooks()
        self.is_strict = True
        self.failures: list[str] = []
        self._plugins: dict[str, Plugins] = {}
        self._known: dict[str, int] = {}
        self._stack = AsyncExitStack()
        self._opening = asyncio.Lock()
        self._rooms: Rooms | None = None
        self._attachments = itertools.count(1)
        self.hooks.admit(self.clouds, CONFIGURED)
        for work in Work:
            self.hooks.add_own_offers(work)
        offers = self.hooks.offers
        self.crew = Crew(
            captioner=OfferedCaptioner(offers),
            transcriber=OfferedTranscriber(offers),
            chat=OfferedChatModel(offers),
            synthesizer=OfferedSynthesizer(offers),
            models={role: (ModelRef(provider=PROVIDER, model=MODEL, is_free=True),) for role in Role},
            gates={role: asyncio.Semaphore(4) for role in Role},
            limits=MediaLimits(),
            hooks=self.hooks,
        )

    # Plugins.

    async def start(
        self, kind: type[Plugin] | str, table: Mapping[str, object], *, directory: Path | None = None
    ) -> Plugin:
        """Raises RefusedError."""
        name = kind if isinstance(kind, str) else kind.name
        try:
            settings = self._settings(name, table, directory)
            services = PluginServices(self.crew, PluginRecords(_LateDatabase(self), lambda: datetime.now(UTC)))
            plugins = Plugins(settings, self.hooks, services, find=_finder(kind))
            await plugins.enable(name)
        except BotError as error:
            raise RefusedError(error) from (error.__cause__ or error)
        self._plugins[name] = plugins
        self._known.pop(name, None)
        return self.running(name)

    async def stop(self, name: str) -> None:
        plugins = self._of(name)
        await plugins.disable(name)
        await plugins.aclose()
        del self._plugins[name]

    async def reload(self, name: str) -> Plugin:
        """Raises RefusedError; the old one goes on then."""
        try:
            await self._of(name).reload(name)
        except BotError as error:
            raise RefusedError(error) from (error.__cause__ or error)
        self._known.pop(name, None)
        return self.running(name)

    def running(self, name: str) -> Plugin:
        found = next((plugin for plugin in self._of(name).kinds() if plugin.name == name), None)
        if found is None:
            raise LookupError(f"the plugin {name} is switched off")
        return found

    def all_plugins(self) -> tuple[Plugins, ...]:
        return tuple(self._plugins.values())

    async def status(self, name: str) -> PluginStatus:
        statuses = await self._of(name).statuses()
        return next(status for status in statuses if status.name == name)

    async def watched(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What it gives. Raises what it raises, PluginFailedError first."""
        try:
            result = await work
        except BotError as error:
            self.hooks.keep(error)
            await self.check()
            raise
        await self.check()
        return result

    async def check(self) -> None:
        """Whether a plugin failed since the last time. Raises PluginFailedError."""
        for name in self._plugins:
            status = await self.status(name)
            failures = _SWITCHED_OFF if status.state is PluginState.FAILED else status.failures
            if failures > self._known.get(name, 0):
                self._known[name] = failures
                said = f"the plugin {name} failed: {status.why}"
                self.failures.append(said)
                if self.is_strict:
                    cause = self.hooks.raised.pop() if self.hooks.raised else None
                    raise PluginFailedError(said) from cause

    async def keep(self, context: AbstractAsyncContextManager[Opened]) -> Opened:
        """Open as long as this is."""
        return await self._stack.enter_async_context(context)

    async def aclose(self) -> None:
        for plugins in self._plugins.values():
            await plugins.aclose()
        await self._stack.aclose()

    # The rooms behind the pipeline.

    async def rooms(self) -> Rooms:
        """Opened when they are asked for first: not every test needs a database."""
        async with self._opening:
            if self._rooms is None:
                self._rooms = await self._open()
            return self._rooms

    async def ask(
        self, question: str | None, clip: Path | None, occasion: Occasion, listener: RunListener, *, speak: bool
    ) -> Done:
        """Raises BotError."""
        rooms = await self.rooms()
        key = occasion.key or ConversationKey(server_id=None, channel_id=1)
        before = await rooms.memory.recent(key, since=datetime.min.replace(tzinfo=UTC), limit=1)
        ask = Ask(
            job_id=new_job_id(),
            key=key,
            asker_id=occasion.asker_id or 0,
            asked_at=datetime.now(UTC),
            question=question,
            clips=() if clip is None else (self._source(key, clip),),
            follows=before[-1].job_id if before else None,
            speak=speak,
            locale=occasion.locale,
        )
        place = PlaceSettings(language=occasion.language, voice=occasion.voice)
        return await rooms.chat.serve(ask, place, listener)

    async def _open(self) -> Rooms:
        data = self.folder / "data"
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        database = await self._stack.enter_async_context(open_database(Where(directory=data)))
        memory = Memory(database)
        clips = ClipService(self.crew, memory, LocalFiles(), folder=self.folder / "work")
        remembrance = Remembrance(self.crew, memory, recent=timedelta(hours=1), summarises=False)
        self._stack.push_async_callback(remembrance.finish, _LAST_THOUGHTS_SECONDS)
        chat = ChatService(self.crew, memory, clips, remembrance, mode=AnswerMode.AUTO, max_clips=_MOST_CLIPS)
        forget = ForgetService(memory, keep_days=_KEEP_DAYS, hooks=self.hooks)
        self._stack.push_async_callback(forget.aclose)
        return Rooms(database=database, memory=memory, chat=chat, forget=forget)

    def _source(self, key: ConversationKey, clip: Path) -> MediaSource:
        return MediaSource(
            channel_id=key.channel_id,
            message_id=0,
            attachment_id=next(self._attachments),
            url=str(clip.absolute()),
            size_bytes=clip.stat().st_size,
        )

    def _of(self, name: str) -> Plugins:
        if name not in self._plugins:
            raise LookupError(f"the plugin {name} was not started")
        return self._plugins[name]

    def _settings(self, name: str, table: Mapping[str, object], directory: Path | None) -> Settings:
        """Raises SettingsError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "config.toml"
        file.touch()
        environ = {
            "KIBITZ_DATA__DIRECTORY": str(self.folder / "data"),
            "KIBITZ_PLUGINS__ENABLED": ",".join(dict.fromkeys([*self._plugins, name])),
            **({"KIBITZ_PLUGINS__DIRECTORY": str(directory)} if directory is not None else {}),
        }
        loaded = load_settings(file, environ=environ, preset="offline", secrets_folder=self.folder / "none")
        values = tuple(PluginValue(path=(name, key), raw=value, place="settings") for key, value in table.items())
        return loaded.with_origin(
            sources={},
            statements=(),
            preset_reason="the test kit",
            plugin_tables={name: PluginTable(name=name, values=values)},
            read_again=partial(self._settings, name, table, directory),
        )


class _KeepingHooks(Hooks):
    """Keeps what plugins raise, so that a test can show it."""

    def __init__(self) -> None:
        super().__init__()
        self.raised: list[BaseException] = []

    async def _call(self, impl: Any, spec: Callable[..., object], *args: Any, **kwargs: Any) -> object:
        try:
            return await super()._call(impl, spec, *args, **kwargs)
        except BotError as error:
            self.keep(error)
            raise

    def keep(self, error: BaseException) -> None:
        """The first cause of it, where that is not an error of the bot."""
        while isinstance(error, BotError) and error.__cause__ is not None:
            error = error.__cause__
        if not isinstance(error, BotError):
            self.raised.append(error)


class _LateDatabase:
    """A database that is opened when a record is kept or looked for."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    async def read(self, work: Transaction[Result]) -> Result:
        return await (await self._bench.rooms()).database.read(work)

    async def write(self, work: Transaction[Result]) -> Result:
        return await (await self._bench.rooms()).database.write(work)


def _finder(kind: type[Plugin] | str) -> Callable[[Path | None], dict[str, Found]]:
    """A name is looked for as the bot does, a class needs not be looked for."""
    if isinstance(kind, str):
        return find_plugins
    found = Found(name=kind.name, source=Source.DIRECTORY, where="the test", load=lambda: kind)
    return lambda _: {kind.name: found}
