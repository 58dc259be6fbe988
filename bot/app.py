"""Builds everything from the settings and closes it; the only place that knows every vendor."""

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
from typing import TypeVar

from bot.config import RoleSettings, Settings
from bot.database.engine import Database, open_database
from bot.database.where import Where
from bot.discord_io.attachments import open_fetcher, read_again
from bot.discord_io.client import House, KibitzClient
from bot.discord_io.desk import Desk
from bot.discord_io.reception import Reception
from bot.discord_io.withdrawal import Withdrawal
from bot.domain.answer import AnswerMode
from bot.domain.errors import MediaError
from bot.domain.media import AudioChunk, EncodedAudio
from bot.domain.role import Role
from bot.domain.timeline import Notice, NoticeCode
from bot.jobs.intake import Intake
from bot.media.cache import ClipCache
from bot.media.encode import UploadForm, encode_upload
from bot.media.limits import MediaLimits
from bot.media.workspace import sweep_workspaces
from bot.memory.store import Memory
from bot.pipeline.crew import Crew, ModelRef
from bot.providers.base import Captioner, ChatModel, Embedder, Synthesizer, Transcriber
from bot.providers.fallback import (
    Chain,
    FallbackCaptioner,
    FallbackChatModel,
    FallbackSynthesizer,
    FallbackTranscriber,
)
from bot.providers.image_tokens import Detail
from bot.providers.offline import OfflineCaptioner, OfflineChatModel, OfflineSynthesizer, OfflineTranscriber
from bot.providers.openai.captions import OpenAICaptioner
from bot.providers.openai.chat import OpenAIChatModel
from bot.providers.openai.completion import ChatSettings
from bot.providers.openai.connection import Connection
from bot.providers.openai.embeddings import OpenAIEmbedder
from bot.providers.openai.endpoint import Endpoint, Flavour, Timeouts
from bot.providers.openai.realtime import RealtimeSynthesizer
from bot.providers.openai.speech import RestSynthesizer, Voice
from bot.providers.openai.speech_choice import choose_synthesizer
from bot.providers.openai.transcripts import OpenAITranscriber
from bot.providers.retry import Retry
from bot.services.chat import ChatService
from bot.services.clips import ClipService, MediaFetcher
from bot.services.conversations import Conversations, LocalFiles
from bot.services.forget import ForgetService
from bot.services.remembrance import Remembrance
from bot.services.video import VideoService

Provider = TypeVar("Provider")

_LAST_THOUGHTS_SECONDS = 2.0
_ALWAYS = timedelta(days=36_500)
_SWEEP_SECONDS = 300.0
_ENCODERS = 2  # each is a process of its own; more would cost memory and gain no time

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
    conversations: Conversations | None = None


@asynccontextmanager
async def open_app(settings: Settings, *, keeps: bool = False, mode: AnswerMode | None = None) -> AsyncGenerator[App]:
    """Everything open for as long as the block lasts. Opens no connection by itself. With `keeps` also the memory, for
    conversations in this `mode` (None: as configured); raises MemoryFault then."""
    workspaces = await _workspaces(settings)
    async with AsyncExitStack() as stack:
        crew = _crew(settings, stack)
        kept: Conversations | None = None
        if keeps:
            database = await stack.enter_async_context(open_database(where_of(settings)))
            memory, chat, forget = await _rooms(
                settings, database, crew, LocalFiles(), stack, folder=workspaces, recent=_ALWAYS, mode=mode
            )
            kept = Conversations(chat, memory, forget)
        video = VideoService(crew, standing=_standing(settings))
        yield App(settings=settings, crew=crew, video=video, workspaces=workspaces, conversations=kept)


