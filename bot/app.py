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

from bot.config import Duty, Settings
from bot.database.engine import Database, open_database
from bot.database.where import Where
from bot.discord_io.attachments import open_fetcher, read_again
from bot.discord_io.catching_up import CatchUp
from bot.discord_io.client import House, KibitzClient
from bot.discord_io.desk import Desk
from bot.discord_io.gatekeeper import Gatekeeper
from bot.discord_io.reception import Reception
from bot.discord_io.sealed import Seal
from bot.discord_io.voice_desk import VoiceDesk
from bot.discord_io.voice_lines import VoiceLines
from bot.discord_io.watched import sources_of
from bot.discord_io.withdrawal import Withdrawal
from bot.domain.answer import AnswerMode
from bot.domain.timeline import Notice, NoticeCode
from bot.hiring import hire_crew, hire_streaming, look_at_models
from bot.hooks.registry import Plugins
from bot.jobs.bookings import Caps
from bot.jobs.engines import open_queue
from bot.jobs.intake import Intake
from bot.jobs.ledger import Ledger
from bot.jobs.quarantine import Quarantine
from bot.jobs.queue import JobQueue
from bot.jobs.steps import Steps
from bot.jobs.table import JobTable
from bot.logs import set_up_logging
from bot.media.cache import ClipCache
from bot.media.workspace import sweep_workspaces
from bot.memory.house_rules import HouseRules
from bot.memory.plugin_records import PluginRecords
from bot.memory.store import Memory
from bot.operations.opening import open_status
from bot.pipeline.crew import Crew
from bot.providers.base import StreamingTranscriber
from bot.services.backups import Backups
from bot.services.chat import ChatService
from bot.services.clips import ClipService, MediaFetcher
from bot.services.conversations import Conversations, LocalFiles
from bot.services.forget import ForgetService
from bot.services.gate import Gate, PauseKeeper
from bot.services.plugin_services import Books, PluginServices
from bot.services.purse import LatePurse, LedgerPurse
from bot.services.quota import LateBudget
from bot.services.recorded import recorded
from bot.services.reloading import Reloading
from bot.services.remembrance import Remembrance
from bot.services.remote import RemoteWorks
from bot.services.video import VideoService
from bot.services.voice import VoiceService
from bot.services.voice_notes import VoiceNotes

_LAST_THOUGHTS_SECONDS = 2.0
_ALWAYS = timedelta(days=36_500)
_SWEEP_SECONDS = 300.0
_SIGN_IN_SECONDS = 2.0

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
    workspaces = await fresh_workspaces(settings)
    async with AsyncExitStack() as stack:
        database: Database | None = None
        ledger: Ledger | None = None
        opening = asyncio.Lock()

        async def open_ledger() -> Ledger:
            """For calls that cost something; without them no database is opened for mere questions. One for all: what
            is held back is drawn on, and let go, by the ledger that holds it."""
            nonlocal database, ledger
            async with opening:
                if ledger is None:
                    database = database or await stack.enter_async_context(open_database(where_of(settings)))
                    ledger = Ledger(database, caps_of(settings))
                    await ledger.clear()
                return ledger

        crew = hire_crew(settings, stack, purse=LatePurse(open_ledger))
        kept: Conversations | None = None
        records: PluginRecords | None = None
        if keeps:
            database = await stack.enter_async_context(open_database(where_of(settings)))
            rooms = await open_rooms(
                settings,
                database,
                crew,
                LocalFiles(),
                stack,
                folder=workspaces,
                recent=_ALWAYS,
                mode=mode,
                ledger=await open_ledger(),
            )
            kept = Conversations(rooms.chat, rooms.memory, rooms.forget)
            records = rooms.memory.plugin_records
        plugins = await start_plugins(settings, crew, records, stack)
        video = VideoService(crew, standing=_standing(settings), budget=LateBudget(open_ledger))
        yield App(settings=settings, crew=crew, video=video, workspaces=workspaces, plugins=plugins, conversations=kept)


