"""Captions attend to objects and people that were named: in the settings, in a channel, in a question."""

from bot.plugins.focus.plugin import Focus

__all__ = ["Focus"]