@asynccontextmanager
async def open_bot(settings: Settings, *, clock: Callable[[], float] = time.monotonic) -> AsyncGenerator[KibitzClient]:
    """The Discord client with everything it works with, not signed in yet. `clock`: see Reception."""
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_database(where_of(settings)))
        crew = _crew(settings, stack)
        client = await stack.enter_async_context(KibitzClient(settings))
        fetcher = await stack.enter_async_context(open_fetcher(settings, partial(read_again, client)))
        recent = timedelta(hours=settings.discord.recent_hours)
        memory, chat, forget = await _rooms(
            settings, database, crew, fetcher, stack, folder=await _workspaces(settings), recent=recent
        )
        desk = Desk(chat, memory, Intake(database), settings.jobs, tasks=client.tasks)
        client.attach(
            House(
                settings=settings,
                memory=memory,
                desk=desk,
                reception=Reception(desk, memory, settings.discord, clock=clock),
                forget=forget,
                withdrawal=Withdrawal(desk, memory, forget),
            )
        )
        yield client


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
) -> tuple[Memory, ChatService, ForgetService]:
    """What every conversation needs, wherever it is held; `folder` holds the workspaces. What is remembered in the
    background gets a moment at the end; what is not done then is made up for later."""
    memory = Memory(database)
    cache = await stack.enter_async_context(open_cache(settings))
    remembrance = Remembrance(crew, memory, recent=recent, summarises=settings.memory.summaries)
    stack.push_async_callback(remembrance.finish, _LAST_THOUGHTS_SECONDS)
    chat = ChatService(
        crew,
        memory,
        ClipService(crew, memory, fetcher, folder=folder, cache=cache),
        remembrance,
        mode=mode or settings.answer.mode,
        max_clips=settings.discord.max_clips,
        standing=_standing(settings),
    )
    forget = ForgetService(memory, cache, keep_days=settings.data.keep_days, fade_days=settings.memory.fade_days)
    stack.push_async_callback(forget.aclose)
    return memory, chat, forget


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


def endpoint_of(settings: Settings, role: Role) -> Endpoint | None:
    """Where a role's work is sent; None when it is done here."""
    chosen = settings.role(role)
    if chosen.is_offline or chosen.base_url is None:
        return None
    flavour = Flavour(chosen.flavour)
    return Endpoint(
        role=role,
        base_url=chosen.base_url,
        api_key=None if chosen.api_key is None else chosen.api_key.get_secret_value(),
        flavour=flavour,
        timeouts=Timeouts(idle_seconds=chosen.timeout_seconds, whole_seconds=2 * chosen.timeout_seconds),
        is_free=flavour.is_local,
    )


def media_limits(settings: Settings) -> MediaLimits:
    """The limits of the media room as configured; frames are decoded no larger than they are sent."""
    media = settings.media
    return MediaLimits(
        max_bytes=round(media.max_megabytes * 2**20),
        max_seconds=media.max_seconds,
        max_pixels=round(media.max_megapixels * 1_000_000),
        max_streams=media.max_streams,
        max_frames=media.max_frames,
        image_edge_px=settings.captions.image_edge_px,
        sandbox=media.sandbox,
    )


def _crew(settings: Settings, stack: AsyncExitStack) -> Crew:
    limits = media_limits(settings)
    return Crew(
        captioner=FallbackCaptioner(_chain(settings, Role.CAPTIONS, _captioners(settings, stack))),
        transcriber=FallbackTranscriber(_chain(settings, Role.TRANSCRIPTS, _transcribers(settings, limits, stack))),
        chat=FallbackChatModel(_chain(settings, Role.CHAT, _chat_models(settings, stack))),
        synthesizer=FallbackSynthesizer(_chain(settings, Role.SPEECH, _synthesizers(settings, stack))),
        models={role: _models(settings.role(role)) for role in Role},
        gates={role: asyncio.Semaphore(settings.role(role).max_concurrency) for role in Role},
        limits=limits,
        frames_per_request=settings.captions.frames_per_request,
        caption_edge_px=settings.captions.image_edge_px,
        caption_detail=Detail(settings.captions.detail),
        direct_max_frames=0 if settings.chat.is_offline else settings.answer.direct_max_frames,
        evidence_tokens=_evidence_tokens(settings),
        embedder=_embedder(settings, stack),
        max_looks=settings.answer.max_looks,
        max_output_tokens=settings.chat.max_output_tokens,
        keywords=settings.transcripts.keywords,
        spoken_language=settings.transcripts.language,
        answer_language=settings.answer.language,
        voice_language=settings.speech.language,
    )


def _chain(settings: Settings, role: Role, providers: list[Provider]) -> Chain[Provider]:
    hired = 0 if endpoint_of(settings, role) is None else len(settings.role(role).models)
    return Chain(role, providers, at_one_address=hired)


def _models(role: RoleSettings) -> tuple[ModelRef, ...]:
    if role.is_offline:
        return (ModelRef(provider="offline", model="offline", is_free=True),)
    is_free = Flavour(role.flavour).is_local
    return tuple(ModelRef(provider=role.flavour, model=model, is_free=is_free) for model in role.models)


