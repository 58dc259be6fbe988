"""Sound in and out of the emulator: what an upload holds, and speech in the format asked for."""

import asyncio
import re
import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SPEECH_RATE_HZ = 24_000
HEARING_RATE_HZ = 16_000

CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_STREAM = re.compile(r"Audio: (?P<codec>\w+).*?, (?P<rate>\d+) Hz, (?P<layout>[\w.]+)")
_ENCODERS = {
    "mp3": ("-c:a", "libmp3lame", "-b:a", "64k", "-f", "mp3"),
    "opus": ("-c:a", "libopus", "-b:a", "32k", "-f", "ogg"),
    "aac": ("-c:a", "aac", "-b:a", "64k", "-f", "adts"),
    "flac": ("-c:a", "flac", "-f", "flac"),
    "wav": ("-c:a", "pcm_s16le", "-f", "wav"),
}


class UnreadableSoundError(Exception):
    """The upload is no sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeardAudio:
    """An upload as it was and as it sounds. `channels` 0: another layout than mono, stereo, 5.1. `samples`: mono,
    16 kHz, -1 to 1; none when the upload was only skimmed."""

    codec: str
    rate_hz: int
    channels: int
    duration_seconds: float
    samples: NDArray[np.float32] = field(repr=False)


async def decode_sound(data: bytes, suffix: str) -> HeardAudio:
    """Reads any file ffmpeg can read. Raises UnreadableSoundError."""
    with tempfile.TemporaryDirectory(prefix="openai-emulator-") as folder:
        path = Path(folder, f"upload{suffix}")
        path.write_bytes(data)
        mono = ("-map", "0:a:0", "-ac", "1", "-ar", str(HEARING_RATE_HZ), "-f", "f32le", "-")
        pcm, log = await _run("ffmpeg", "-hide_banner", "-nostats", "-nostdin", "-i", str(path), *mono)
    stream = _STREAM.search(log)
    if stream is None or not pcm:
        raise UnreadableSoundError
    return HeardAudio(
        codec=stream["codec"],
        rate_hz=int(stream["rate"]),
        channels={"mono": 1, "stereo": 2, "5.1": 6}.get(stream["layout"], 0),
        duration_seconds=len(pcm) / 4 / HEARING_RATE_HZ,
        samples=np.frombuffer(pcm, dtype=np.float32),
    )


def skim_sound(data: bytes) -> HeardAudio | None:
    """What the headers of an Ogg Opus or WAV file say, without decoding it; None for anything else."""
    nothing = np.zeros(0, dtype=np.float32)
    if data.startswith(b"OggS") and (head := data.find(b"OpusHead")) > 0 and (last := data.rfind(b"OggS")) > 0:
        (granule,) = struct.unpack_from("<q", data, last + 6)
        (skipped,) = struct.unpack_from("<H", data, head + 10)
        seconds = max(0, granule - skipped) / 48_000
        return HeardAudio(
            codec="opus", rate_hz=48_000, channels=data[head + 9], duration_seconds=seconds, samples=nothing
        )
    if data.startswith(b"RIFF") and data[12:16] == b"fmt ":
        channels, rate_hz, bytes_per_second = struct.unpack_from("<HII", data, 22)
        seconds = len(data) / bytes_per_second
        return HeardAudio(
            codec="pcm_s16le", rate_hz=rate_hz, channels=channels, duration_seconds=seconds, samples=nothing
        )
    return None


async def encode_sound(pcm: bytes, form: str) -> bytes:
    """Speech (24 kHz, 16 bit, mono) in one of the API's formats."""
    if form == "pcm":
        return pcm
    source = ("-f", "s16le", "-ar", str(SPEECH_RATE_HZ), "-ac", "1", "-i", "-")
    data, _ = await _run("ffmpeg", "-v", "error", *source, *_ENCODERS[form], "-", stdin=pcm)
    return data


async def _run(*command: str, stdin: bytes | None = None) -> tuple[bytes, str]:
    """What a tool wrote, and its log."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        output, log = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output, log.decode(errors="replace")