@asynccontextmanager
async def open_bot(
    settings: Settings, *, duty: Duty = Duty.ALL, clock: Callable[[], float] = time.monotonic
) -> AsyncGenerator[KibitzClient]:
    """The Discord client with everything it works with, not signed in yet. As a gateway it leaves the work to workers.
    `clock`: see Reception and SilencedChannels."""
    if duty is not Duty.ALL:
        settings = without_cache(settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(where_of(settings)))
        status = await stack.enter_async_context(open_status(settings))
        ledger = Ledger(database, caps_of(settings))
        await ledger.clear(all_open=settings.data.url is None)
        crew = recorded(hire_crew(settings, stack, purse=LedgerPurse(ledger)), Steps(database))
        client = await stack.enter_async_context(KibitzClient(settings, clock=clock))
        fetcher = await stack.enter_async_context(open_fetcher(settings, partial(read_again, client)))
        recent = timedelta(hours=settings.discord.recent_hours)
        rooms = await open_rooms(
            settings,
            database,
            crew,
            fetcher,
            stack,
            folder=await fresh_workspaces(settings),
            recent=recent,
            ledger=ledger,
        )
        memory, forget = rooms.memory, rooms.forget
        plugins = await start_plugins(settings, crew, memory.plugin_records, stack, ledger)
        remote = None if duty is Duty.ALL else _remote(settings, database, rooms.chat, client, stack)
        works, seal = remote or rooms.chat, _seal(settings)
        intake = Intake(database)
        desk = Desk(works, memory, intake, settings.jobs, tasks=client.tasks, seal=seal, others=remote)
        lines = VoiceLines(client)
        stack.push_async_callback(lines.aclose)
        rules = HouseRules(database)
        gate = Gate(rules, memory, settings.access, operators=client.operator.ids)
        crew.hooks.admit(PauseKeeper(gate), "pause")
        calls = _calls(settings, crew, rooms, hire_streaming(settings, crew, stack), gate)
        stack.push_async_callback(calls.aclose)
        voice = VoiceDesk(client, calls, memory, settings, join=lines.join, gate=gate)
        keeper = Gatekeeper(
            client, gate, memory, in_flight=desk.in_flight, stop=desk.stop, hush=voice.hush, leave=voice.leave
        )
        backups = Backups(where_of(settings), rules, settings.data, tell=partial(client.operator.tell, "backups"))
        client.attach(
            House(
                settings=settings,
                memory=memory,
                desk=desk,
                reception=Reception(desk, memory, settings.discord, keeper=keeper, clock=clock),
                forget=forget,
                withdrawal=Withdrawal(desk, memory, forget, voice),
                voice=voice,
                voice_notes=VoiceNotes(crew),
                plugins=plugins,
                gate=gate,
                keeper=keeper,
                rules=rules,
                backups=backups,
                reloading=_reloading(settings, gate, backups),
                ledger=ledger,
                catch_up=CatchUp(
                    client, intake, settings.data.directory / "last-online", is_there=lambda: client.is_there
                ),
            )
        )
        crew.hooks.admit(status.figures, "figures")
        watched = sources_of(
            client, write=database.prove, look=partial(look_at_models, settings), folders=folders_of(settings)
        )
        status.begin(watched, after=partial(asyncio.sleep, _SIGN_IN_SECONDS))
        yield client


def without_cache(settings: Settings) -> Settings:
    """No clip is kept for another look where several processes are: what one of them forgets, the others would keep."""
    return settings.model_copy(update={"data": settings.data.model_copy(update={"cache_minutes": 0.0})})


def folders_of(settings: Settings) -> tuple[Path, Path]:
    """What must have room."""
    return settings.data.directory, settings.workspace.directory or Path(tempfile.gettempdir())


def _remote(
    settings: Settings, database: Database, own: ChatService, client: KibitzClient, stack: AsyncExitStack
) -> RemoteWorks:
    """Workers, as a gateway sees them."""
    remote = RemoteWorks(
        JobTable(database),
        queue_of(settings, database, stack),
        own,
        lease_seconds=settings.queue.lease_seconds,
        is_leaving=lambda: client.is_stopping,
    )
    remote.start()
    client.next_session = database.turn
    stack.push_async_callback(remote.aclose)
    return remote


