"""How to open every provider of each Protocol: the adapters against the emulator, the chains, the doubles, and those
that work on this machine."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from bot.domain.role import Role
from bot.providers import offline
from bot.providers.base import Captioner, ChatModel, Embedder, StreamingTranscriber, Synthesizer, Transcriber
from bot.providers.batch_stream import BatchStreamingTranscriber
from bot.providers.fallback import (
    Chain,
    FallbackCaptioner,
    FallbackChatModel,
    FallbackSynthesizer,
    FallbackTranscriber,
)
from bot.providers.openai.captions import OpenAICaptioner
from bot.providers.openai.chat import OpenAIChatModel
from bot.providers.openai.connection import Connection
from bot.providers.openai.embeddings import OpenAIEmbedder
from bot.providers.openai.realtime import RealtimeSynthesizer
from bot.providers.openai.speech import RestSynthesizer
from bot.providers.openai.speech_choice import choose_synthesizer
from bot.providers.openai.transcripts import OpenAITranscriber
from tests.fakes.providers import ScriptedCaptioner, ScriptedChat, ScriptedTranscriber, ToneSynthesizer, WordEmbedder
from tests.providers.material import QUICK, as_wav, connected, endpoint
from tests.simulator.openai_server import HonestMind, OpenAIEmulator, flavours

NOBODY = "http://127.0.0.1:9/v1"
_MIND = HonestMind(answers="The square is red. It stays red.", hears="The blue line is last year.")


def _offline(name: str) -> Callable[..., Any]:
    if not hasattr(offline, name):
        pytest.skip(f"{name} is not there yet")
    return getattr(offline, name)


Opener = Callable[[], AbstractAsyncContextManager[object]]


@asynccontextmanager
async def _emulated(role: Role, flavour: flavours.Flavour = flavours.OPENAI) -> AsyncIterator[Connection]:
    async with OpenAIEmulator(mind=_MIND, flavour=flavour) as server, connected(server, role) as connection:
        yield connection


@asynccontextmanager
async def _unreachable(role: Role) -> AsyncIterator[Connection]:
    connection = Connection(endpoint(NOBODY, role))
    try:
        yield connection
    finally:
        await connection.aclose()


@asynccontextmanager
async def openai_captioner() -> AsyncIterator[Captioner]:
    async with _emulated(Role.CAPTIONS) as connection:
        yield OpenAICaptioner(connection, model="gpt-6-luna", retry=QUICK)


@asynccontextmanager
async def plain_captioner() -> AsyncIterator[Captioner]:
    async with _emulated(Role.CAPTIONS, flavours.PLAIN) as connection:
        yield OpenAICaptioner(connection, model="any", retry=QUICK)


@asynccontextmanager
async def chained_captioner() -> AsyncIterator[Captioner]:
    async with _unreachable(Role.CAPTIONS) as dead, _emulated(Role.CAPTIONS) as alive:
        hired = [OpenAICaptioner(link, model="gpt-6-luna", retry=QUICK) for link in (dead, alive)]
        yield FallbackCaptioner(Chain(Role.CAPTIONS, hired))


@asynccontextmanager
async def scripted_captioner() -> AsyncIterator[Captioner]:
    yield ScriptedCaptioner()


@asynccontextmanager
async def offline_captioner() -> AsyncIterator[Captioner]:
    yield _offline("OfflineCaptioner")()


@asynccontextmanager
async def timed_transcriber() -> AsyncIterator[Transcriber]:
    async with _emulated(Role.TRANSCRIPTS) as connection:
        yield OpenAITranscriber(connection, model="whisper-1", encode=as_wav, retry=QUICK)


@asynccontextmanager
async def untimed_transcriber() -> AsyncIterator[Transcriber]:
    async with _emulated(Role.TRANSCRIPTS) as connection:
        yield OpenAITranscriber(connection, model="gpt-transcribe", encode=as_wav, retry=QUICK)


@asynccontextmanager
async def chained_transcriber() -> AsyncIterator[Transcriber]:
    async with _unreachable(Role.TRANSCRIPTS) as dead, _emulated(Role.TRANSCRIPTS) as alive:
        hired = [OpenAITranscriber(link, model="whisper-1", encode=as_wav, retry=QUICK) for link in (dead, alive)]
        yield FallbackTranscriber(Chain(Role.TRANSCRIPTS, hired))


@asynccontextmanager
async def scripted_transcriber() -> AsyncIterator[Transcriber]:
    yield ScriptedTranscriber()


@asynccontextmanager
async def offline_transcriber() -> AsyncIterator[Transcriber]:
    transcriber = _offline("OfflineTranscriber")(workers=1)
    try:
        yield transcriber
    finally:
        await transcriber.aclose()


@asynccontextmanager
async def settled_stream() -> AsyncIterator[StreamingTranscriber]:
    async with chained_transcriber() as transcriber:
        yield BatchStreamingTranscriber(transcriber, interim=False)


@asynccontextmanager
async def agreeing_stream() -> AsyncIterator[StreamingTranscriber]:
    yield BatchStreamingTranscriber(ScriptedTranscriber(), interim=True)


@asynccontextmanager
async def offline_stream() -> AsyncIterator[StreamingTranscriber]:
    transcriber = _offline("OfflineStreamingTranscriber")(workers=2)
    try:
        yield transcriber
    finally:
        await transcriber.aclose()


@asynccontextmanager
async def openai_chat() -> AsyncIterator[ChatModel]:
    async with _emulated(Role.CHAT) as connection:
        yield OpenAIChatModel(connection, model="gpt-6-luna", retry=QUICK)


@asynccontextmanager
async def plain_chat() -> AsyncIterator[ChatModel]:
    async with _emulated(Role.CHAT, flavours.PLAIN) as connection:
        yield OpenAIChatModel(connection, model="any", retry=QUICK)


@asynccontextmanager
async def chained_chat() -> AsyncIterator[ChatModel]:
    async with _unreachable(Role.CHAT) as dead, _emulated(Role.CHAT) as alive:
        hired = [OpenAIChatModel(link, model="gpt-6-luna", retry=QUICK) for link in (dead, alive)]
        yield FallbackChatModel(Chain(Role.CHAT, hired))


@asynccontextmanager
async def scripted_chat() -> AsyncIterator[ChatModel]:
    yield ScriptedChat()


@asynccontextmanager
async def offline_chat() -> AsyncIterator[ChatModel]:
    yield _offline("OfflineChatModel")()


@asynccontextmanager
async def rest_synthesizer() -> AsyncIterator[Synthesizer]:
    async with _emulated(Role.SPEECH) as connection:
        yield RestSynthesizer(connection, model="gpt-4o-mini-tts", retry=QUICK)


@asynccontextmanager
async def realtime_synthesizer() -> AsyncIterator[Synthesizer]:
    async with _emulated(Role.SPEECH) as connection:
        yield RealtimeSynthesizer(connection, model="gpt-realtime-2.1-mini", retry=QUICK)


@asynccontextmanager
async def chosen_synthesizer() -> AsyncIterator[Synthesizer]:
    async with _emulated(Role.SPEECH, flavours.AFTER_SPEECH) as connection:
        yield choose_synthesizer(
            connection.endpoint,
            rest=RestSynthesizer(connection, model="gpt-4o-mini-tts", retry=QUICK),
            realtime=RealtimeSynthesizer(connection, model="gpt-realtime-2.1-mini", retry=QUICK),
        )


@asynccontextmanager
async def chained_synthesizer() -> AsyncIterator[Synthesizer]:
    async with _unreachable(Role.SPEECH) as dead, _emulated(Role.SPEECH) as alive:
        hired = [RestSynthesizer(link, model="tts-1", retry=QUICK) for link in (dead, alive)]
        yield FallbackSynthesizer(Chain(Role.SPEECH, hired))


@asynccontextmanager
async def tone_synthesizer() -> AsyncIterator[Synthesizer]:
    yield ToneSynthesizer()


@asynccontextmanager
async def offline_synthesizer() -> AsyncIterator[Synthesizer]:
    yield _offline("OfflineSynthesizer")()


@asynccontextmanager
async def openai_embedder() -> AsyncIterator[Embedder]:
    async with _emulated(Role.EMBEDDINGS) as connection:
        yield OpenAIEmbedder(connection, model="text-embedding-3-small", retry=QUICK)


@asynccontextmanager
async def plain_embedder() -> AsyncIterator[Embedder]:
    async with _emulated(Role.EMBEDDINGS, flavours.LLAMA_CPP) as connection:
        yield OpenAIEmbedder(connection, model="nomic-embed-text", retry=QUICK)


@asynccontextmanager
async def word_embedder() -> AsyncIterator[Embedder]:
    yield WordEmbedder(meanings=[("car", "automobile")])


CAPTIONERS = (openai_captioner, plain_captioner, chained_captioner, scripted_captioner, offline_captioner)
TRANSCRIBERS = (
    timed_transcriber,
    untimed_transcriber,
    chained_transcriber,
    scripted_transcriber,
    offline_transcriber,
)
STREAMING_TRANSCRIBERS = (settled_stream, agreeing_stream, offline_stream)
CHAT_MODELS = (openai_chat, plain_chat, chained_chat, scripted_chat, offline_chat)
EMBEDDERS = (openai_embedder, plain_embedder, word_embedder)
SYNTHESIZERS = (
    rest_synthesizer,
    realtime_synthesizer,
    chosen_synthesizer,
    chained_synthesizer,
    tone_synthesizer,
    offline_synthesizer,
)