def _evidence_tokens(settings: Settings) -> int:
    """At most half of what the model can read, so that rules, question and answer fit beside it."""
    context = settings.chat.context_tokens
    return min(settings.answer.evidence_tokens, context // 2) if context else settings.answer.evidence_tokens


def _captioners(settings: Settings, stack: AsyncExitStack) -> list[Captioner]:
    role = settings.captions

    def hire(connection: Connection, model: str) -> Captioner:
        return OpenAICaptioner(
            connection,
            model=model,
            detail=Detail(role.detail),
            settings=_chat_settings(role.effort),
            retry=_retry(role),
        )

    hired = _hired(settings, Role.CAPTIONS, stack, hire)
    return _with_offline(
        hired,
        settings,
        lambda: OfflineCaptioner(languages=settings.offline.tesseract_languages, workers=_workers(settings)),
    )


def _transcribers(settings: Settings, limits: MediaLimits, stack: AsyncExitStack) -> list[Transcriber]:
    role = settings.transcripts
    encode = partial(_encode, limits, asyncio.Semaphore(_ENCODERS))

    def hire(connection: Connection, model: str) -> Transcriber:
        return OpenAITranscriber(connection, model=model, encode=encode, retry=_retry(role))

    def stay() -> Transcriber:
        transcriber = OfflineTranscriber(workers=_workers(settings))
        stack.push_async_callback(transcriber.aclose)
        return transcriber

    return _with_offline(_hired(settings, Role.TRANSCRIPTS, stack, hire), settings, stay)


async def _encode(limits: MediaLimits, gate: asyncio.Semaphore, chunk: AudioChunk) -> EncodedAudio:
    """Compressed, or as it is where this ffmpeg cannot compress it. `gate` bounds how many are at work."""
    async with gate:
        try:
            return await encode_upload(chunk, limits)
        except MediaError:
            return await encode_upload(chunk, limits, form=UploadForm.WAV)


def _chat_models(settings: Settings, stack: AsyncExitStack) -> list[ChatModel]:
    role = settings.chat

    def hire(connection: Connection, model: str) -> ChatModel:
        return OpenAIChatModel(
            connection,
            model=model,
            detail=Detail(settings.captions.detail),
            settings=_chat_settings(role.effort, role.temperature),
            retry=_retry(role),
        )

    return _with_offline(_hired(settings, Role.CHAT, stack, hire), settings, OfflineChatModel)


def _synthesizers(settings: Settings, stack: AsyncExitStack) -> list[Synthesizer]:
    """In the order of the list, except that a REST model is paired with the first realtime one for servers that no
    longer offer speech over REST."""
    role = settings.speech
    voice = Voice(name=role.voice or "alloy", speed=role.speed, instructions=role.instructions)

    def hire(connection: Connection, model: str) -> Synthesizer:
        rest = RestSynthesizer(connection, model=model, voice=voice, retry=_retry(role))
        if role.transport == "rest":
            return rest
        if role.transport == "realtime" or _is_realtime(model):
            return RealtimeSynthesizer(connection, model=model, voice=voice, retry=_retry(role))
        successor = next((name for name in role.models if _is_realtime(name)), None)
        if successor is None:
            return rest
        realtime = RealtimeSynthesizer(connection, model=successor, voice=voice, retry=_retry(role))
        return choose_synthesizer(connection.endpoint, rest=rest, realtime=realtime)

    return _with_offline(_hired(settings, Role.SPEECH, stack, hire), settings, OfflineSynthesizer)


def _embedder(settings: Settings, stack: AsyncExitStack) -> Embedder | None:
    """None where no model is named."""
    role = settings.embeddings

    def hire(connection: Connection, model: str) -> Embedder:
        return OpenAIEmbedder(connection, model=model, retry=_retry(role))

    return next(iter(_hired(settings, Role.EMBEDDINGS, stack, hire)), None)


def _is_realtime(model: str) -> bool:
    return "realtime" in model


def _hired(
    settings: Settings, role: Role, stack: AsyncExitStack, hire: Callable[[Connection, str], Provider]
) -> list[Provider]:
    """One provider per configured model, over one connection; none when the role is offline."""
    endpoint = endpoint_of(settings, role)
    if endpoint is None:
        return []
    connection = Connection(endpoint)
    stack.push_async_callback(connection.aclose)
    return [hire(connection, model) for model in settings.role(role).models]


def _with_offline(hired: list[Provider], settings: Settings, stay: Callable[[], Provider]) -> list[Provider]:
    """The offline provider works alone, or as the last resort where the operator wants one."""
    return [*hired, stay()] if not hired or settings.offline.fallback else hired


def _workers(settings: Settings) -> int:
    return settings.offline.workers or os.cpu_count() or 1


def _chat_settings(effort: str, temperature: float | None = None) -> ChatSettings:
    return ChatSettings(reasoning_effort=None if effort == "default" else effort, temperature=temperature)


def _retry(role: RoleSettings) -> Retry:
    return Retry(attempts=role.attempts, longest_wish_seconds=role.max_wait_seconds)
