"""Serves health, metrics and the status page. The library is loaded when the server starts, not with the bot."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from bot.operations.beacon import INSTANCE_HEADER
from bot.operations.brief import brief_server
from bot.operations.door import COOKIE, Door
from bot.operations.figures import Figures
from bot.operations.metrics import CONTENT_TYPE, exposition
from bot.operations.page import CSP, render_door, render_page
from bot.operations.snapshot import Snapshot
from bot.operations.vitals import Health

if TYPE_CHECKING:
    from aiohttp import web

log = logging.getLogger(__name__)

_LONGEST_FORM = 4096
_WARNS_SECONDS = 60.0
_REMEMBERED_SECONDS = 30 * 86_400
_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_TEXT, _HTML, _JSON = "text/plain; charset=utf-8", "text/html; charset=utf-8", "application/json"


class StatusServer:
    """`health` and `snapshot` are asked for each request."""

    def __init__(
        self,
        door: Door,
        figures: Figures,
        *,
        instance: str,
        health: Callable[[], Awaitable[Health]],
        snapshot: Callable[[], Awaitable[Snapshot]],
    ) -> None:
        self._door = door
        self._figures = figures
        self._instance = instance
        self._health = health
        self._snapshot = snapshot
        self._runner: web.ServerRunner | None = None
        self._warned_at: float | None = None

    async def start(self, host: str, port: int) -> int:
        """The port it listens on. Raises OSError where it is taken or the address is not this machine's."""
        from aiohttp import web  # noqa: PLC0415  # the bot signs in sooner without

        runner = web.ServerRunner(brief_server(self._answer), shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except BaseException:
            await runner.cleanup()
            raise
        self._runner = runner
        return int(runner.addresses[0][1])

    async def aclose(self) -> None:
        """Answer nobody any more."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: "web.BaseRequest") -> "web.StreamResponse":
        """Every request."""
        if not self._door.is_addressed(request.headers.get("Host")):
            return _response(421, "This address is not the status page's. Ask for localhost.\n")
        path, method = request.path, request.method
        if path not in {"/", "/healthz", "/readyz", "/metrics"}:
            return _response(404, "There is no such page. There are /, /healthz, /readyz and /metrics.\n")
        if method == "POST" and path == "/":
            return await self._let_in(request)
        if method not in {"GET", "HEAD"}:
            return _response(405, "This can only be read.\n", Allow="GET, HEAD")
        may_see = self._door.lets_in(request.headers.get("Authorization"), request.cookies)
        if path in {"/healthz", "/readyz"}:
            return await self._tell_health(request, path, may_see=may_see)
        if not may_see:
            return await self._ask_for_token(path)
        now = await self._snapshot()
        if path == "/metrics":
            text = await asyncio.to_thread(exposition, self._figures, now.readings())
            return _response(200, text, CONTENT_TYPE)
        return _response(200, await asyncio.to_thread(render_page, now), _HTML)

    async def _tell_health(self, request: "web.BaseRequest", path: str, *, may_see: bool) -> "web.StreamResponse":
        """Whether it is well is anybody's who can reach it; why not is for those who may see the page."""
        health = await self._health()
        is_fine = health.is_alive if path == "/healthz" else health.is_ready
        told: dict[str, object] = {"is_alive": health.is_alive, "is_ready": health.is_ready}
        if may_see or self._door.knows(request.headers.get(INSTANCE_HEADER)):
            checks = [{"name": one.name, "is_well": one.is_well, "says": one.says} for one in health.findings]
            told |= {"checks": checks, "not_ready": list(health.not_ready)}
        headers = {INSTANCE_HEADER: self._instance} if self._door.knows(request.headers.get(INSTANCE_HEADER)) else {}
        return _response(200 if is_fine else 503, json.dumps(told), _JSON, **headers)

    async def _ask_for_token(self, path: str, *, was_wrong: bool = False) -> "web.StreamResponse":
        ask = {"WWW-Authenticate": 'Bearer realm="kibitz"'}
        if path == "/metrics":
            return _response(401, "The token is needed, as Authorization: Bearer.\n", **ask)
        return _response(401, await asyncio.to_thread(render_door, was_wrong=was_wrong), _HTML, **ask)

    async def _let_in(self, request: "web.BaseRequest") -> "web.StreamResponse":
        """The form of the page that asks for the token."""
        if request.content_length is None or request.content_length > _LONGEST_FORM:
            return _response(413, "That is no token.\n")
        form = parse_qs((await request.read()).decode(errors="replace"), separator="&")
        if not self._door.takes(form.get("token", [""])[0].strip()):
            self._warn()
            return await self._ask_for_token("/", was_wrong=True)
        answer = _response(303, "", Location="/")
        answer.set_cookie(
            COOKIE,
            self._door.cookie,
            max_age=_REMEMBERED_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=request.secure or request.headers.get("X-Forwarded-Proto") == "https",
        )
        return answer

    def _warn(self) -> None:
        """Of a wrong token; not each time, as anybody could fill the log with it."""
        now = time.monotonic()
        if self._warned_at is None or now - self._warned_at >= _WARNS_SECONDS:
            self._warned_at = now
            log.warning("a wrong token was given to the status page")


def _response(status: int, body: str | bytes, content_type: str = _TEXT, **headers: str) -> "web.Response":
    from aiohttp import web  # noqa: PLC0415  # as above

    data = body.encode() if isinstance(body, str) else body
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = web.Response(status=status, body=data, headers={**_HEADERS, "Content-Type": content_type, **named})
    answer.force_close()
    return answer
