"""Sound in and out of the emulator: what an upload holds, and speech in the format asked for."""

import asyncio
import json
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
    """An upload as it was and as it sounds. `samples`: mono, 16 kHz, -1 to 1."""

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
        listing, pcm = await asyncio.gather(
            _run("ffprobe", "-v", "error", "-select_streams", "a:0", "-show_entries",
                 "stream=codec_name,sample_rate,channels", "-of", "json", str(path)),
            _run("ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar",
                 str(HEARING_RATE_HZ), "-f", "f32le", "-"),
        )  # fmt: skip
    streams = json.loads(listing or b"{}").get("streams") or []
    if not streams or not pcm:
        raise UnreadableSoundError
    return HeardAudio(
        codec=streams[0]["codec_name"],
        rate_hz=int(streams[0]["sample_rate"]),
        channels=int(streams[0]["channels"]),
        samples=np.frombuffer(pcm, dtype=np.float32),
    )


async def encode_sound(pcm: bytes, form: str) -> bytes:
    """Speech (24 kHz, 16 bit, mono) in one of the API's formats."""
    if form == "pcm":
        return pcm
    source = ("-f", "s16le", "-ar", str(SPEECH_RATE_HZ), "-ac", "1", "-i", "-")
    return await _run("ffmpeg", "-v", "error", *source, *_ENCODERS[form], "-", stdin=pcm)


async def _run(*command: str, stdin: bytes | None = None) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        output, _ = await process.communicate(stdin)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return output
