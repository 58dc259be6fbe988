"""Work done here, without a key or a network: read, measured, recognised and spoken by programs on this machine."""

from bot.providers.offline.captioner import OfflineCaptioner
from bot.providers.offline.chat import OfflineChatModel
from bot.providers.offline.streaming import OfflineStreamingTranscriber
from bot.providers.offline.synthesizer import OfflineSynthesizer
from bot.providers.offline.tools import OfflineTool, offline_tools
from bot.providers.offline.transcriber import OfflineTranscriber

__all__ = [
    "OfflineCaptioner",
    "OfflineChatModel",
    "OfflineStreamingTranscriber",
    "OfflineSynthesizer",
    "OfflineTool",
    "OfflineTranscriber",
    "offline_tools",
]
