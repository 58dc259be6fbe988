"""Another voice: speech of any server with OpenAI's audio/speech endpoint, in a persona for each place."""

from bot.plugins.web_voice.plugin import WebVoice

__all__ = ["WebVoice"]
