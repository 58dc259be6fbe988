"""Tools of Model Context Protocol servers, for the chat model to call while it answers."""

from bot.plugins.mcp.plugin import Mcp

__all__ = ["Mcp"]
