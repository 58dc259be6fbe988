"""An emulated OpenAI: strict where the API is, honest about what it sees and hears, and able to fail on purpose."""

from tests.simulator.openai_server.curious import CuriousMind
from tests.simulator.openai_server.faults import Cut, Reset, Rewrite, Stall, Status, StreamError, TruncatedJson
from tests.simulator.openai_server.images import SeenImage, image_tokens
from tests.simulator.openai_server.minds import HeardSegment, HonestMind, Mind, SeenPicture
from tests.simulator.openai_server.records import Call, ChatCall, EmbeddingCall, SpeechCall, TranscriptionCall
from tests.simulator.openai_server.server import Delays, OpenAIEmulator
from tests.simulator.openai_server.tools import Made

__all__ = [
    "Call",
    "ChatCall",
    "CuriousMind",
    "Cut",
    "Delays",
    "EmbeddingCall",
    "HeardSegment",
    "HonestMind",
    "Made",
    "Mind",
    "OpenAIEmulator",
    "Reset",
    "Rewrite",
    "SeenImage",
    "SeenPicture",
    "SpeechCall",
    "Stall",
    "Status",
    "StreamError",
    "TranscriptionCall",
    "TruncatedJson",
    "image_tokens",
]
