"""Files of sight and sound as values: what was sent, what it is, the pictures and sound in it."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class MediaKind(StrEnum):
    """What a probe found, whatever the file's name says."""

    VIDEO = "video"
    AUDIO = "audio"
    PICTURE = "picture"


class MediaFamily(StrEnum):
    """Kinds of files that are refused unless the operator allows them, because few people send them and what decodes
    them is old."""

    AVI = "avi"
    FLV = "flv"
    MPEGTS = "mpegts"
    WMV = "wmv"
    THEORA = "theora"
    AMR = "amr"
    RAW_H264 = "raw-h264"


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFile:
    """A file saved where we may read it. `sha256` is the hex digest of its bytes."""

    path: Path = field(repr=False)
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStream:
    """The picture stream that is used. Sizes are upright pixels (rotation applied), 1:1 pixels.

    `start_seconds` is on the container's clock, whose zero is the first stream to start.
    `end_seconds` is where its last picture ends on that clock, None when unknown. `frame_rate_hz` is the declared
    average, None when unknown; never used to compute times.
    """

    index: int
    codec: str
    width: int
    height: int
    rotation_degrees: int = 0
    frame_rate_hz: float | None = None
    start_seconds: float = 0.0
    end_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioStream:
    """The sound stream that is used. `start_seconds` is on the container's clock."""

    index: int
    codec: str
    rate_hz: int
    channels: int
    start_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaProbe:
    """Facts about a file. `duration_seconds` is None when no header tells it; a hint either way."""

    kind: MediaKind
    container: str
    size_bytes: int
    duration_seconds: float | None
    video: VideoStream | None = None
    audio: AudioStream | None = None

    @property
    def has_video(self) -> bool:
        return self.video is not None

    @property
    def has_audio(self) -> bool:
        return self.audio is not None


class FrameReason(StrEnum):
    """Why a frame was chosen."""

    FIRST = "first"
    LAST = "last"
    CUT = "cut"
    CHANGE = "change"
    TEXT = "text"
    FLOOR = "floor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A still from a video, as JPEG.

    `at_seconds` is its true presentation time. `since_seconds` is the earliest time from which this picture is
    known to hold: the scene cut just before it, else `at_seconds`. `novelty` is 0 (same as before) to 1.
    """

    at_seconds: float
    since_seconds: float
    width: int
    height: int
    reason: FrameReason
    novelty: float
    jpeg: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioChunk:
    """A piece of PCM: signed 16 bit little endian, mono. `offset_seconds` is its place on the clip's clock."""

    rate_hz: int
    offset_seconds: float = 0.0
    pcm: bytes = field(repr=False)

    @property
    def duration_seconds(self) -> float:
        return len(self.pcm) / 2 / self.rate_hz


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """A stretch without audible sound, on the clip's clock."""

    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedAudio:
    """Sound compressed for an upload: `name` ends in the extension that fits `media_type`."""

    name: str
    media_type: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceClip:
    """A spoken reply: OGG Opus, 48 kHz mono.

    `waveform` holds at most 256 loudness values of 0 to 255, at most one per 100 ms, as Discord draws them.
    """

    duration_seconds: float
    waveform: bytes = field(repr=False)
    ogg: bytes = field(repr=False)
