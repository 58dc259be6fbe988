"""What Discord knows of a clip of its own: who took part and which game it was."""

from bot.plugins.clip_metadata.plugin import ClipMetadata

__all__ = ["ClipMetadata"]
