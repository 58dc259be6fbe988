"""An OpenAI on the loopback that the unmodified SDK talks to, and that can be told to misbehave."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import PurePath
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from tests.simulator.openai_server import hearing, meaning, speaking
from tests.simulator.openai_server.catalog import OPENAI_MODELS, Kind, ModelCard
from tests.simulator.openai_server.chat import card_for, cut_to_limit, read_chat, split_tokens, think, usage_of
from tests.simulator.openai_server.faults import Fault, FaultPlan, Rewrite
from tests.simulator.openai_server.flavours import OPENAI, Flavour
from tests.simulator.openai_server.minds import HonestMind, Mind
from tests.simulator.openai_server.realtime import RealtimeSession, refusal_close_code
from tests.simulator.openai_server.records import Call, ChatCall, EmbeddingCall, SpeechCall, TranscriptionCall
from tests.simulator.openai_server.refusals import Refusal, model_not_found, unknown_url
from tests.simulator.openai_server.replies import DroppedError, Stream, before_work, drop, new_id, refuse, send_json
from tests.simulator.openai_server.sound import (
    CONTENT_TYPES,
    SPEECH_RATE_HZ,
    UnreadableSoundError,
    decode_sound,
    encode_sound,
    skim_sound,
)
from tests.simulator.openai_server.tools import Made, call_deltas, may_call

_CREATED = 1_767_225_600
_SPEECH_CHUNK_BYTES = SPEECH_RATE_HZ * 2 // 10
_C = TypeVar("_C", bound=Call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long the emulated models take, in seconds. Work of the emulator itself counts against the delay."""

    caption: float = 0.0
    transcript: float = 0.0
    transcript_per_second: float = 0.0
    first_token: float = 0.0
    per_token: float = 0.0
    first_speech_byte: float = 0.0
    embeddings: float = 0.0


