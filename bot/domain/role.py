"""The kinds of hired work."""

from enum import StrEnum


class Role(StrEnum):
    """Names a section of the settings and a list of providers."""

    CAPTIONS = "captions"
    TRANSCRIPTS = "transcripts"
    CHAT = "chat"
    SPEECH = "speech"
    EMBEDDINGS = "embeddings"
