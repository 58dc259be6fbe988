"""Builds everything from the settings and closes it."""

import asyncio
import os
import tempfile
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from bot.config import Settings
from bot.database.engine import Database, open_database
from bot.database.where import Where
from bot.discord_io.attachments import open_fetcher, read_again
from bot.discord_io.client import House, KibitzClient
from bot.discord_io.desk import Desk
from bot.discord_io.reception import Reception
from bot.discord_io.voice_desk import VoiceDesk
from bot.discord_io.voice_lines import VoiceLines
from bot.discord_io.withdrawal import Withdrawal
from bot.domain.answer import AnswerMode
from bot.domain.timeline import Notice, NoticeCode
from bot.hiring import hire_crew, hire_streaming
from bot.hooks.registry import Plugins
from bot.jobs.intake import Intake
from bot.media.cache import ClipCache
from bot.media.workspace import sweep_workspaces
from bot.memory.plugin_records import PluginRecords
from bot.memory.store import Memory
from bot.pipeline.crew import Crew
from bot.providers.base import StreamingTranscriber
from bot.services.chat import ChatService
from bot.services.clips import ClipService, MediaFetcher
from bot.services.conversations import Conversations, LocalFiles
from bot.services.forget import ForgetService
from bot.services.plugin_services import PluginServices
from bot.services.remembrance import Remembrance
from bot.services.video import VideoService
from bot.services.voice import VoiceService
from bot.services.voice_notes import VoiceNotes

_LAST_THOUGHTS_SECONDS = 2.0
_ALWAYS = timedelta(days=36_500)
_SWEEP_SECONDS = 300.0