class OpenAIEmulator:
    """`async with OpenAIEmulator() as emulator:` listens on `emulator.base_url` with the key `emulator.api_key`.

    `today` decides which models have ended. `requests` holds every request in order of arrival, refused ones
    included. `skims`: media are measured by their headers and not decoded, for benchmarks on the same machine;
    the mind then gets no samples.
    """

    def __init__(
        self,
        *,
        flavour: Flavour = OPENAI,
        mind: Mind | None = None,
        delays: Delays | None = None,
        api_key: str = "sk-emulator",
        today: date = date(2026, 11, 21),
        models: tuple[ModelCard, ...] = OPENAI_MODELS,
        skims: bool = False,
    ) -> None:
        self.flavour = flavour
        self.mind: Mind = mind or HonestMind()
        self.delays = delays or Delays()
        self.api_key = api_key
        self.today = today
        self.models = models
        self.skims = skims
        self.requests: list[Call] = []
        self.base_url = ""
        self._faults = FaultPlan()
        self._stack = AsyncExitStack()
        self._closing = asyncio.Event()
        self._zero = time.monotonic()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=600 * 1024 * 1024)
        app.router.add_get("/v1/models", self._route("models", Call, self._list_models))
        app.router.add_get("/v1/models/{model:.+}", self._route("models", Call, self._show_model))
        app.router.add_post("/v1/chat/completions", self._route("chat", ChatCall, self._chat))
        app.router.add_post("/v1/audio/transcriptions", self._route("transcriptions", TranscriptionCall, self._hear))
        app.router.add_post("/v1/audio/speech", self._route("speech", SpeechCall, self._speak))
        app.router.add_post("/v1/embeddings", self._route("embeddings", EmbeddingCall, self._embed))
        app.router.add_get("/v1/realtime", self._realtime)
        app.router.add_get("/props", self._props)
        app.router.add_route("*", "/{path:.*}", self._unknown)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        self._stack.callback(self._closing.set)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        self._zero = time.monotonic()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def chats(self) -> list[ChatCall]:
        return [call for call in self.requests if isinstance(call, ChatCall)]

    @property
    def captions(self) -> list[ChatCall]:
        """Chat requests that put pictures into words."""
        return [call for call in self.chats if call.is_caption]

    @property
    def answers(self) -> list[ChatCall]:
        """All other chat requests."""
        return [call for call in self.chats if not call.is_caption]

    @property
    def transcriptions(self) -> list[TranscriptionCall]:
        return [call for call in self.requests if isinstance(call, TranscriptionCall)]

    @property
    def speeches(self) -> list[SpeechCall]:
        """Everything said, over REST and over the websocket."""
        return [call for call in self.requests if isinstance(call, SpeechCall)]

    @property
    def embeddings(self) -> list[EmbeddingCall]:
        return [call for call in self.requests if isinstance(call, EmbeddingCall)]

    def fail(self, endpoint: str, *faults: Fault | None, at: int = 1, always: bool = False) -> None:
        """Plans faults for an endpoint: `models`, `chat` (or only its `captions` or `answers`), `transcriptions`,
        `speech`, `embeddings`, `handshake` and `realtime` (each response of a websocket), `any`. See FaultPlan.plan."""
        self._faults.plan(endpoint, *faults, at=at, always=always)

    def heal(self) -> None:
        """Forgets every planned fault."""
        self._faults.clear()

    def most_at_once(self, calls: list[_C]) -> int:
        """How many of `calls` were under way together at the busiest moment."""
        edges = [(call.at_seconds, 1) for call in calls]
        edges += [(call.ended_seconds, -1) for call in calls if call.ended_seconds is not None]
        most = now = 0
        for _, step in sorted(edges):
            now += step
            most = max(most, now)
        return most

    def now(self) -> float:
        """Seconds since the emulator started."""
        return time.monotonic() - self._zero

    def _route(
        self,
        endpoint: str,
        record: Callable[..., _C],
        work: Callable[[web.Request, _C], Awaitable[web.StreamResponse]],
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        extra: dict[str, Any] = {
            "chat": {"messages": []},
            "transcriptions": {"filename": "", "content_type": "", "file_bytes": 0},
            "speech": {"text": ""},
        }.get(endpoint, {})

        async def handle(request: web.Request) -> web.StreamResponse:
            if request.content_type != "multipart/form-data":
                await request.read()
            call = record(
                endpoint=endpoint,
                model="",
                at_seconds=self.now(),
                size_bytes=request.content_length or 0,
                headers=dict(request.headers),
                **extra,
            )
            self.requests.append(call)
            try:
                return await work(request, call)
            except Refusal as refusal:
                return refuse(call, refusal, self.flavour)
            except (DroppedError, ConnectionError):
                call.status = 0
                return web.Response(status=499)
            finally:
                call.ended_seconds = self.now()

        return handle

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        return refuse(None, unknown_url(request.method, request.path), self.flavour)

    async def _props(self, request: web.Request) -> web.StreamResponse:
        if not self.flavour.props:
            return await self._unknown(request)
        settings = {"n_ctx": self.flavour.chat.context_tokens or 32_768}
        modalities = {"vision": self.flavour.chat.offered, "audio": False}
        return web.json_response({"default_generation_settings": settings, "total_slots": 4, "modalities": modalities})

    def _authorise(self, request: web.Request) -> None:
        if not self.flavour.needs_key:
            return
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or not key:
            raise Refusal(
                401,
                "You didn't provide an API key. You need to provide your API key in an Authorization header using "
                "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if key != self.api_key:
            raise Refusal(
                401,
                f"Incorrect API key provided: {key[:3]}***. You can find your API key at "
                "https://platform.openai.com/account/api-keys.",
                code="invalid_api_key",
            )

    def _card(self, model: str) -> ModelCard | None:
        return card_for(self.models, self.flavour, model, self.today)

    async def _wait(self, call: Call, seconds: float) -> None:
        """Until `seconds` after the arrival of `call`."""
        await asyncio.sleep(max(0.0, call.at_seconds + seconds - self.now()))

    async def _read_json(self, request: web.Request, call: Call) -> None:
        if request.content_type != "application/json":
            raise Refusal(
                400,
                f"Unsupported content type: '{request.content_type}'. This API method only accepts "
                "'application/json' requests.",
                code="unsupported_content_type",
            )
        try:
            body = json.loads(await request.read())
        except ValueError as error:
            raise Refusal(400, "We could not parse the JSON body of your request.") from error
        if not isinstance(body, dict):
            raise Refusal(400, "We could not parse the JSON body of your request.")
        call.body = body
        model = body.get("model")
        call.model = model if isinstance(model, str) else ""

    async def _list_models(self, request: web.Request, call: Call) -> web.StreamResponse:
        fault = self._faults.take("models")
        planned = await before_work(request, call, fault, self._closing)
        if planned is not None:
            return planned
        self._authorise(request)
        return await send_json(request, call, {"object": "list", "data": self._known_models()}, fault)

    async def _show_model(self, request: web.Request, call: Call) -> web.StreamResponse:
        self._authorise(request)
        call.model = request.match_info["model"]
        for model in self._known_models():
            if model["id"] == call.model:
                return await send_json(request, call, model, None)
        raise model_not_found(call.model)

    def _known_models(self) -> list[dict[str, Any]]:
        base = {"object": "model", "created": _CREATED, "owned_by": "openai"}
        if self.flavour.models is not None:
            return [{**base, "id": model, "owned_by": self.flavour.name} for model in self.flavour.models]
        models = [card for card in self.models if not card.is_gone(self.today)]
        if not self.flavour.shutdown_dates:
            return [{**base, "id": card.id} for card in models]
        return [
            {**base, "id": card.id, "shutdown_date": card.shutdown.isoformat() if card.shutdown else None}
            for card in models
        ]

    async def _chat(self, request: web.Request, call: ChatCall) -> web.StreamResponse:
        refusal: Refusal | None = None
        try:
            await self._read_json(request, call)
            await asyncio.to_thread(read_chat, call, self.flavour, self._card(call.model), skim=self.skims)
        except Refusal as caught:
            refusal = caught
        fault = self._faults.take("captions" if call.is_caption else "answers", "chat")
        planned = await before_work(request, call, fault, self._closing)
        if planned is not None:
            return planned
        self._authorise(request)
        if not self.flavour.chat.offered:
            raise unknown_url(request.method, request.path)
        if refusal is not None:
            raise refusal
        made: tuple[Made, ...] = ()
        if may_call(call.body, self.flavour.chat.ignored):
            made = await asyncio.to_thread(self.mind.act, call)
        if made:
            return await self._send_calls(request, call, made, fault)
        reply = await think(call, self.mind, self.flavour)
        finish = "stop"
        if isinstance(fault, Rewrite):
            reply, finish = fault.change(reply), fault.finish_reason
        if self.flavour.chat.think_block:
            reply = f"<think>The pictures come first, then the words.</think>\n\n{reply}"
        tokens, limited = cut_to_limit(call, self.flavour, split_tokens(reply))
        finish = limited if limited != "stop" else finish
        call.reply, call.output_tokens = "".join(tokens), len(tokens)
        if call.stream:
            return await self._stream_chat(request, call, tokens, finish, fault)
        generating = self.delays.first_token + self.delays.per_token * len(tokens)
        await self._wait(call, self.delays.caption if call.is_caption else generating)
        message: dict[str, Any] = {"role": "assistant", "content": call.reply, "refusal": None, "annotations": []}
        if self.flavour.chat.reasoning_field:
            message[self.flavour.chat.reasoning_field] = "The pictures come first, then the words."
        payload = {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion",
            "created": _CREATED,
            "model": call.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
            "usage": usage_of(call),
            "service_tier": "default",
        }
        return await send_json(request, call, payload, fault)

    async def _send_calls(
        self, request: web.Request, call: ChatCall, made: tuple[Made, ...], fault: Fault | None
    ) -> web.StreamResponse:
        call.output_tokens = sum(len(split_tokens(each.arguments)) + 1 for each in made)
        if call.stream:
            return await self._stream_chat(request, call, [], "tool_calls", fault, made)
        calls = [
            {"id": new_id("call_"), "type": "function", "function": {"name": each.name, "arguments": each.arguments}}
            for each in made
        ]
        message = {"role": "assistant", "content": None, "tool_calls": calls, "refusal": None, "annotations": []}
        payload = {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion",
            "created": _CREATED,
            "model": call.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "tool_calls"}],
            "usage": usage_of(call),
            "service_tier": "default",
        }
        return await send_json(request, call, payload, fault)

    async def _stream_chat(
        self,
        request: web.Request,
        call: ChatCall,
        tokens: list[str],
        finish: str,
        fault: Fault | None,
        made: tuple[Made, ...] = (),
    ) -> web.StreamResponse:
        options = call.body.get("stream_options") or {}
        with_usage = bool(options.get("include_usage")) and self.flavour.chat.usage_in_stream
        frame: dict[str, Any] = {
            "id": new_id("chatcmpl-"),
            "object": "chat.completion.chunk",
            "created": _CREATED,
            "model": call.model,
            "service_tier": "default",
        }
        if with_usage:
            frame["usage"] = None
        if self.flavour.chat.strict and options.get("include_obfuscation") is not False:
            frame["obfuscation"] = "x7Kq"

        def chunk(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
            return {**frame, "choices": [choice]}

        stream = Stream(request, call, fault, self._closing, "text/event-stream; charset=utf-8")
        await self._wait(call, self.delays.first_token)
        await stream.open()
        await stream.event(chunk({"role": "assistant", "content": None if made else "", "refusal": None}))
        if self.flavour.chat.reasoning_field:
            for word in ("The pictures ", "come first."):
                await stream.event(chunk({self.flavour.chat.reasoning_field: word}))
        for index, token in enumerate(tokens):
            if self.delays.per_token:
                await self._wait(call, self.delays.first_token + self.delays.per_token * index)
            await stream.event(chunk({"content": token}))
        ids = [new_id("call_") for _ in made]
        for delta in call_deltas(made, ids, whole=self.flavour.chat.whole_calls):
            await stream.event(chunk(delta))
        await stream.event(chunk({}, finish))
        if with_usage:
            await stream.event({**frame, "choices": [], "usage": usage_of(call)})
        return await stream.close(b"data: [DONE]\n\n")

    async def _hear(self, request: web.Request, call: TranscriptionCall) -> web.StreamResponse:
        refusal: Refusal | None = None
        data, form, audio = b"", "json", None
        try:
            data = await hearing.read_upload(request, call)
            form = hearing.check_upload(call, self.flavour, self._card(call.model))
            audio = skim_sound(data) if self.skims else None
            audio = audio or await decode_sound(data, PurePath(call.filename).suffix)
            call.duration_seconds, call.codec = audio.duration_seconds, audio.codec
            call.rate_hz, call.channels = audio.rate_hz, audio.channels
            hearing.check_heard(call)
        except UnreadableSoundError:
            refusal = hearing.corrupted_file()
        except Refusal as caught:
            refusal = caught
        fault = self._faults.take("transcriptions")
        planned = await before_work(request, call, fault, self._closing)
        if planned is not None:
            return planned
        self._authorise(request)
        if not self.flavour.hearing.offered:
            raise unknown_url(request.method, request.path)
        if refusal is not None or audio is None:
            raise refusal or hearing.corrupted_file()
        heard = await asyncio.to_thread(self.mind.listen, audio, call)
        text = " ".join(segment.text for segment in heard)
        if isinstance(fault, Rewrite):
            text = fault.change(text)
        call.reply = text
        await self._wait(call, self.delays.transcript + self.delays.transcript_per_second * call.duration_seconds)
        if call.stream and call.model != "whisper-1":
            return await self._stream_transcript(request, call, text, fault)
        return await send_json(request, call, hearing.shape(call, self.flavour, form, heard, text), fault)

    async def _stream_transcript(
        self, request: web.Request, call: TranscriptionCall, text: str, fault: Fault | None
    ) -> web.StreamResponse:
        stream = Stream(request, call, fault, self._closing, "text/event-stream; charset=utf-8")
        await stream.open()
        shape = self.flavour.hearing.events
        for piece in split_tokens(text):
            if shape == "vllm":
                choice = {"delta": {"content": piece}, "finish_reason": None, "stop_reason": None}
                event = {"id": "trsc-1", "object": "transcription.chunk", "created": _CREATED, "model": call.model}
                await stream.event({**event, "choices": [choice]})
            else:
                await stream.event({"type": "transcript.text.delta", "delta": piece})
        if shape != "vllm":
            done = {"type": "transcript.text.done", "text": "" if shape == "empty_done" else text}
            await stream.event(done)
        return await stream.close(b"data: [DONE]\n\n")

    async def _speak(self, request: web.Request, call: SpeechCall) -> web.StreamResponse:
        refusal: Refusal | None = None
        try:
            await self._read_json(request, call)
            speaking.read_speech(call, self.flavour, self._card(call.model))
        except Refusal as caught:
            refusal = caught
        fault = self._faults.take("speech")
        planned = await before_work(request, call, fault, self._closing)
        if planned is not None:
            return planned
        self._authorise(request)
        habits = self.flavour.speaking
        if not habits.offered:
            raise unknown_url(request.method, request.path)
        if refusal is not None:
            raise refusal
        text = speaking.strip_markdown(call.text) if habits.strips_markdown else call.text
        parts = speaking.split_sentences(text) if habits.per_sentence else [text]
        sounds = [await asyncio.to_thread(self.mind.speak, part, call.voice, call.speed) for part in parts]
        call.audio_seconds = sum(map(len, sounds)) / 2 / SPEECH_RATE_HZ
        encoded = [await encode_sound(sound, call.response_format) for sound in sounds]
        stream = Stream(request, call, fault, self._closing, CONTENT_TYPES[call.response_format])
        await self._wait(call, self.delays.first_speech_byte)
        await stream.open()
        for sound in encoded:
            step = len(sound) if habits.per_sentence else _SPEECH_CHUNK_BYTES
            for index in range(0, len(sound), step):
                await stream.send(sound[index : index + step])
        return await stream.close()

    async def _embed(self, request: web.Request, call: EmbeddingCall) -> web.StreamResponse:
        refusal: Refusal | None = None
        try:
            await self._read_json(request, call)
            meaning.read_embeddings(call, self.flavour, self._card(call.model))
        except Refusal as caught:
            refusal = caught
        fault = self._faults.take("embeddings")
        planned = await before_work(request, call, fault, self._closing)
        if planned is not None:
            return planned
        self._authorise(request)
        if refusal is not None:
            raise refusal
        await self._wait(call, self.delays.embeddings)
        return await send_json(request, call, meaning.answer(call), fault)

    async def _realtime(self, request: web.Request) -> web.StreamResponse:
        if not self.flavour.speaking.realtime:
            return await self._unknown(request)
        model = request.query.get("model", "")
        call = Call(
            endpoint="handshake", model=model, at_seconds=self.now(), size_bytes=0, headers=dict(request.headers)
        )
        self.requests.append(call)
        try:
            planned = await before_work(request, call, self._faults.take("handshake"), self._closing)
        except DroppedError:
            return web.Response(status=499)
        if planned is not None:
            return planned
        socket = web.WebSocketResponse(max_msg_size=16 * 1024 * 1024)
        await socket.prepare(request)
        call.status = 101
        try:
            self._check_handshake(request, model)
        except Refusal as refusal:
            call.status = refusal.status
            await socket.send_json({"type": "error", "event_id": new_id("event_"), "error": refusal.error()})
            reason = f"{refusal.kind}.{refusal.code}".encode()
            await socket.close(code=refusal_close_code(refusal), message=reason)
            return socket
        session = RealtimeSession(
            socket,
            model=model,
            mind=self.mind,
            record=self._record_spoken,
            now=self.now,
            first_byte=self.delays.first_speech_byte,
            headers=dict(request.headers),
            closing=self._closing,
            hang_up=lambda: drop(request, call, flush=True),
        )
        await session.run()
        call.ended_seconds = self.now()
        return socket

    def _check_handshake(self, request: web.Request, model: str) -> None:
        self._authorise(request)
        if "openai-beta" in request.headers:
            raise Refusal(400, "The Realtime Beta API is no longer supported.", code="beta_api_shape_disabled")
        card = self._card(model)
        if card is None or card.kind is not Kind.REALTIME:
            raise model_not_found(model)

    def _record_spoken(self, call: SpeechCall) -> Fault | None:
        self.requests.append(call)
        fault = self._faults.take("realtime")
        call.fault = type(fault).__name__ if fault is not None else None
        return fault
