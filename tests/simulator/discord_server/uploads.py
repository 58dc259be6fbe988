"""What people send: files under any name and claim, and voice messages; and what Discord makes of the names."""

import base64
import mimetypes
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulator.discord_server.world import Account

Bytes = bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeClip:
    """What Discord knows of a clip that somebody recorded with it: who was there, and in which game."""

    participants: "tuple[Account, ...]" = ()
    game: str = ""
    created_at: str = "2026-01-01T12:00:00.000000+00:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file as a person's client uploads it. `content_type` is a claim; None: guessed from the name."""

    name: str
    data: bytes = field(repr=False)
    content_type: str | None = None
    description: str | None = None
    duration_secs: float | None = None
    waveform: str | None = None
    clip: MadeClip | None = None

    @classmethod
    def of(
        cls,
        path: Path,
        *,
        name: str | None = None,
        content_type: str | None = None,
        description: str | None = None,
    ) -> "Upload":
        return cls(name=name or path.name, data=path.read_bytes(), content_type=content_type, description=description)


@dataclass(frozen=True, slots=True)
class VoiceMessage:
    """A recording held down on the microphone button. `duration_secs` None: read from the Ogg file."""

    path: Path
    duration_secs: float | None = None

    def upload(self) -> Upload:
        data = self.path.read_bytes()
        seconds = self.duration_secs if self.duration_secs is not None else ogg_seconds(data)
        points = bytes(96 + (7 * index) % 160 for index in range(min(256, max(1, int(seconds * 10)))))
        return Upload(
            name="voice-message.ogg",
            data=data,
            content_type="audio/ogg",
            duration_secs=round(seconds, 3),
            waveform=base64.b64encode(points).decode(),
        )


@dataclass(slots=True, kw_only=True, eq=False)
class File:
    """One attachment as Discord keeps it. `epoch` counts how often its old addresses were made invalid."""

    id: int
    name: str
    bytes: Bytes = field(repr=False)
    content_type: str | None
    folder: str = field(repr=False)
    title: str | None = None
    description: str | None = None
    duration_secs: float | None = None
    waveform: str | None = field(default=None, repr=False)
    ephemeral: bool = False
    clip: MadeClip | None = None
    epoch: int = field(default=0, repr=False)

    @property
    def size(self) -> int:
        return len(self.bytes)

    @property
    def is_voice_message(self) -> bool:
        return self.duration_secs is not None and self.waveform is not None


def stored(upload: Upload, *, id: int, folder: str, ephemeral: bool = False) -> File:
    name = clean_name(upload.name)
    stem = PurePath(upload.name).stem
    return File(
        id=id,
        name=name,
        bytes=upload.data,
        content_type=upload.content_type or guess_type(name),
        folder=folder,
        title=stem if stem != PurePath(name).stem else None,
        description=upload.description,
        duration_secs=upload.duration_secs,
        waveform=upload.waveform,
        ephemeral=ephemeral,
        clip=upload.clip,
    )


def clean_name(name: str) -> str:
    """Discord keeps letters, digits, dots, dashes and underscores of a file name."""
    stem, dot, suffix = re.sub(r"[^A-Za-z0-9._-]", "", name.replace(" ", "_")).rpartition(".")
    return f"{stem.lstrip('.') or 'unknown'}{dot}{suffix}" if dot else suffix or "unknown"


def guess_type(name: str) -> str | None:
    guessed = mimetypes.guess_type(name)[0] or {".ogg": "audio/ogg", ".opus": "audio/ogg", ".md": "text/markdown"}.get(
        PurePath(name).suffix.lower()
    )
    return f"{guessed}; charset=utf-8" if guessed and guessed.startswith("text/") else guessed


def ogg_seconds(data: bytes) -> float:
    """Length of an Ogg Opus file: the granule position of its last page at 48 kHz."""
    at = data.rfind(b"OggS")
    if at < 0 or at + 14 > len(data):
        raise ValueError("this is no Ogg file; say duration_secs=")
    return max(0.1, struct.unpack_from("<q", data, at + 6)[0] / 48_000)
