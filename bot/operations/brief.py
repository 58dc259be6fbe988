"""A server of HTTP for short requests of anybody: no connection lives for long, and there are never many."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

LONGEST_SECONDS = 30.0
"""Of a connection, from its beginning: for the request, the answer, and a peer that is slow or silent."""

MOST_CONNECTIONS = 100
"""At the same time; for one more the oldest goes."""

log = logging.getLogger(__name__)

_UNHEARD = logging.Logger("requests", logging.CRITICAL + 1)
"""For what the library says of bad requests: anybody could fill the log with it."""


class BriefServer(web.Server):
    """What cannot be read as a request is refused without a line in the log, and bodies are not unpacked."""

    def __init__(self, answer: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(self._answered, access_log=None, logger=_UNHEARD, auto_decompress=False, lingering_time=1.0)
        self._answer = answer
        self._ends: dict[RequestHandler, tuple[asyncio.Transport, asyncio.TimerHandle]] = {}

    async def _answered(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._answer(request)
        except (web.RequestPayloadError, ConnectionError):
            raise
        except Exception:
            log.exception("a request could not be answered")
            raise

    def connection_made(self, handler: RequestHandler, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._ends) >= MOST_CONNECTIONS:
            self._end(next(iter(self._ends)))
        loop = asyncio.get_running_loop()
        self._ends[handler] = (transport, loop.call_later(LONGEST_SECONDS, self._end, handler))

    def connection_lost(self, handler: RequestHandler, exc: BaseException | None = None) -> None:
        end = self._ends.pop(handler, None)
        if end is not None:
            end[1].cancel()
        super().connection_lost(handler, exc)

    def _end(self, handler: RequestHandler) -> None:
        transport, timer = self._ends.pop(handler)
        timer.cancel()
        transport.abort()
