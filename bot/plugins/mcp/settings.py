"""The settings of mcp: which servers there are, and which of their tools may be called."""

from typing import Annotated

from pydantic import Field, StringConstraints, field_validator, model_validator

from bot.hooks import Key, PluginSettings, ServerAddress

ServerName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
ALL = "*"


class Server(PluginSettings):
    """A program that is started and spoken to by its pipes, or a server that is reached by HTTP."""

    command: tuple[str, ...] = Field(default=(), max_length=100, description="A program and its arguments")
    env: dict[str, str] = Field(
        default={}, repr=False, max_length=100, description="Variables of the program, in capital letters"
    )
    url: ServerAddress | None = Field(default=None, description="Address of a server with streamable HTTP")
    token: Key | None = Field(default=None, description="What the server is shown as bearer token")

    @field_validator("env")
    @classmethod
    def _in_capitals(cls, env: dict[str, str]) -> dict[str, str]:
        """Names of settings have lost their case where they come from the environment."""
        return {name.upper(): value for name, value in env.items()}

    @model_validator(mode="after")
    def _one_way(self) -> "Server":
        if bool(self.command) == (self.url is not None):
            raise ValueError("needs a command or a url, and not both.")
        if self.url is None and self.token is not None:
            raise ValueError("has a token, which only a url is shown; give a program what it needs in env.")
        return self


class McpSettings(PluginSettings):
    servers: dict[ServerName, Server] = Field(min_length=1, max_length=20, description="Servers by names of yours")
    tools: tuple[str, ...] = Field(
        default=(), max_length=200, description="What may be called: server.tool, or server.* for all; nothing else"
    )
    without_asking: tuple[str, ...] = Field(
        default=(),
        max_length=200,
        description="Of those, what is called though its server does not say that it only reads; all else is asked for",
    )
    timeout_seconds: float = Field(default=20, gt=0, le=60, description="Longest wait for a tool")
    start_seconds: float = Field(
        default=6, ge=0, le=60, description="Longest wait for servers at the start; less than a plugin has for on_start"
    )
    require_asker: bool = Field(default=False, description="Only for people, not on the command line")

    @model_validator(mode="after")
    def _tools_have_servers(self) -> "McpSettings":
        for tool in (*self.tools, *self.without_asking):
            server, dot, name = tool.partition(".")
            if not dot or not name or server not in self.servers:
                raise ValueError("has tools that do not begin with the name of a server and a dot.")
        return self

    def may_call(self, server: str, tool: str) -> bool:
        """Whether the operator allowed it."""
        return _has(self.tools, server, tool)

    def may_call_unasked(self, server: str, tool: str) -> bool:
        """Whether the operator allowed it without a word of the person who asked."""
        return _has(self.without_asking, server, tool)


def _has(tools: tuple[str, ...], server: str, tool: str) -> bool:
    return f"{server}.{tool}" in tools or f"{server}.{ALL}" in tools