OFFLINE_NOTICE = Notice(
    code=NoticeCode.OFFLINE,
    public="Worked out on this machine without any model: text on screen, measured pictures and English speech only.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What the command line works with. Each job's own folder lies in `workspaces`. `conversations` None: nothing is
    kept."""

    settings: Settings
    crew: Crew
    video: VideoService
    workspaces: Path
    plugins: Plugins
    conversations: Conversations | None = None


@asynccontextmanager
async def open_app(settings: Settings, *, keeps: bool = False, mode: AnswerMode | None = None) -> AsyncGenerator[App]:
    """Everything open for as long as the block lasts. Opens no connection by itself. With `keeps` also the memory, for
    conversations in this `mode` (None: as configured); raises MemoryFault then."""
    workspaces = await _workspaces(settings)
    async with AsyncExitStack() as stack:
        crew = hire_crew(settings, stack)
        kept: Conversations | None = None
        records: PluginRecords | None = None
        if keeps:
            database = await stack.enter_async_context(open_database(where_of(settings)))
            rooms = await _rooms(
                settings, database, crew, LocalFiles(), stack, folder=workspaces, recent=_ALWAYS, mode=mode
            )
            kept = Conversations(rooms.chat, rooms.memory, rooms.forget)
            records = rooms.memory.plugin_records
        plugins = await _plugins(settings, crew, records, stack)
        video = VideoService(crew, standing=_standing(settings))
        yield App(settings=settings, crew=crew, video=video, workspaces=workspaces, plugins=plugins, conversations=kept)


@asynccontextmanager
async def open_bot(settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> AsyncGenerator[KibitzClient]:
    """The Discord client with everything it works with, not signed in yet. `clock`: see Reception."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(where_of(settings)))
        crew = hire_crew(settings, stack)
        client = await stack.enter_async_context(KibitzClient(settings))
        fetcher = await stack.enter_async_context(open_fetcher(settings, partial(read_again, client)))
        recent = timedelta(hours=settings.discord.recent_hours)
        rooms = await _rooms(
            settings, database, crew, fetcher, stack, folder=await _workspaces(settings), recent=recent
        )
        memory, forget = rooms.memory, rooms.forget
        plugins = await _plugins(settings, crew, memory.plugin_records, stack)
        desk = Desk(rooms.chat, memory, Intake(database), settings.jobs, tasks=client.tasks)
        lines = VoiceLines(client)
        stack.push_async_callback(lines.aclose)
        calls = _calls(settings, crew, rooms, hire_streaming(settings, crew, stack))
        stack.push_async_callback(calls.aclose)
        voice = VoiceDesk(client, calls, memory, settings, join=lines.join)
        client.attach(
            House(
                settings=settings,
                memory=memory,
                desk=desk,
                reception=Reception(desk, memory, settings.discord, clock=clock),
                forget=forget,
                withdrawal=Withdrawal(desk, memory, forget, voice),
                voice=voice,
                voice_notes=VoiceNotes(crew),
                plugins=plugins,
            )
        )
        yield client


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rooms:
    memory: Memory
    chat: ChatService
    forget: ForgetService
    clips: ClipService
    remembrance: Remembrance


async def _plugins(settings: Settings, crew: Crew, records: PluginRecords | None, stack: AsyncExitStack) -> Plugins:
    """Those that should run, running."""
    plugins = Plugins(settings, crew.hooks, PluginServices(crew, records))
    stack.push_async_callback(plugins.aclose)
    await plugins.start()
    return plugins


def _calls(settings: Settings, crew: Crew, rooms: _Rooms, transcriber: StreamingTranscriber) -> VoiceService:
    return VoiceService(
        crew,
        rooms.remembrance,
        rooms.clips,
        transcriber,
        settings=settings.voice,
        consents=rooms.memory.audible,
        mode=settings.answer.mode,
        max_clips=settings.discord.max_clips,
        standing=_standing(settings),
    )


async def _rooms(
    settings: Settings,
    database: Database,
    crew: Crew,
    fetcher: MediaFetcher,
    stack: AsyncExitStack,
    *,
    folder: Path,
    recent: timedelta,
    mode: AnswerMode | None = None,
) -> _Rooms:
    """What every conversation needs, wherever it is held; `folder` holds the workspaces. What is remembered in the
    background gets a moment at the end; what is not done then is made up for later."""
    memory = Memory(database)
    cache = await stack.enter_async_context(open_cache(settings))
    remembrance = Remembrance(crew, memory, recent=recent, summarises=settings.memory.summaries)
    stack.push_async_callback(remembrance.finish, _LAST_THOUGHTS_SECONDS)
    clips = ClipService(crew, memory, fetcher, folder=folder, cache=cache)
    chat = ChatService(
        crew,
        memory,
        clips,
        remembrance,
        mode=mode or settings.answer.mode,
        max_clips=settings.discord.max_clips,
        standing=_standing(settings),
    )
    forget = ForgetService(
        memory, cache, keep_days=settings.data.keep_days, fade_days=settings.memory.fade_days, hooks=crew.hooks
    )
    stack.push_async_callback(forget.aclose)
    return _Rooms(memory=memory, chat=chat, forget=forget, clips=clips, remembrance=remembrance)


@asynccontextmanager
async def open_cache(settings: Settings) -> AsyncGenerator[ClipCache]:
    """Clip files for another look; what is too old goes at once and every few minutes."""
    cache = ClipCache(
        settings.data.directory / "cache",
        max_bytes=round(settings.data.cache_megabytes * 2**20),
        keep_seconds=settings.data.cache_minutes * 60,
    )
    await cache.sweep()
    sweeping = asyncio.create_task(_sweep(cache), name="cache-sweep")
    try:
        yield cache
    finally:
        sweeping.cancel()
        await asyncio.gather(sweeping, return_exceptions=True)


async def _sweep(cache: ClipCache) -> None:
    while True:
        await asyncio.sleep(_SWEEP_SECONDS)
        await cache.sweep()


async def _workspaces(settings: Settings) -> Path:
    """Where the folders of jobs lie; what killed processes left there is removed."""
    folder = settings.workspace.directory or Path(tempfile.gettempdir()) / f"kibitz-{os.getuid()}"
    await asyncio.to_thread(sweep_workspaces, folder)
    return folder


def _standing(settings: Settings) -> tuple[Notice, ...]:
    return (OFFLINE_NOTICE,) if settings.chat.is_offline else ()


def where_of(settings: Settings) -> Where:
    """Where the database is."""
    url = settings.data.url
    return Where(directory=settings.data.directory, url=None if url is None else url.get_secret_value())
