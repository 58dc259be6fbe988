"""What a file is, from its content alone, and whether it is within the limits; before anything is decoded or paid."""

import asyncio
import math
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ValidationError

from bot.domain.errors import MediaError
from bot.domain.media import AudioStream, MediaFile, MediaKind, MediaProbe, VideoStream
from bot.domain.sentence import sentence
from bot.media.child import ChildFailed, ChildFault, Complaint, open_child
from bot.media.families import Allowed, allowed_with
from bot.media.graph import ffprobe_argv
from bot.media.limits import MediaLimits
from bot.media.picture import looks_like_picture, probe_picture
from bot.media.walk import FIRST_STREAMS, Walk, walk

_HEAD_BYTES = 512
_KNOWN_HEADS = (b"\x1aE\xdf\xa3", b"OggS", b"ID3", b"fLaC", b"GIF8")
_MOST_REPORT_BYTES = 2**20
_ODDEST_PIXEL = 8.0
_ENCRYPTED = "Encryption info"
_SLACK_SECONDS = 0.1


def _number(value: object) -> float | None:
    """A finite number from what ffprobe prints ("N/A" and fractions included), else None."""
    try:
        top, _, bottom = str(value).replace(":", "/").partition("/")
        number = float(top) / float(bottom or 1)
    except (ValueError, ZeroDivisionError):
        return None
    return number if math.isfinite(number) else None


_Number = Annotated[float | None, BeforeValidator(_number)]


class _SideData(BaseModel):
    rotation: _Number = None
    side_data_type: str = ""


class _Packet(BaseModel):
    side_data_list: tuple[_SideData, ...] = ()


class _Disposition(BaseModel):
    default: int = 0
    attached_pic: int = 0


class _Stream(BaseModel):
    index: int
    codec_type: str = ""
    codec_name: str = ""
    width: int = 0
    height: int = 0
    sample_aspect_ratio: _Number = None
    avg_frame_rate: _Number = None
    start_time: _Number = None
    sample_rate: _Number = None
    channels: int = 0
    disposition: _Disposition = _Disposition()
    side_data_list: tuple[_SideData, ...] = ()

    @property
    def rotation_degrees(self) -> int:
        """Clockwise turn that makes the picture upright, to the nearest quarter."""
        turn = next((side.rotation for side in self.side_data_list if side.rotation is not None), 0.0)
        return round(-turn / 90) * 90 % 360

    @property
    def has_size(self) -> bool:
        """Whether its pictures are known to have any extent."""
        return self.width > 0 and self.height > 0

    @property
    def upright(self) -> tuple[int, int]:
        """Width and height in square pixels, turned upright."""
        shape = self.sample_aspect_ratio or 1.0
        if not 1 / _ODDEST_PIXEL <= shape <= _ODDEST_PIXEL:
            shape = 1.0
        width, height = max(1, round(self.width * shape)), self.height
        return (height, width) if self.rotation_degrees % 180 else (width, height)


class _Format(BaseModel):
    format_name: str = ""
    start_time: _Number = None
    duration: _Number = None


class _Report(BaseModel):
    streams: tuple[_Stream, ...] = ()
    packets: tuple[_Packet, ...] = ()
    format: _Format = _Format()

    @property
    def is_encrypted(self) -> bool:
        """Whether its first packets come with what a key would be needed for; what is decoded without it is noise."""
        return any(side.side_data_type == _ENCRYPTED for packet in self.packets for side in packet.side_data_list)

    @property
    def pictures(self) -> list[_Stream]:
        """Streams of moving pictures; a cover is none."""
        return [s for s in self.streams if s.codec_type == "video" and not s.disposition.attached_pic]


async def probe(file: MediaFile, limits: MediaLimits) -> MediaProbe:
    """Describe a file. Raises MediaError for what is no media, is broken, or is beyond a limit.

    `duration_seconds` is measured by walking through the file, not read from its header.
    """
    head = await asyncio.to_thread(_head, file.path)
    if looks_like_picture(head) and not head.startswith(b"GIF8"):
        return await _picture(file, limits)
    walking = asyncio.create_task(walk(file, FIRST_STREAMS, limits), name="walk")
    try:
        return await _streams(file, head, limits, walking)
    finally:
        walking.cancel()
        await asyncio.gather(walking, return_exceptions=True)


