"""Hires everybody who does the work, as the settings say; the only place that knows every vendor."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

from bot.config import RoleSettings, Settings
from bot.domain.errors import MediaError
from bot.domain.media import AudioChunk, EncodedAudio
from bot.domain.role import Role
from bot.hooks.caller import Hooks
from bot.hooks.offers import (
    CONFIGURED,
    OfferedCaptioner,
    OfferedChatModel,
    OfferedStreaming,
    OfferedSynthesizer,
    OfferedTranscriber,
    Offers,
    Work,
)
from bot.hooks.specs import hookimpl
from bot.media.encode import UploadForm, encode_upload
from bot.media.limits import MediaLimits
from bot.operations.models import ModelInUse
from bot.operations.tracing import traced
from bot.pipeline.crew import Crew, ModelRef
from bot.providers.base import Captioner, ChatModel, Embedder, StreamingTranscriber, Synthesizer, Transcriber
from bot.providers.batch_stream import BatchStreamingTranscriber
from bot.providers.fallback import (
    Chain,
    FallbackCaptioner,
    FallbackChatModel,
    FallbackSynthesizer,
    FallbackTranscriber,
)
from bot.providers.image_tokens import Detail
from bot.providers.offline import OfflineCaptioner, OfflineChatModel, OfflineSynthesizer, OfflineTranscriber
from bot.providers.offline.streaming import OfflineStreamingTranscriber
from bot.providers.openai.captions import OpenAICaptioner
from bot.providers.openai.chat import OpenAIChatModel
from bot.providers.openai.completion import ChatSettings
from bot.providers.openai.connection import Connection
from bot.providers.openai.embeddings import OpenAIEmbedder
from bot.providers.openai.endpoint import Endpoint, Flavour, Timeouts
from bot.providers.openai.model_check import check_models, known_end
from bot.providers.openai.realtime import RealtimeSynthesizer
from bot.providers.openai.speech import RestSynthesizer, Voice
from bot.providers.openai.speech_choice import choose_synthesizer
from bot.providers.openai.transcripts import OpenAITranscriber
from bot.providers.prices import PriceList, price_list
from bot.providers.retry import Retry
from bot.providers.till import Purse
from bot.services.access import Doorkeeper

Provider = TypeVar("Provider")

_ENCODERS = 2  # each is a process of its own; more would cost memory and gain no time


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
        prices=prices_of(settings),
    )


def prices_of(settings: Settings) -> PriceList:
    """What models cost, as configured. Raises SettingsError."""
    return price_list(settings.budget.prices, unpriced=settings.budget.allow_unpriced)


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
        families=frozenset(media.extra_formats),
    )


def open_hooks(settings: Settings) -> Hooks:
    """The hooks as configured, with our own doorkeeper; no plugin hangs on them yet."""
    plugins = settings.plugins
    wanted = {work: getattr(plugins, work.value) for work in Work}
    hooks = Hooks(seconds=plugins.timeout_seconds, voice_seconds=plugins.voice_seconds, offers=Offers(wanted))
    hooks.admit(Doorkeeper(), "doorkeeper")
    return hooks


class _Configured:
    """Offers what the settings name, by the same hooks as plugins do."""

    def __init__(self, settings: Settings, limits: MediaLimits, stack: AsyncExitStack, purse: Purse | None) -> None:
        captioners = _captioners(settings, stack, purse)
        self._captioner = FallbackCaptioner(_chain(settings, Role.CAPTIONS, captioners))
        transcribers = _transcribers(settings, limits, stack, purse)
        self._transcriber = FallbackTranscriber(_chain(settings, Role.TRANSCRIPTS, transcribers))
        self._chat = FallbackChatModel(_chain(settings, Role.CHAT, _chat_models(settings, stack, purse)))
        self._synthesizer = FallbackSynthesizer(_chain(settings, Role.SPEECH, _synthesizers(settings, stack, purse)))

    @hookimpl
    def register_captioners(self) -> Mapping[str, Captioner]:
        return {CONFIGURED: self._captioner}

    @hookimpl
    def register_transcribers(self) -> Mapping[str, Transcriber]:
        return {CONFIGURED: self._transcriber}

    @hookimpl
    def register_chat_models(self) -> Mapping[str, ChatModel]:
        return {CONFIGURED: self._chat}

    @hookimpl
    def register_synthesizers(self) -> Mapping[str, Synthesizer]:
        return {CONFIGURED: self._synthesizer}


def hire_crew(
    settings: Settings, stack: AsyncExitStack, hooks: Hooks | None = None, *, purse: Purse | None = None
) -> Crew:
    """Everybody the settings name, paid out of the `purse`; what they opened closes with the stack. Plugins that hang
    on the `hooks` step in."""
    limits = media_limits(settings)
    hooks = hooks or open_hooks(settings)
    hooks.admit(_Configured(settings, limits, stack, purse), CONFIGURED)
    hooks.offers.books = None if purse is None else purse.book
    for work in Work:
        hooks.add_own_offers(work)
    crew = Crew(
        captioner=OfferedCaptioner(hooks.offers),
        transcriber=OfferedTranscriber(hooks.offers),
        chat=OfferedChatModel(hooks.offers),
        synthesizer=OfferedSynthesizer(hooks.offers),
        hooks=hooks,
        max_tool_calls=settings.plugins.max_tool_calls,
        models={role: _models(settings.role(role)) for role in Role},
        gates={role: asyncio.Semaphore(settings.role(role).max_concurrency) for role in Role},
        limits=limits,
        frames_per_request=settings.captions.frames_per_request,
        caption_edge_px=settings.captions.image_edge_px,
        caption_detail=Detail(settings.captions.detail),
        direct_max_frames=0 if settings.chat.is_offline else settings.answer.direct_max_frames,
        evidence_tokens=_evidence_tokens(settings),
        embedder=_embedder(settings, stack, purse),
        prices=prices_of(settings),
        max_looks=settings.answer.max_looks,
        max_output_tokens=settings.chat.max_output_tokens,
        keywords=settings.transcripts.keywords,
        spoken_language=settings.transcripts.language,
        answer_language=settings.answer.language,
        voice_language=settings.speech.language,
    )
    return traced(crew, settings.tracing, stack)


async def look_at_models(settings: Settings) -> tuple[ModelInUse, ...]:
    """Every configured model as its server tells of it. Costs nothing; never raises ProviderError."""
    hired = [(role, endpoint) for role in Role if (endpoint := endpoint_of(settings, role)) is not None]
    states = await asyncio.gather(*(check_models(endpoint, settings.role(role).models) for role, endpoint in hired))
    return tuple(
        ModelInUse(role=role, server=endpoint.host, model=model, is_offered=offered, ends_on=ends_on)
        for (role, endpoint), state in zip(hired, states, strict=True)
        for model, offered, ends_on in (
            ((one.model, one.is_offered, one.ends_on) for one in state.models)
            if state.is_reachable
            else ((model, None, known_end(endpoint, model)) for model in settings.role(role).models)
        )
    )


def hire_streaming(settings: Settings, crew: Crew, stack: AsyncExitStack) -> StreamingTranscriber:
    """Who puts speech into words while it is spoken: those of the crew, or the recogniser of this machine."""
    role = settings.transcripts
    batch = BatchStreamingTranscriber(crew.transcriber, interim=not role.is_offline and Flavour(role.flavour).is_local)
    if not role.is_offline:
        return batch
    recogniser = OfflineStreamingTranscriber(workers=max(_workers(settings), 2))
    stack.push_async_callback(recogniser.aclose)
    return OfferedStreaming(crew.hooks.offers, own=recogniser, offered=batch)


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


def _captioners(settings: Settings, stack: AsyncExitStack, purse: Purse | None) -> list[Captioner]:
    role = settings.captions

    def hire(connection: Connection, model: str) -> Captioner:
        return OpenAICaptioner(
            connection,
            model=model,
            detail=Detail(role.detail),
            settings=_chat_settings(role.effort),
            retry=_retry(role, Role.CAPTIONS),
        )

    hired = _hired(settings, Role.CAPTIONS, stack, purse, hire)
    return _with_offline(
        hired,
        settings,
        lambda: OfflineCaptioner(languages=settings.offline.tesseract_languages, workers=_workers(settings)),
    )


def _transcribers(
    settings: Settings, limits: MediaLimits, stack: AsyncExitStack, purse: Purse | None
) -> list[Transcriber]:
    role = settings.transcripts
    encode = partial(_encode, limits, asyncio.Semaphore(_ENCODERS))
    encode_urgent = partial(encode_upload, limits=limits, form=UploadForm.WAV)

    def hire(connection: Connection, model: str) -> Transcriber:
        return OpenAITranscriber(
            connection, model=model, encode=encode, encode_urgent=encode_urgent, retry=_retry(role, Role.TRANSCRIPTS)
        )

    def stay() -> Transcriber:
        transcriber = OfflineTranscriber(workers=_workers(settings))
        stack.push_async_callback(transcriber.aclose)
        return transcriber

    return _with_offline(_hired(settings, Role.TRANSCRIPTS, stack, purse, hire), settings, stay)


async def _encode(limits: MediaLimits, gate: asyncio.Semaphore, chunk: AudioChunk) -> EncodedAudio:
    """Compressed, or as it is where this ffmpeg cannot compress it. `gate` bounds how many are at work."""
    async with gate:
        try:
            return await encode_upload(chunk, limits)
        except MediaError:
            return await encode_upload(chunk, limits, form=UploadForm.WAV)


def _chat_models(settings: Settings, stack: AsyncExitStack, purse: Purse | None) -> list[ChatModel]:
    role = settings.chat

    def hire(connection: Connection, model: str) -> ChatModel:
        return OpenAIChatModel(
            connection,
            model=model,
            detail=Detail(settings.captions.detail),
            settings=_chat_settings(role.effort, role.temperature),
            retry=_retry(role, Role.CHAT),
        )

    return _with_offline(_hired(settings, Role.CHAT, stack, purse, hire), settings, OfflineChatModel)


def _synthesizers(settings: Settings, stack: AsyncExitStack, purse: Purse | None) -> list[Synthesizer]:
    """In the order of the list, except that a REST model is paired with the first realtime one for servers that no
    longer offer speech over REST."""
    role = settings.speech
    voice = Voice(name=role.voice or "alloy", speed=role.speed, instructions=role.instructions)

    def hire(connection: Connection, model: str) -> Synthesizer:
        rest = RestSynthesizer(connection, model=model, voice=voice, retry=_retry(role, Role.SPEECH))
        if role.transport == "rest":
            return rest
        if role.transport == "realtime" or _is_realtime(model):
            return RealtimeSynthesizer(connection, model=model, voice=voice, retry=_retry(role, Role.SPEECH))
        successor = next((name for name in role.models if _is_realtime(name)), None)
        if successor is None:
            return rest
        realtime = RealtimeSynthesizer(connection, model=successor, voice=voice, retry=_retry(role, Role.SPEECH))
        return choose_synthesizer(connection.endpoint, rest=rest, realtime=realtime)

    return _with_offline(_hired(settings, Role.SPEECH, stack, purse, hire), settings, OfflineSynthesizer)


def _embedder(settings: Settings, stack: AsyncExitStack, purse: Purse | None) -> Embedder | None:
    """None where no model is named."""
    role = settings.embeddings

    def hire(connection: Connection, model: str) -> Embedder:
        return OpenAIEmbedder(connection, model=model, retry=_retry(role, Role.EMBEDDINGS))

    return next(iter(_hired(settings, Role.EMBEDDINGS, stack, purse, hire)), None)


def _is_realtime(model: str) -> bool:
    return "realtime" in model


def _hired(
    settings: Settings,
    role: Role,
    stack: AsyncExitStack,
    purse: Purse | None,
    hire: Callable[[Connection, str], Provider],
) -> list[Provider]:
    """One provider per configured model, over one connection; none when the role is offline."""
    endpoint = endpoint_of(settings, role)
    if endpoint is None:
        return []
    connection = Connection(endpoint, purse=purse)
    stack.push_async_callback(connection.aclose)
    return [hire(connection, model) for model in settings.role(role).models]


def _with_offline(hired: list[Provider], settings: Settings, stay: Callable[[], Provider]) -> list[Provider]:
    """The offline provider works alone, or as the last resort where the operator wants one."""
    return [*hired, stay()] if not hired or settings.offline.fallback else hired


def _workers(settings: Settings) -> int:
    return settings.offline.workers or os.cpu_count() or 1


def _chat_settings(effort: str, temperature: float | None = None) -> ChatSettings:
    return ChatSettings(reasoning_effort=None if effort == "default" else effort, temperature=temperature)


def _retry(chosen: RoleSettings, role: Role) -> Retry:
    return Retry(attempts=chosen.attempts, longest_wish_seconds=chosen.max_wait_seconds, role=role.value)
