"""What the emulator remembers of each request, for assertions and measurements."""

from dataclasses import dataclass, field
from typing import Any

from tests.simulator.openai_server.images import SeenImage


@dataclass(slots=True, kw_only=True)
class Call:
    """One request as it arrived. Seconds are monotonic since the emulator started; `ended_seconds` and `status`
    are filled when the last byte has left (status 0: the connection was dropped)."""

    endpoint: str
    model: str
    at_seconds: float
    size_bytes: int
    headers: dict[str, str] = field(repr=False)
    body: dict[str, Any] = field(repr=False, default_factory=dict)
    status: int | None = None
    ended_seconds: float | None = None
    fault: str | None = None


@dataclass(slots=True, kw_only=True)
class ChatCall(Call):
    """`text` is every text part of every message, in order; `reply` what the mind said to it."""

    messages: list[dict[str, Any]] = field(repr=False)
    images: tuple[SeenImage, ...] = ()
    stream: bool = False
    text: str = field(repr=False, default="")
    reply: str = field(repr=False, default="")
    output_tokens: int = 0

    @property
    def image_tokens(self) -> int:
        return sum(image.tokens for image in self.images)

    @property
    def text_tokens(self) -> int:
        """Four characters count as one token."""
        return -(-len(self.text) // 4)

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON schema asked for."""
        form = self.body.get("response_format")
        if not isinstance(form, dict) or form.get("type") != "json_schema":
            return None
        return form.get("json_schema", {}).get("schema")

    @property
    def is_caption(self) -> bool:
        """Pictures to be put into words: a schema with one object per frame, or pictures without a stream."""
        return bool(self.images) and (self.schema is not None or not self.stream)


@dataclass(slots=True, kw_only=True)
class TranscriptionCall(Call):
    """`duration_seconds`, `rate_hz` and `channels` are measured on the uploaded file."""

    filename: str
    content_type: str
    file_bytes: int
    response_format: str | None = None
    granularities: tuple[str, ...] = ()
    keywords: tuple[str, ...] = field(default=(), repr=False)
    languages: tuple[str, ...] = ()
    prompt: str = field(default="", repr=False)
    stream: bool = False
    duration_seconds: float = 0.0
    rate_hz: int = 0
    channels: int = 0
    codec: str = ""
    reply: str = field(repr=False, default="")


@dataclass(slots=True, kw_only=True)
class SpeechCall(Call):
    """Text to be said, over REST (`speech`) or the websocket (`realtime`)."""

    text: str = field(repr=False)
    voice: str = ""
    response_format: str = ""
    speed: float = 1.0
    instructions: str = field(repr=False, default="")
    audio_seconds: float = 0.0


@dataclass(slots=True, kw_only=True)
class EmbeddingCall(Call):
    """Texts whose meaning is wanted."""

    texts: tuple[str, ...] = field(default=(), repr=False)
    encoding_format: str = "float"
    dimensions: int = 0
    tokens: int = 0
