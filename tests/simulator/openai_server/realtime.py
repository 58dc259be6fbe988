"""The websocket /v1/realtime, as far as speech needs it: a session, and responses outside the conversation."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from tests.simulator.openai_server.faults import Cut, Fault, Rewrite, Stall, Status, StreamError
from tests.simulator.openai_server.flavours import OPENAI_VOICES
from tests.simulator.openai_server.minds import HonestMind, Mind
from tests.simulator.openai_server.records import SpeechCall
from tests.simulator.openai_server.refusals import (
    Refusal,
    invalid_value,
    missing_parameter,
    unknown_parameter,
)
from tests.simulator.openai_server.replies import new_id, wait_out
from tests.simulator.openai_server.sound import SPEECH_RATE_HZ

_VOICES = OPENAI_VOICES - {"fable", "onyx", "nova"}
_EVENTS = (
    "session.update", "response.create", "response.cancel", "conversation.item.create", "conversation.item.delete",
    "conversation.item.truncate", "conversation.item.retrieve", "input_audio_buffer.append",
    "input_audio_buffer.commit", "input_audio_buffer.clear", "output_audio_buffer.clear",
)  # fmt: skip
_RESPONSE_FIELDS = frozenset(
    (
        "output_modalities", "instructions", "audio", "tools", "tool_choice", "parallel_tool_calls", "reasoning",
        "max_output_tokens", "conversation", "metadata", "prompt", "input",
    )
)  # fmt: skip
_SESSION_FIELDS = _RESPONSE_FIELDS - {"input", "conversation", "metadata"} | {
    "type", "model", "include", "tracing", "truncation",
}  # fmt: skip
_CHUNK_BYTES = SPEECH_RATE_HZ * 2 // 5


class RealtimeSession:
    """One connection. `record` registers a spoken text and says which fault it gets; `now` is the emulator's
    clock; `first_byte` the delay before sound, in seconds; `hang_up` drops the connection."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        *,
        model: str,
        mind: Mind,
        record: Callable[[SpeechCall], Fault | None],
        now: Callable[[], float],
        first_byte: float,
        headers: dict[str, str],
        closing: asyncio.Event,
        hang_up: Callable[[], object],
    ) -> None:
        self._socket = socket
        self._model = model
        self._mind = mind
        self._record = record
        self._now = now
        self._first_byte = first_byte
        self._headers = headers
        self._closing = closing
        self._hang_up = hang_up
        self._voice = "alloy"
        self._instructions = ""
        self._has_spoken = False
        self._in_conversation: asyncio.Task[None] | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        await self._send("session.created", session=self._session())
        try:
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    await self._receive(message.data)
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _receive(self, text: str) -> None:
        event: dict[str, Any] = {}
        try:
            try:
                event = json.loads(text)
            except json.JSONDecodeError as error:
                raise Refusal(400, "The server could not parse the event.", code="invalid_json") from error
            kind = event.get("type")
            if kind is None:
                raise missing_parameter("type")
            if kind not in _EVENTS:
                raise invalid_value("type", kind, _EVENTS)
            if kind == "session.update":
                await self._update(event)
            elif kind == "response.create":
                await self._create(event)
            elif kind == "response.cancel":
                await self._cancel(event)
        except Refusal as refusal:
            await self._refuse(refusal, event.get("event_id"))

    async def _refuse(self, refusal: Refusal, event_id: str | None) -> None:
        await self._send("error", error={**refusal.error(), "event_id": event_id})

    async def _update(self, event: dict[str, Any]) -> None:
        session = event.get("session")
        if not isinstance(session, dict):
            raise missing_parameter("session")
        if session.get("type") != "realtime":
            raise missing_parameter("session.type")
        _check_names(session, _SESSION_FIELDS, "session")
        _check_modalities(session, "session")
        voice = _read_output(session, "session")
        if voice is not None:
            if self._has_spoken and voice != self._voice:
                raise Refusal(
                    400,
                    "Cannot update a conversation's voice if assistant audio is present.",
                    code="cannot_update_voice",
                )
            self._voice = voice
        self._instructions = session.get("instructions", self._instructions)
        await self._send("session.updated", session=self._session())

    async def _create(self, event: dict[str, Any]) -> None:
        response = event.get("response") or {}
        _check_names(response, _RESPONSE_FIELDS, "response")
        _check_modalities(response, "response")
        outside = response.get("conversation") == "none"
        if not outside and self._in_conversation is not None and not self._in_conversation.done():
            raise Refusal(
                400,
                "Conversation already has an active response in progress.",
                code="conversation_already_has_active_response",
            )
        call = SpeechCall(
            endpoint="realtime",
            model=self._model,
            at_seconds=self._now(),
            size_bytes=len(json.dumps(event)),
            headers=self._headers,
            body=event,
            text=_text_of(response),
            voice=_read_output(response, "response") or self._voice,
            response_format="pcm",
            instructions=response.get("instructions", self._instructions),
        )
        fault = self._record(call)
        response_id = new_id("resp_")
        task = asyncio.create_task(self._respond(call, fault, response_id, response))
        self._running[response_id] = task
        if not outside:
            self._in_conversation = task

    async def _cancel(self, event: dict[str, Any]) -> None:
        wanted = event.get("response_id")
        alive = [key for key, task in self._running.items() if not task.done() and wanted in (None, key)]
        if not alive:
            raise Refusal(400, "Cancellation failed: no active response found", code="response_cancel_not_active")
        for key in alive:
            self._running[key].cancel()
            await self._send("response.done", response=_response(key, "cancelled"))

    async def _respond(self, call: SpeechCall, fault: Fault | None, response_id: str, asked: dict[str, Any]) -> None:
        item_id = new_id("item_")
        place = {"response_id": response_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        rewords = self._mind.rewords if isinstance(self._mind, HonestMind) else None
        spoken = rewords(call.text) if rewords else call.text
        if isinstance(fault, Rewrite):
            spoken = fault.change(spoken)
        extra = {"metadata": asked.get("metadata"), "conversation_id": None}
        await self._send("response.created", response=_response(response_id, "in_progress", **extra))
        if isinstance(fault, Status):
            call.status, call.ended_seconds = fault.status, self._now()
            error = json.loads(fault.body)["error"]
            await self._send("response.done", response=_failed(response_id, error["type"], error["code"]))
            return
        item = {"id": item_id, "object": "realtime.item", "type": "message", "role": "assistant"}
        await self._send(
            "response.output_item.added",
            response_id=response_id,
            output_index=0,
            item={**item, "status": "in_progress", "content": []},
        )
        await self._send("response.content_part.added", **place, part={"type": "audio", "transcript": ""})
        if isinstance(fault, Stall) and fault.after == 0:
            await wait_out(fault, self._closing)
        pcm = await asyncio.to_thread(self._mind.speak, spoken, call.voice, 1.0) if spoken else b""
        await asyncio.sleep(max(0.0, call.at_seconds + self._first_byte - self._now()))
        self._has_spoken = True
        await self._send("response.output_audio_transcript.delta", **place, delta=spoken)
        for index in range(0, len(pcm), _CHUNK_BYTES):
            if await self._spoil(call, fault, index // _CHUNK_BYTES, response_id):
                return
            delta = base64.b64encode(pcm[index : index + _CHUNK_BYTES]).decode()
            await self._send("response.output_audio.delta", **place, delta=delta)
        call.audio_seconds = len(pcm) / 2 / SPEECH_RATE_HZ
        if isinstance(fault, Cut | StreamError) and await self._spoil(call, fault, fault.after, response_id):
            return
        await self._send("response.output_audio.done", **place)
        await self._send("response.output_audio_transcript.done", **place, transcript=spoken)
        part = {"type": "audio", "transcript": spoken}
        await self._send("response.content_part.done", **place, part=part)
        done = {**item, "status": "completed", "content": [{"type": "output_audio", "transcript": spoken}]}
        await self._send("response.output_item.done", response_id=response_id, output_index=0, item=done)
        call.status, call.ended_seconds = 200, self._now()
        usage = _usage(call)
        await self._send(
            "response.done", response=_response(response_id, "completed", output=[done], usage=usage, **extra)
        )

    async def _spoil(self, call: SpeechCall, fault: Fault | None, piece: int, response_id: str) -> bool:
        """Whether the response ends here, as planned."""
        match fault:
            case Cut(after=after) if after == piece:
                call.status, call.ended_seconds = 0, self._now()
                self._hang_up()
                return True
            case StreamError(after=after) if after == piece:
                call.status, call.ended_seconds = 500, self._now()
                error = {"type": "server_error", "code": fault.code, "message": fault.message, "param": None}
                await self._send("error", error={**error, "event_id": None})
                await self._send("response.done", response=_failed(response_id, "server_error", fault.code))
                return True
            case Stall(after=after) if after == piece and after > 0:
                await wait_out(fault, self._closing)
        return False

    async def _send(self, kind: str, **fields: Any) -> None:
        if not self._socket.closed:
            await self._socket.send_json({"type": kind, "event_id": new_id("event_"), **fields})

    def _session(self) -> dict[str, Any]:
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": new_id("sess_"),
            "model": self._model,
            "output_modalities": ["audio"],
            "instructions": self._instructions,
            "audio": {
                "output": {"voice": self._voice, "format": {"type": "audio/pcm", "rate": SPEECH_RATE_HZ}, "speed": 1.0}
            },
        }


def refusal_close_code(refusal: Refusal) -> int:
    """The code a websocket is closed with after a refused handshake."""
    return 3000 if refusal.code == "invalid_api_key" else 4000


def _check_names(value: dict[str, Any], known: frozenset[str], where: str) -> None:
    for name in value:
        if name not in known:
            raise unknown_parameter(f"{where}.{name}")


def _check_modalities(value: dict[str, Any], where: str) -> None:
    modalities = value.get("output_modalities")
    if modalities is not None and modalities not in (["audio"], ["text"]):
        raise invalid_value(f"{where}.output_modalities", modalities, ("['audio']", "['text']"))


def _read_output(value: dict[str, Any], where: str) -> str | None:
    """The voice asked for, None when none is."""
    output = value.get("audio", {}).get("output", {})
    form = output.get("format")
    if form is not None:
        if not isinstance(form, dict) or form.get("type") not in ("audio/pcm", "audio/pcmu", "audio/pcma"):
            raise invalid_value(f"{where}.audio.output.format", form, ("audio/pcm", "audio/pcmu", "audio/pcma"))
        if form["type"] == "audio/pcm" and form.get("rate", SPEECH_RATE_HZ) != SPEECH_RATE_HZ:
            raise invalid_value(f"{where}.audio.output.format.rate", form["rate"], (str(SPEECH_RATE_HZ),))
    speed = output.get("speed")
    if speed is not None and not 0.25 <= speed <= 1.5:
        raise Refusal(400, "Invalid 'speed': must be between 0.25 and 1.5.", param=f"{where}.audio.output.speed")
    voice = output.get("voice")
    if voice is not None and voice not in _VOICES:
        raise invalid_value(f"{where}.audio.output.voice", voice, tuple(sorted(_VOICES)))
    return voice


def _text_of(response: dict[str, Any]) -> str:
    """The text parts of the last user message of the input."""
    items = response.get("input") or []
    for index, item in enumerate(items):
        if item.get("type") != "message":
            raise invalid_value(f"response.input[{index}].type", item.get("type"), ("message",))
        for number, part in enumerate(item.get("content", ())):
            allowed = ("input_text", "input_audio", "input_image") if item.get("role") == "user" else (
                "input_text", "output_text", "output_audio",
            )  # fmt: skip
            if part.get("type") not in allowed:
                raise invalid_value(f"response.input[{index}].content[{number}].type", part.get("type"), allowed)
    spoken = [item for item in items if item.get("role") == "user"]
    if not spoken:
        return ""
    return "".join(part.get("text", "") for part in spoken[-1]["content"])


def _response(response_id: str, status: str, **fields: Any) -> dict[str, Any]:
    base: dict[str, Any] = {
        "object": "realtime.response",
        "id": response_id,
        "status": status,
        "output": [],
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
    }
    return base | {key: value for key, value in fields.items() if value is not None}


def _failed(response_id: str, kind: str, code: str | None) -> dict[str, Any]:
    details = {"type": "failed", "error": {"type": kind, "code": code}}
    return _response(response_id, "failed", status_details=details)


def _usage(call: SpeechCall) -> dict[str, Any]:
    read, spoken = -(-(len(call.text) + len(call.instructions)) // 4), round(call.audio_seconds * 20)
    said = -(-len(call.text) // 4)
    return {
        "total_tokens": read + spoken + said,
        "input_tokens": read,
        "output_tokens": spoken + said,
        "input_token_details": {"text_tokens": read, "audio_tokens": 0, "image_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": said, "audio_tokens": spoken},
    }