async def _streams(file: MediaFile, head: bytes, limits: MediaLimits, walking: "asyncio.Task[Walk]") -> MediaProbe:
    """A file with streams. `walking` goes through the first picture and sound stream meanwhile, which nearly always
    are the ones that are used."""
    report = await _report(file, head, limits)
    allowed = allowed_with(limits.families)
    video = _best_video(report, allowed)
    audio = _best_audio(report, allowed)
    if len(report.streams) > limits.max_streams:
        raise _too_many_streams()
    if video is None and audio is None:
        raise MediaError(
            "media_unknown_kind", "The file holds neither pictures nor sound I can use. Send a video, sound or picture."
        )
    if report.is_encrypted:
        raise MediaError(
            "media_encrypted",
            "The clip is encrypted, so nobody without its key can open it. Send a copy without protection.",
        )
    _check_codecs(video, audio, allowed)
    _check_size(video, limits)
    used = tuple(stream.index for stream in (video, audio) if stream is not None)
    walked = await (walking if used == _first(report) else walk(file, tuple(map(str, used)), limits))
    if report.format.format_name == "gif" and walked.pictures <= 1:
        return await _picture(file, limits)
    duration = _duration(report, walked, video)
    if duration is not None and duration > limits.max_seconds:
        raise MediaError(
            "media_too_long",
            sentence("The clip is longer than {most:g} minutes. Cut it and send a part.", most=limits.max_seconds / 60),
        )
    origin = min((s.start_time for s in (video, audio) if s and s.start_time is not None), default=0.0)
    return MediaProbe(
        kind=MediaKind.VIDEO if video else MediaKind.AUDIO,
        container=report.format.format_name.split(",")[0],
        size_bytes=file.size_bytes,
        duration_seconds=duration,
        video=_video(video, origin, walked.ends_seconds[0]) if video else None,
        audio=_audio(audio, origin) if audio else None,
    )


async def _report(file: MediaFile, head: bytes, limits: MediaLimits) -> _Report:
    try:
        async with open_child(
            ffprobe_argv(file.path, limits),
            readable=[file.path],
            limits=limits,
            wall_seconds=limits.probe_wall_seconds,
            max_output_bytes=_MOST_REPORT_BYTES,
        ) as child:
            said = await child.stdout.read_all()
            end = await child.finish()
        end.check()
        if end.complaint is Complaint.TOO_MANY_STREAMS:
            raise _too_many_streams()
        report = _Report.model_validate_json(said.decode("utf-8", errors="replace"))
    except ChildFailed as failure:
        raise _refusal(failure, head) from failure
    except ValidationError as failure:
        raise _broken() from failure
    # What a header claims does no harm where the decoder tells a size of its own.
    if end.complaint is Complaint.TOO_BIG and not all(stream.has_size for stream in report.pictures):
        raise _too_many_pixels()
    return report


def _duration(report: _Report, walked: Walk, video: _Stream | None) -> float | None:
    """What was walked through; the header's word where it differs by no more than the last picture's stay."""
    declared = report.format.duration
    measured = max((end or 0.0 for end in walked.ends_seconds), default=0.0)
    if not measured:
        return declared or None
    stay = 1 / video.avg_frame_rate if video is not None and video.avg_frame_rate else 0.0
    if declared is not None and -_SLACK_SECONDS <= declared - measured <= stay + _SLACK_SECONDS:
        return declared
    return measured


async def _picture(file: MediaFile, limits: MediaLimits) -> MediaProbe:
    facts = await probe_picture(file, limits)
    return MediaProbe(
        kind=MediaKind.PICTURE,
        container=facts.format,
        size_bytes=file.size_bytes,
        duration_seconds=0.0,
        video=VideoStream(index=0, codec=facts.format, width=facts.width, height=facts.height),
    )


def _first(report: _Report) -> tuple[int, ...]:
    """The streams that FIRST_STREAMS means in this file."""
    pictures = [s.index for s in report.pictures]
    sounds = [s.index for s in report.streams if s.codec_type == "audio"]
    return (*pictures[:1], *sounds[:1])


