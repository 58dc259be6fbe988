"""Live talk in voice channels: who is heard, whose turn it is, what is answered."""

from bot.services.voice.service import VoiceService
from bot.services.voice.session import VoiceSession

__all__ = ["VoiceService", "VoiceSession"]
