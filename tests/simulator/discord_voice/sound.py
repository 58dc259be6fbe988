"""Sound as Discord carries it: Opus of 48 kHz, in frames of 20 ms where nobody says otherwise."""

import wave
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import discord.opus
import numpy as np
import soxr

RATE_HZ = 48_000
FRAME_MS = 20
BITRATE_KBPS = 32
AUDIBLE_RMS = 100.0
"""Of 16 bit: below it is the noise of an encoder that was given silence."""
Sound = Path | bytes | Sequence[bytes]
"""A WAV file, mono PCM of 48 kHz (16 bit), or Opus frames."""


class _Encoder(discord.opus.Encoder):
    CHANNELS = 1


class _Decoder(discord.opus.Decoder):
    CHANNELS = 1


def read_wave(path: Path) -> bytes:
    """Mono PCM of 48 kHz."""
    with wave.open(str(path), "rb") as file:
        assert file.getsampwidth() == 2, "only WAV of 16 bit"
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, channels)
    mono = samples.mean(axis=1).astype(np.int16) if channels > 1 else samples[:, 0]
    return mono.tobytes() if rate == RATE_HZ else soxr.resample(mono, rate, RATE_HZ).tobytes()


def write_wave(path: Path, pcm: bytes) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(pcm)


@lru_cache(maxsize=256)
def encode(pcm: bytes, *, frame_ms: int = FRAME_MS, bitrate_kbps: int = BITRATE_KBPS) -> tuple[bytes, ...]:
    """Opus frames of mono PCM; the last one is filled up with silence. What was encoded before is not again."""
    samples = RATE_HZ * frame_ms // 1000
    size = samples * 2
    encoder = _Encoder(application="voip", bitrate=bitrate_kbps, signal_type="voice")
    chunks = (pcm[start : start + size].ljust(size, b"\0") for start in range(0, len(pcm), size))
    return tuple(encoder.encode(chunk, samples) for chunk in chunks)


@lru_cache(maxsize=256)
def levels(pcm: bytes, *, frame_ms: int = FRAME_MS) -> tuple[float, ...]:
    """How loud each of those frames is (RMS of 16 bit)."""
    size = RATE_HZ * frame_ms // 1000 * 2
    return tuple(rms(pcm[start : start + size]) for start in range(0, len(pcm), size))


def decode(frames: Iterable[bytes]) -> bytes:
    """Mono PCM of 48 kHz, without any gap."""
    decoder = _Decoder()
    return b"".join(decoder.decode(frame, fec=False) for frame in frames)


class Meter:
    """Tells how loud frames are, one after the other as they come in."""

    def __init__(self) -> None:
        self._decoder = _Decoder()

    def decode(self, frame: bytes) -> bytes:
        return self._decoder.decode(frame, fec=False)

    def is_audible(self, frame: bytes) -> bool:
        return rms(self.decode(frame)) > AUDIBLE_RMS


def rms(pcm: bytes) -> float:
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0


def tone(hertz: float = 440.0, seconds: float = 1.0) -> bytes:
    """PCM of a sine that grows and falls a little, so that no two frames are alike."""
    at = np.arange(int(RATE_HZ * seconds)) / RATE_HZ
    swell = 9000 + 3000 * np.sin(2 * np.pi * 1.7 * at)
    return (swell * np.sin(2 * np.pi * hertz * at)).astype(np.int16).tobytes()