def queue_of(settings: Settings, database: Database, stack: AsyncExitStack) -> JobQueue:
    """What tells workers of work, closed with the stack."""
    queue = open_queue(settings.queue, database, database_url=where_of(settings).url or "")
    stack.push_async_callback(queue.aclose)
    return queue


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rooms:
    memory: Memory
    chat: ChatService
    forget: ForgetService
    clips: ClipService
    remembrance: Remembrance


async def start_plugins(
    settings: Settings,
    crew: Crew,
    records: PluginRecords | None,
    stack: AsyncExitStack,
    books: Books | None = None,
) -> Plugins:
    """Those that should run, running."""
    plugins = Plugins(settings, crew.hooks, PluginServices(crew, records, books))
    stack.push_async_callback(plugins.aclose)
    await plugins.start()
    return plugins


def _reloading(settings: Settings, gate: Gate, backups: Backups) -> Reloading:
    """What can change while the bot runs."""
    reloading = Reloading(settings)
    reloading.add("access.", lambda new: gate.apply(new.access))
    reloading.add("data.backup_", lambda new: backups.apply(new.data))
    reloading.add("log.", lambda new: set_up_logging(new.log, secrets=new.secrets()))
    return reloading


def _calls(
    settings: Settings, crew: Crew, rooms: _Rooms, transcriber: StreamingTranscriber, gate: Gate
) -> VoiceService:
    async def consents(*people: int) -> frozenset[int]:
        """Who is kept out is not heard either."""
        agreed = await rooms.memory.audible(*people)
        return frozenset([person for person in agreed if not await gate.is_kept_out(person)])

    return VoiceService(
        crew,
        rooms.remembrance,
        rooms.clips,
        transcriber,
        settings=settings.voice,
        consents=consents,
        mode=settings.answer.mode,
        max_clips=settings.discord.max_clips,
        standing=_standing(settings),
    )


async def open_rooms(
    settings: Settings,
    database: Database,
    crew: Crew,
    fetcher: MediaFetcher,
    stack: AsyncExitStack,
    *,
    folder: Path,
    recent: timedelta,
    mode: AnswerMode | None = None,
    ledger: Ledger | None = None,
) -> _Rooms:
    """What every conversation needs, wherever it is held; `folder` holds the workspaces. What is remembered in the
    background gets a moment at the end; what is not done then is made up for later."""
    memory = Memory(database)
    cache = await stack.enter_async_context(open_cache(settings))
    remembrance = Remembrance(crew, memory, recent=recent, summarises=settings.memory.summaries)
    stack.push_async_callback(remembrance.finish, _LAST_THOUGHTS_SECONDS)
    clips = ClipService(
        crew, memory, fetcher, folder=folder, cache=cache, budget=ledger, quarantine=Quarantine(database)
    )
    chat = ChatService(
        crew,
        memory,
        clips,
        remembrance,
        mode=mode or settings.answer.mode,
        max_clips=settings.discord.max_clips,
        standing=_standing(settings),
        budget=ledger,
        confirm_usd=settings.budget.confirm_usd,
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


async def fresh_workspaces(settings: Settings) -> Path:
    """Where the folders of jobs lie; what killed processes left there is removed."""
    folder = settings.workspace.directory or Path(tempfile.gettempdir()) / f"kibitz-{os.getuid()}"
    await asyncio.to_thread(sweep_workspaces, folder)
    return folder


def _standing(settings: Settings) -> tuple[Notice, ...]:
    return (OFFLINE_NOTICE,) if settings.chat.is_offline else ()


def _seal(settings: Settings) -> Seal:
    """Made of the bot's token: with another one no interaction could be answered anyway."""
    token = settings.discord.token
    return Seal("" if token is None else token.get_secret_value())


def caps_of(settings: Settings) -> Caps:
    """A bound of nothing is none."""
    budget = settings.budget
    return Caps(
        person_day_usd=budget.person_day_usd or None,
        server_day_usd=budget.server_day_usd or None,
        day_usd=budget.day_usd or None,
        total_usd=budget.total_usd or None,
    )


def where_of(settings: Settings) -> Where:
    """Where the database is."""
    url = settings.data.url
    return Where(directory=settings.data.directory, url=None if url is None else url.get_secret_value())
