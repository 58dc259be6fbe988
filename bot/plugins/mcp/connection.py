"""The connection to one server: opened, mended, and asked."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import AsyncExitStack, contextmanager, suppress
from contextvars import Context
from pathlib import Path
from typing import TextIO

import anyio
import httpx2
from mcp import Client, MCPError, StdioServerParameters, Tool, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from pydantic import ValidationError

from bot.hooks import PluginError, sentence
from bot.plugins.mcp.settings import Server

_CONNECT_SECONDS = 60.0  # a program may have to be fetched before it starts
_CHECK_SECONDS = 60.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 1.0, 300.0
_MOST_PAGES = 20

_WIRE_ERRORS = (
    MCPError,
    ValidationError,
    RuntimeError,  # what the SDK raises for a result that does not keep to the schema the server gave
    OSError,
    TimeoutError,
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    anyio.ClosedResourceError,
    anyio.BrokenResourceError,
    anyio.EndOfStream,
)

# What servers send stands in what the SDK logs, and may be anybody's words.
for _name in ("mcp", "client"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)


class Connection:
    """To one server, as long as `keep` runs; a program is started in `folder`. `tools` is what it offered last, and
    `changed` is awaited when that is something else than before; `first` is set once it is known whether it is
    there."""

    def __init__(
        self,
        name: str,
        server: Server,
        *,
        folder: Path,
        timeout_seconds: float,
        log: logging.Logger,
        changed: Callable[[], Awaitable[None]],
    ) -> None:
        self.name = name
        self.tools: tuple[Tool, ...] = ()
        self.first = asyncio.Event()
        self._server = server
        self._folder = folder
        self._timeout_seconds = timeout_seconds
        self._log = log
        self._changed = changed
        self._client: Client | None = None
        self._pause_seconds = 0.0  # 0: it was there, or was not looked for yet
        self._doubt = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._ended = asyncio.Event()

    @property
    def is_there(self) -> bool:
        return self._client is not None

    async def keep(self) -> None:
        """Connect, and again when the connection is lost, after longer and longer pauses."""
        self._keeper = asyncio.current_task()
        try:
            while True:
                try:
                    await self._hold()
                except* _WIRE_ERRORS as lost:
                    if not self._pause_seconds:
                        self._log.warning("server %s is away: %s", self.name, _kind(lost))
                self.first.set()
                if self._keeper is None or self._keeper.cancelling():
                    return  # what the SDK raised while it was cancelled took the place of that
                self._pause_seconds = min(max(2 * self._pause_seconds, _FIRST_PAUSE_SECONDS), _LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(self._pause_seconds)
        finally:
            self.first.set()
            self._ended.set()

    async def stop(self, seconds: float) -> None:
        """End `keep`, and with it the program, if it ends within that time."""
        if self._keeper is not None:
            self._keeper.cancel()
            async with asyncio.timeout(seconds):
                await self._ended.wait()

    async def call(self, tool: str, arguments: Mapping[str, object]) -> CallToolResult:
        """Raises PluginError."""
        client = self._client
        if client is None:
            raise self._away()
        # In a context of its own: what the SDK goes on doing for the connection belongs to no call.
        call = asyncio.create_task(client.call_tool(tool, dict(arguments)), context=Context())
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await call
        except _WIRE_ERRORS as error:
            self._doubt.set()
            raise self._away() from error

    async def _hold(self) -> None:
        """From the beginning of a connection to its loss. Raises what is among the errors of the wire."""
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(_CONNECT_SECONDS):
                client = await self._open(stack)
                await self._list(client)
            self._client, self._pause_seconds = client, 0.0
            self._log.info("server %s is there with %d tools", self.name, len(self.tools))
            self.first.set()
            try:
                await self._watch(client)
            finally:
                self._client = None

    async def _watch(self, client: Client) -> None:
        """Ask now and then, and where a call gave cause for doubt, whether it is still there."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_CHECK_SECONDS):
                    await self._doubt.wait()
            self._doubt.clear()
            async with asyncio.timeout(self._timeout_seconds):
                await self._list(client)

    async def _open(self, stack: AsyncExitStack) -> Client:
        if self._server.url is not None:
            token = self._server.token
            headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
            timeout = httpx2.Timeout(self._timeout_seconds, read=_CONNECT_SECONDS + self._timeout_seconds)
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=headers, timeout=timeout))
            transport = streamable_http_client(self._server.url, http_client=http)
        else:
            program, *arguments = self._server.command
            # The SDK hands on no more of our environment than PATH, HOME and the like.
            started = StdioServerParameters(
                command=program, args=arguments, env=dict(self._server.env), cwd=self._folder
            )
            transport = stdio_client(started, errlog=stack.enter_context(_nowhere()))
        return await stack.enter_async_context(Client(transport, cache=None))

    async def _list(self, client: Client) -> None:
        tools: list[Tool] = []
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await client.list_tools(cursor=cursor)
            tools += page.tools
            cursor = page.next_cursor
            if cursor is None:
                break
        if tuple(tools) != self.tools:
            self.tools = tuple(tools)
            await self._changed()

    def _away(self) -> PluginError:
        said = sentence("The tool server {server} did not answer. Try again later.", server=self.name)
        return PluginError("mcp_away", said)


@contextmanager
def _nowhere() -> Generator[TextIO]:
    """For what a program writes beside its messages, which may be anybody's words."""
    with Path(os.devnull).open("w", encoding="utf-8") as nothing:
        yield nothing


def _kind(lost: BaseExceptionGroup[Exception]) -> str:
    """The first cause, without its words."""
    error: BaseException = lost
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
