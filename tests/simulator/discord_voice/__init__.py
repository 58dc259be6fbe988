"""Discord's voice as the bot meets it: gateway, packets, end-to-end encryption, and people who speak and hear."""

from tests.simulator.discord_voice.call import Call
from tests.simulator.discord_voice.keys import Dave
from tests.simulator.discord_voice.server import VoiceServer
from tests.simulator.discord_voice.session import Session, Ticket
from tests.simulator.discord_voice.speaker import Heard, Said, Sent, Speaker
from tests.simulator.discord_voice.stub import VoiceStub
from tests.simulator.discord_voice.weather import Weather

__all__ = [
    "Call",
    "Dave",
    "Heard",
    "Said",
    "Sent",
    "Session",
    "Speaker",
    "Ticket",
    "VoiceServer",
    "VoiceStub",
    "Weather",
]
