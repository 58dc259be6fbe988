"""Sends answers, and spoils them as planned."""

import asyncio
import json
import secrets
import socket
import struct
from typing import Any

from aiohttp import web

from tests.simulator.openai_server.faults import Cut, Fault, Reset, Stall, Status, StreamError, TruncatedJson
from tests.simulator.openai_server.flavours import Flavour
from tests.simulator.openai_server.records import Call
from tests.simulator.openai_server.refusals import Refusal


class DroppedError(Exception):
    """The connection is gone, as planned."""


def new_id(prefix: str) -> str:
    """An id as the API makes them; nothing depends on its value."""
    return f"{prefix}{secrets.token_hex(12)}"


def headers_for(call: Call) -> dict[str, str]:
    """What the API sends beside every answer."""
    return {
        "x-request-id": new_id("req_"),
        "openai-processing-ms": "1",
        "openai-version": "2020-10-01",
        "x-ratelimit-limit-requests": "10000",
        "x-ratelimit-remaining-requests": "9999",
        "x-ratelimit-reset-requests": "6ms",
        "x-ratelimit-limit-tokens": "2000000",
        "x-ratelimit-remaining-tokens": "1999000",
        "x-ratelimit-reset-tokens": "30ms",
    }


def drop(request: web.Request, call: Call, *, flush: bool) -> DroppedError:
    """Closes the connection; with `flush`, what was written still arrives."""
    call.status = 0
    if request.transport is not None:
        if flush:
            request.transport.close()
        else:
            sock = request.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.transport.abort()
    return DroppedError()


async def wait_out(stall: Stall, closing: asyncio.Event) -> None:
    """Silence for as long as planned, or until the emulator closes."""
    try:
        await asyncio.wait_for(closing.wait(), stall.seconds)
    except TimeoutError:
        return


async def before_work(
    request: web.Request, call: Call, fault: Fault | None, closing: asyncio.Event
) -> web.Response | None:
    """Faults that come before any work: a planned answer, or None to go on. Raises DroppedError."""
    if fault is not None:
        call.fault = type(fault).__name__
    match fault:
        case Status():
            call.status = fault.status
            return web.Response(
                status=fault.status,
                body=fault.body.encode(),
                headers={**headers_for(call), "content-type": fault.content_type, **fault.headers},
            )
        case Reset():
            raise drop(request, call, flush=False)
        case Stall(after=0):
            await wait_out(fault, closing)
    return None


async def send_json(
    request: web.Request, call: Call, payload: dict[str, Any] | str, fault: Fault | None
) -> web.StreamResponse:
    """A whole answer; text when `payload` is a string."""
    is_text = isinstance(payload, str)
    data = payload.encode() if is_text else json.dumps(payload).encode()
    headers = {**headers_for(call), "content-type": "text/plain; charset=utf-8" if is_text else "application/json"}
    if isinstance(fault, TruncatedJson):
        data = data[: len(data) // 2]
    call.status = 200
    if isinstance(fault, Cut):
        response = web.StreamResponse(headers=headers)
        response.content_length = len(data)
        await response.prepare(request)
        await response.write(data[: len(data) // 2])
        raise drop(request, call, flush=True)
    return web.Response(body=data, headers=headers)


class Stream:
    """An answer in pieces: events or chunks of sound."""

    def __init__(
        self, request: web.Request, call: Call, fault: Fault | None, closing: asyncio.Event, content_type: str
    ) -> None:
        self._request = request
        self._call = call
        self._fault = fault
        self._closing = closing
        self._pieces = 0
        self._response = web.StreamResponse(headers={**headers_for(call), "content-type": content_type})
        self._is_events = content_type.startswith("text/event-stream")

    async def open(self) -> None:
        self._call.status = 200
        self._response.enable_chunked_encoding()
        await self._response.prepare(self._request)

    async def send(self, data: bytes) -> None:
        """Writes one piece. Raises DroppedError at the planned place."""
        match self._fault:
            case Cut(after=after) if after == self._pieces:
                raise drop(self._request, self._call, flush=True)
            case Stall(after=after) if after == self._pieces and after > 0:
                await wait_out(self._fault, self._closing)
            case StreamError(after=after) if after == self._pieces:
                await self._fail(self._fault)
        self._pieces += 1
        await self._response.write(data)

    async def event(self, payload: dict[str, Any]) -> None:
        await self.send(f"data: {json.dumps(payload)}\n\n".encode())

    async def close(self, last: bytes = b"") -> web.StreamResponse:
        if isinstance(self._fault, Cut):
            raise drop(self._request, self._call, flush=True)
        await self._response.write_eof(last)
        return self._response

    async def _fail(self, fault: StreamError) -> None:
        if self._is_events:
            error = {"message": fault.message, "type": "server_error", "param": None, "code": fault.code}
            await self._response.write(f"data: {json.dumps({'error': error})}\n\n".encode())
        raise drop(self._request, self._call, flush=True)


def refuse(call: Call | None, refusal: Refusal, flavour: Flavour) -> web.Response:
    """A refusal as the flavour words it."""
    if call is not None:
        call.status = refusal.status
    error = refusal.error()
    body: dict[str, Any] = {"error": error}
    match flavour.errors:
        case "null_code":
            error["code"] = None
        case "numeric_code":
            error["code"] = refusal.status
        case "detail" | "detail_object" if refusal.status == 422:
            where = ["body", refusal.param or "model"]
            body = {"detail": [{"type": "value_error", "loc": where, "msg": refusal.message}]}
        case "detail":
            body = {"detail": refusal.message}
        case "detail_object":
            what = {"error": "validation_error", "message": refusal.message, "type": "invalid_request_error"}
            body = {"detail": what}
    return web.json_response(body, status=refusal.status, headers={"x-request-id": new_id("req_")})
