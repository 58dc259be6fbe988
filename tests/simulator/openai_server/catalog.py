"""The models the emulated API knows: what each is for, what it accepts, and when it ends."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Kind(StrEnum):
    CHAT = "chat"
    TRANSCRIPTION = "transcription"
    SPEECH = "speech"
    REALTIME = "realtime"
    EMBEDDING = "embedding"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCard:
    """`efforts` is empty for models that do not reason."""

    id: str
    kind: Kind
    shutdown: date | None = None
    efforts: tuple[str, ...] = ()
    schemas: bool = True
    sees: bool = True

    def is_gone(self, today: date) -> bool:
        return self.shutdown is not None and self.shutdown <= today


_EFFORTS = ("none", "low", "medium", "high", "xhigh", "max")
_OLD_EFFORTS = ("minimal", "low", "medium", "high")
_MODELS = date(2027, 1, 14)
_SPEECH = date(2027, 1, 6)
_HEARING = date(2027, 2, 26)
_OCTOBER = date(2026, 10, 23)
_DECEMBER = date(2026, 12, 11)


def _chat(id: str, shutdown: date | None = None, efforts: tuple[str, ...] = (), *, schemas: bool = True) -> ModelCard:
    return ModelCard(id=id, kind=Kind.CHAT, shutdown=shutdown, efforts=efforts, schemas=schemas)


OPENAI_MODELS: tuple[ModelCard, ...] = (
    _chat("gpt-6-astra", efforts=_EFFORTS[1:]),
    _chat("gpt-6-sol", efforts=_EFFORTS),
    _chat("gpt-6.1-sol", efforts=_EFFORTS[1:]),
    _chat("gpt-6.1-terra", efforts=_EFFORTS),
    _chat("gpt-6-luna", efforts=_EFFORTS),
    _chat("gpt-5.6-sol", efforts=_EFFORTS),
    _chat("gpt-5.6-terra", efforts=_EFFORTS),
    _chat("gpt-5.6-luna", efforts=_EFFORTS),
    _chat("gpt-5.5", efforts=_EFFORTS),
    _chat("gpt-5.1", date(2027, 4, 1), _EFFORTS[:4]),
    _chat("gpt-5", _DECEMBER, _OLD_EFFORTS),
    _chat("gpt-5-mini", _DECEMBER, _OLD_EFFORTS),
    _chat("gpt-4o", _MODELS),
    _chat("gpt-4o-mini", _MODELS),
    _chat("gpt-4.1", _MODELS),
    _chat("gpt-4.1-mini", _MODELS),
    _chat("gpt-4-turbo", _OCTOBER, schemas=False),
    ModelCard(id="gpt-3.5-turbo", kind=Kind.CHAT, shutdown=_OCTOBER, schemas=False, sees=False),
    ModelCard(id="gpt-transcribe", kind=Kind.TRANSCRIPTION),
    ModelCard(id="whisper-1", kind=Kind.TRANSCRIPTION, shutdown=_HEARING),
    ModelCard(id="gpt-4o-transcribe", kind=Kind.TRANSCRIPTION, shutdown=_HEARING),
    ModelCard(id="gpt-4o-mini-transcribe", kind=Kind.TRANSCRIPTION, shutdown=_HEARING),
    ModelCard(id="gpt-4o-transcribe-diarize", kind=Kind.TRANSCRIPTION, shutdown=_HEARING),
    ModelCard(id="tts-1", kind=Kind.SPEECH, shutdown=_SPEECH),
    ModelCard(id="tts-1-hd", kind=Kind.SPEECH, shutdown=_SPEECH),
    ModelCard(id="gpt-4o-mini-tts", kind=Kind.SPEECH, shutdown=_SPEECH),
    ModelCard(id="text-embedding-3-small", kind=Kind.EMBEDDING),
    ModelCard(id="text-embedding-3-large", kind=Kind.EMBEDDING),
    ModelCard(id="text-embedding-ada-002", kind=Kind.EMBEDDING),
    ModelCard(id="gpt-realtime-2.1-mini", kind=Kind.REALTIME),
    ModelCard(id="gpt-realtime-2.1", kind=Kind.REALTIME),
    ModelCard(id="gpt-realtime-mini", kind=Kind.REALTIME, shutdown=date(2027, 1, 20)),
)
