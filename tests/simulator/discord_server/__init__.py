"""A small, strict Discord: it knows the rules, keeps to them, and remembers everything for the test."""

from tests.simulator.discord_server.clock import Clock
from tests.simulator.discord_server.interactions import Interaction
from tests.simulator.discord_server.messages import Message
from tests.simulator.discord_server.people import Person
from tests.simulator.discord_server.places import Channel, Guild, Role
from tests.simulator.discord_server.server import DiscordServer
from tests.simulator.discord_server.uploads import File, MadeClip, Upload, VoiceMessage
from tests.simulator.discord_server.world import ImpossibleError, NotSeenError

__all__ = [
    "Channel",
    "Clock",
    "DiscordServer",
    "File",
    "Guild",
    "ImpossibleError",
    "Interaction",
    "MadeClip",
    "Message",
    "NotSeenError",
    "Person",
    "Role",
    "Upload",
    "VoiceMessage",
]
