"""Where attachments lie: addresses that are signed, expire by the clock and on demand, and serve what was uploaded."""

import hashlib
import hmac
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

from tests.simulator.discord_server.faults import FaultPlan
from tests.simulator.discord_server.records import Request
from tests.simulator.discord_server.uploads import File

if TYPE_CHECKING:
    from tests.simulator.discord_server.world import World

LIFETIME_SECONDS = 24 * 3600
GONE = "This content is no longer available."
_SECRET = b"the simulator's"


class Cdn:
    """`origin` and `proxy_origin` are filled when the server listens."""

    def __init__(self, world: "World", faults: FaultPlan, requests: list[Request]) -> None:
        self.origin = ""
        self.proxy_origin = ""
        self._world = world
        self._faults = faults
        self._requests = requests
        self._files: dict[str, File] = {}

    def addresses(self, file: File) -> tuple[str, str]:
        """`url` and `proxy_url`, fresh."""
        path = f"/{file.folder}/{file.id}/{quote(file.name)}"
        self._files[path] = file
        issued = int(self._world.clock())
        query = f"ex={issued + LIFETIME_SECONDS:x}&is={issued:x}&hm={_sign(path, file, issued)}&"
        return f"{self.origin}{path}?{query}", f"{self.proxy_origin}{path}?{query}"

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._serve)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        from_start = self._world.now()
        record = self._new_record(request, from_start)
        fault = self._faults.take(request.method, request.path)
        if fault is not None:
            response = await fault.respond(request)
            record.status = response.status
            return response
        file = self._files.get(request.rel_url.raw_path)
        if file is None or not self._is_valid(request, file):
            record.status = 404
            return web.Response(status=404, text=GONE)
        record.status = 200
        headers = {"Content-Disposition": f'attachment; filename="{file.name}"', "Cache-Control": "public"}
        kind = file.content_type or "application/octet-stream"
        return web.Response(body=file.bytes, headers={**headers, "Content-Type": kind})

    def _new_record(self, request: web.Request, at_seconds: float) -> Request:
        record = Request(method=request.method, route=request.path, template="cdn", at_seconds=at_seconds)
        self._requests.append(record)
        return record

    def _is_valid(self, request: web.Request, file: File) -> bool:
        try:
            ends, issued = int(request.query["ex"], 16), int(request.query["is"], 16)
            signature = request.query["hm"]
        except (KeyError, ValueError):
            return False
        signed = hmac.compare_digest(signature, _sign(request.rel_url.raw_path, file, issued))
        return signed and ends == issued + LIFETIME_SECONDS and self._world.clock() < ends


def _sign(path: str, file: File, issued: int) -> str:
    return hmac.new(_SECRET, f"{path}|{issued}|{file.epoch}".encode(), hashlib.sha256).hexdigest()
