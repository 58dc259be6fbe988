"""The plugin mcp: what of the servers' tools is offered, and what is told of their results."""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from mcp.types import CallToolResult, TextContent, Tool

from bot.hooks import Kibitz, ModelTool, Occasion, Permission, Plugin, PluginError, hookimpl, sentence
from bot.plugins.mcp.connection import Connection
from bot.plugins.mcp.settings import McpSettings

_STOP_SECONDS = 4.0  # less than there is for on_stop
_LONGEST_NAME, _LONGEST_DESCRIPTION, _LONGEST_SCHEMA, _LONGEST_RESULT = 64, 1_000, 16_000, 8_000


class Mcp(Plugin):
    """Nothing of a conversation goes to a server but the arguments that the chat model writes."""

    name = "mcp"
    version = "1.0"
    summary = "Lets the chat model call tools of Model Context Protocol servers."
    permissions = frozenset({Permission.WORDS, Permission.NETWORK, Permission.PROGRAMS})
    sends = "What the chat model writes into a call of a tool goes to the server that has the tool."
    settings_model = McpSettings
    catalogue = Path(__file__).parent / "locales"
    settings: McpSettings

    def __init__(self, kibitz: Kibitz, settings: McpSettings) -> None:
        super().__init__(kibitz, settings)
        self._is_offering = False
        self._connections = [
            Connection(
                name,
                server,
                folder=kibitz.folder,
                timeout_seconds=settings.timeout_seconds,
                log=kibitz.log,
                changed=self._changed,
            )
            for name, server in settings.servers.items()
        ]

    @hookimpl
    async def on_start(self) -> None:
        """Servers that are not there within `start_seconds` are waited for no longer; their tools come when they do."""
        for connection in self._connections:
            self.kibitz.spawn(connection.keep(), name=f"mcp server {connection.name}")
        with suppress(TimeoutError):
            async with asyncio.timeout(self.settings.start_seconds):
                for connection in self._connections:
                    await connection.first.wait()

    @hookimpl
    async def on_stop(self) -> None:
        await asyncio.gather(*(connection.stop(_STOP_SECONDS) for connection in self._connections))

    @hookimpl
    def register_tools(self) -> Sequence[ModelTool]:
        """Those of the servers that were there."""
        self._is_offering = True
        named: dict[str, ModelTool] = {}
        for connection in self._connections:
            for offered in self._offered(connection):
                named.setdefault(offered.name, offered)
        return tuple(named.values())

    async def _changed(self) -> None:
        if self._is_offering:
            await self.kibitz.offer_tools()

    def _offered(self, connection: Connection) -> Iterator[ModelTool]:
        """What of a server's tools the operator allows, and a model can be told."""
        for tool in connection.tools:
            schema: dict[str, object] = {"properties": {}, **tool.input_schema, "type": "object"}
            if not self.settings.may_call(connection.name, tool.name):
                self.kibitz.log.info("server %s: %s is not in tools", connection.name, _clean(tool.name))
            elif len(json.dumps(schema)) > _LONGEST_SCHEMA:
                self.kibitz.log.warning("server %s: %s takes too much to describe", connection.name, _clean(tool.name))
            else:
                yield ModelTool(
                    name=_clean(f"{connection.name}__{tool.name}"),
                    description=(tool.description or tool.title or tool.name)[:_LONGEST_DESCRIPTION],
                    parameters=schema,
                    call=partial(self._call, connection, tool),
                    seconds=self.settings.timeout_seconds + 2,
                    has_effect=not (_only_reads(tool) or self.settings.may_call_unasked(connection.name, tool.name)),
                )

    async def _call(
        self, connection: Connection, tool: Tool, arguments: Mapping[str, object], occasion: Occasion
    ) -> str:
        if self.settings.require_asker and occasion.asker_id is None:
            raise PluginError("mcp_nobody_asks", sentence("This tool may only be called for a person."))
        return _told(await connection.call(tool.name, arguments))


def _only_reads(tool: Tool) -> bool:
    """Whether its server says so."""
    return tool.annotations is not None and tool.annotations.read_only_hint is True


def _clean(name: str) -> str:
    """As models take names of tools."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)[:_LONGEST_NAME]


def _told(result: CallToolResult) -> str:
    """The texts of a result; pictures, sound and links are left out."""
    text = "\n".join(block.text for block in result.content if isinstance(block, TextContent))[:_LONGEST_RESULT]
    if result.is_error:
        return f"The tool could not do it. {text}"
    return text or "The tool gave no text."
