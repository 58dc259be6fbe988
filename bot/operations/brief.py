"""A server of HTTP for short requests of anybody: no connection lives for long, and there are never many."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.web_protocol import RequestHandler

log = logging.getLogger(__name__)

LONGEST_SECONDS = 30.0
"""Of a connection, from its beginning: for the request, the answer, and a peer that is slow or silent."""

MOST_CONNECTIONS = 100
"""At the same time; for one more the oldest goes."""

_UNHEARD = logging.Logger("requests", logging.CRITICAL + 1)
"""For what the library says of bad requests: anybody could fill the log with it."""


class Connections:
    """Those that stand, the oldest first; each is ended after LONGEST_SECONDS. Of one event loop."""

    def __init__(self) -> None:
        self._ends: dict[object, tuple[asyncio.Transport, asyncio.TimerHandle]] = {}

    def begin(self, name: object, transport: asyncio.Transport) -> None:
        """One more."""
        if len(self._ends) >= MOST_CONNECTIONS:
            self._end(next(iter(self._ends)))
        timer = asyncio.get_running_loop().call_later(LONGEST_SECONDS, self._end, name)
        self._ends[name] = (transport, timer)

    def forget(self, name: object) -> None:
        """It ended, however it did."""
        end = self._ends.pop(name, None)
        if end is not None:
            end[1].cancel()

    def _end(self, name: object) -> None:
        transport, timer = self._ends.pop(name)
        timer.cancel()
        transport.abort()


def brief_server(answer: "Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]") -> "web.Server":
    """What cannot be read as a request is refused without a line in the log, and bodies are not unpacked."""
    from aiohttp import web  # noqa: PLC0415  # the bot signs in sooner without

    async def answered(request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await answer(request)
        except (web.RequestPayloadError, ConnectionError):
            raise
        except Exception:
            log.exception("a request could not be answered")
            raise

    standing = Connections()

    class BriefServer(web.Server):
        def connection_made(self, handler: "RequestHandler", transport: asyncio.Transport) -> None:
            super().connection_made(handler, transport)
            standing.begin(handler, transport)

        def connection_lost(self, handler: "RequestHandler", exc: BaseException | None = None) -> None:
            standing.forget(handler)
            super().connection_lost(handler, exc)

    return BriefServer(answered, access_log=None, logger=_UNHEARD, auto_decompress=False, lingering_time=1.0)
