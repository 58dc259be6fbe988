"""Sound in and out of the emulator: what an upload holds, and speech in the format asked for."""

import asyncio
import re
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
    16 kHz, -1 to 1."""

    codec: str
    rate_hz: int
    channels: int
    samples: NDArray[np.float32] = field(repr=False)

    @property
    def duration_seconds(self) -> float:
        return len(self.samples) / HEARING_RATE_HZ


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
        samples=np.frombuffer(pcm, dtype=np.float32),
    )


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
