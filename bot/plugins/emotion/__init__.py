"""What is heard besides words: laughter, applause, music, shouting, and how somebody speaks."""

from bot.plugins.emotion.plugin import Emotion

__all__ = ["Emotion"]
