"""One request to the REST API on its way through: checked, limited, recorded, answered in Discord's form."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.simulator.discord_server import refusals
from tests.simulator.discord_server.answers import json_answer
from tests.simulator.discord_server.bodies import Body, read_body
from tests.simulator.discord_server.faults import FaultPlan
from tests.simulator.discord_server.limits import Limits
from tests.simulator.discord_server.records import Request
from tests.simulator.discord_server.refusals import Refusal
from tests.simulator.discord_server.world import World

API = "/api/v10"
_WITHOUT_TOKEN = ("/interactions/", "/webhooks/")
_MAIN_IDS = ("channel_id", "guild_id", "webhook_id", "token")


@dataclass(slots=True, kw_only=True)
class Call:
    """`ids`: the snowflakes of the path; `words`: its other parameters."""

    world: World
    request: web.Request
    body: Body
    ids: dict[str, int] = field(default_factory=dict)
    words: dict[str, str] = field(default_factory=dict)

    @property
    def query(self) -> dict[str, str]:
        return dict(self.request.query)

    @property
    def data(self) -> dict[str, Any]:
        """The body as an object."""
        if not isinstance(self.body.json, dict):
            raise refusals.invalid_json()
        return self.body.json


Work = Callable[[Call], Awaitable[Any]]
Routes = list[tuple[str, str, Work]]


class Desk:
    """Takes every request in; `requests` holds them all in order of arrival, `unknown` those that no route takes."""

    def __init__(self, world: World, limits: Limits, faults: FaultPlan, requests: list[Request]) -> None:
        self.unknown: list[str] = []
        self.requests = requests
        self._world = world
        self._limits = limits
        self._faults = faults

    def add(self, app: web.Application, routes: Routes) -> None:
        for method, template, work in routes:
            app.router.add_route(method, API + template, self._route(template, work))

    def _route(self, template: str, work: Work) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            record = self._record(request, template)
            limits: dict[str, str] = {}
            try:
                fault = self._faults.take(request.method, record.route)
                if fault is not None and not fault.after:
                    await request.read()
                    return self._sent(record, await fault.respond(request))
                self._authorise(request, template)
                limits = self._limit(request, template)
                body = await read_body(request)
                record.body = body.json
                answer = await work(self._call(request, body))
                if fault is not None:
                    return self._sent(record, await fault.respond(request))
                record.answer = answer[1] if isinstance(answer, tuple) else answer
                return self._sent(record, _respond(answer, limits))
            except Refusal as refusal:
                record.code, record.answer = refusal.code, refusal.body()
                await _swallow(request)
                response = json_answer(refusal.body(), status=refusal.status, headers={**limits, **refusal.headers})
                return self._sent(record, response)

        return handle

    async def unknown_route(self, request: web.Request) -> web.StreamResponse:
        record = self._record(request, "unknown")
        self.unknown.append(f"{request.method} {request.path}")
        await _swallow(request)
        return self._sent(record, json_answer(refusals.unknown_route().body(), status=404))

    def _record(self, request: web.Request, template: str) -> Request:
        record = Request(
            method=request.method,
            route=request.path.removeprefix(API),
            template=template,
            at_seconds=self._world.now(),
            headers=dict(request.headers),
        )
        self.requests.append(record)
        return record

    def _sent(self, record: Request, response: web.Response) -> web.Response:
        record.status = 0 if response.status == 499 else response.status
        self._world.changed()
        return response

    def _authorise(self, request: web.Request, template: str) -> None:
        if not request.headers.get("User-Agent"):
            raise refusals.no_user_agent()
        if template.startswith(_WITHOUT_TOKEN) or template == "/gateway":
            return
        if request.headers.get("Authorization") != f"Bot {self._world.app.token}":
            raise refusals.unauthorised()

    def _limit(self, request: web.Request, template: str) -> dict[str, str]:
        main_id = "+".join(request.match_info[name] for name in _MAIN_IDS if name in request.match_info)
        counts = not template.startswith(_WITHOUT_TOKEN)
        verdict = self._limits.take(request.method, template, main_id, counts_globally=counts)
        if verdict.retry_after is None:
            return verdict.headers
        raise Refusal(
            429,
            0,
            "You are being rate limited.",
            extra={"retry_after": verdict.retry_after, "global": verdict.is_global},
            headers={**verdict.headers, "Retry-After": str(max(1, round(verdict.retry_after))), "Via": "1.1 google"},
        )

    def _call(self, request: web.Request, body: Body) -> Call:
        call = Call(world=self._world, request=request, body=body)
        for name, value in request.match_info.items():
            if name.endswith("_id") and value != "@original" and not value.startswith("@me"):
                if not value.isdigit():
                    raise refusals.invalid_form(name, "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
                call.ids[name] = int(value)
            call.words[name] = value
        return call


def _respond(answer: Any, headers: dict[str, str]) -> web.Response:
    if answer is None:
        return web.Response(status=204, headers=headers)
    status, body = answer if isinstance(answer, tuple) else (200, answer)
    return json_answer(body, status=status, headers=headers)


async def _swallow(request: web.Request) -> None:
    """Takes the rest of a refused body, so that the client gets to read the answer."""
    try:
        while await asyncio.wait_for(request.content.readany(), timeout=5):
            pass
    except (TimeoutError, ConnectionError):
        return
