"""Captions from labels: which of the things an operator names are in a frame, told by a CLIP model on their server."""

from bot.plugins.labels.plugin import Labels

__all__ = ["Labels"]
