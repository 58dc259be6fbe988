"""Answers that a test orders instead of the right ones: 429, 5xx, redirects, dropped connections, delays."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web

from tests.simulator.discord_server.answers import json_answer


@dataclass(slots=True, kw_only=True)
class Fault:
    """`after`: the work is done and only the answer is lost. `status` 0: the connection is dropped."""

    part: str
    status: int
    times: int
    retry_after: float | None = None
    is_global: bool = False
    after: bool = False
    delay_seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    async def respond(self, request: web.Request) -> web.Response:
        await asyncio.sleep(self.delay_seconds)
        if self.status == 0:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=499)
        if self.body is not None:
            return web.Response(status=self.status, headers=self.headers, body=self.body)
        if self.status == 429:
            scope = {"X-RateLimit-Scope": "global" if self.is_global else "user", "Via": "1.1 google"}
            if self.is_global:
                scope["X-RateLimit-Global"] = "true"
            wait = self.retry_after if self.retry_after is not None else 1.0
            body = {"message": "You are being rate limited.", "retry_after": wait, "global": self.is_global}
            headers = {**scope, "Retry-After": str(max(1, round(wait))), **self.headers}
            return json_answer(body, status=429, headers=headers)
        body = {"message": f"{self.status}: a fault that the test ordered", "code": 0}
        return json_answer(body, status=self.status, headers=self.headers)


class FaultPlan:
    def __init__(self) -> None:
        self._planned: list[Fault] = []

    def plan(self, fault: Fault) -> None:
        self._planned.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault ordered for `METHOD /path`, which it uses up once."""
        for fault in self._planned:
            if fault.part in f"{method} {path}":
                fault.times -= 1
                if fault.times <= 0:
                    self._planned.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        self._planned.clear()