def _best_video(report: _Report, allowed: Allowed) -> _Stream | None:
    """The largest picture stream that is no cover; a usable one before an unusable one, then the default one."""
    return max(
        report.pictures,
        key=lambda s: (s.codec_name in allowed.pictures, s.disposition.default, s.width * s.height, -s.index),
        default=None,
    )


def _best_audio(report: _Report, allowed: Allowed) -> _Stream | None:
    """The default sound stream, a usable one before an unusable one, then the one with most channels."""
    streams = [s for s in report.streams if s.codec_type == "audio"]
    return max(
        streams,
        key=lambda s: (s.codec_name in allowed.sounds, s.disposition.default, s.channels, -s.index),
        default=None,
    )


def _check_codecs(video: _Stream | None, audio: _Stream | None, allowed: Allowed) -> None:
    if video is not None and video.codec_name not in allowed.pictures:
        raise MediaError(
            "media_codec_refused", "The pictures are in a format I do not open. Convert the clip to MP4 with H.264."
        )
    if video is None and audio is not None and audio.codec_name not in allowed.sounds:
        raise MediaError(
            "media_codec_refused", "The sound is in a format I do not open. Convert it to MP3, M4A, OGG or WAV."
        )


def _check_size(video: _Stream | None, limits: MediaLimits) -> None:
    if video is None:
        return
    if not video.has_size:
        raise _broken()
    if video.width * video.height > limits.max_pixels:
        raise _too_many_pixels()


def _video(stream: _Stream, origin: float, end: float | None) -> VideoStream:
    width, height = stream.upright
    rate = stream.avg_frame_rate
    return VideoStream(
        index=stream.index,
        codec=stream.codec_name,
        width=width,
        height=height,
        rotation_degrees=stream.rotation_degrees,
        frame_rate_hz=rate if rate and rate > 0 else None,
        start_seconds=max(0.0, (stream.start_time or origin) - origin),
        end_seconds=end,
    )


def _audio(stream: _Stream, origin: float) -> AudioStream:
    return AudioStream(
        index=stream.index,
        codec=stream.codec_name,
        rate_hz=round(stream.sample_rate or 0),
        channels=stream.channels,
        start_seconds=max(0.0, (stream.start_time or origin) - origin),
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            return opened.read(_HEAD_BYTES)
    except OSError as error:
        raise MediaError("media_unreadable", "The file cannot be read. Send it again.") from error


def _refusal(failure: ChildFailed, head: bytes) -> MediaError:
    if failure.fault is ChildFault.MISSING:
        return MediaError(
            "media_tool_missing", "ffmpeg is not installed here. Install it, then run the doctor command."
        )
    if failure.fault is ChildFault.SANDBOX:
        return MediaError("media_sandbox_missing", "The sandbox this bot is set to require is not available here.")
    if failure.fault is ChildFault.TIMEOUT:
        return MediaError(
            "media_timeout", "The file took too long to examine. Send a shorter one, or convert it to MP4."
        )
    if failure.complaint is Complaint.TOO_MANY_STREAMS:
        return _too_many_streams()
    if failure.complaint is Complaint.TOO_BIG:
        return _too_many_pixels()
    if failure.complaint is Complaint.CODEC_REFUSED:
        return MediaError(
            "media_codec_refused", "The clip uses a format I do not open. Convert it to MP4 with H.264 and AAC."
        )
    if failure.complaint is Complaint.FORMAT_REFUSED:
        return _unknown_kind()
    if (
        head.startswith(_KNOWN_HEADS)
        or head[8:12] == b"WAVE"
        or head[4:8] in {b"ftyp", b"moov", b"mdat", b"wide", b"free"}
    ):
        return _broken()
    return _unknown_kind()


def _unknown_kind() -> MediaError:
    return MediaError(
        "media_unknown_kind", "That is not a video, sound or picture I know. Send MP4, WebM, MP3 or JPEG."
    )


def _too_many_pixels() -> MediaError:
    return MediaError("media_too_many_pixels", "The pictures have too many pixels. Scale the clip down to 4K or less.")


def _too_many_streams() -> MediaError:
    return MediaError(
        "media_too_many_streams", "The file holds too many tracks. Export it with one picture and one sound."
    )


def _broken() -> MediaError:
    return MediaError("media_broken", "The file is damaged or incomplete. Export it again and resend it.")
