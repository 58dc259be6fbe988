"""Speech from flite (English) and espeak-ng (other languages), at one sample rate for all sentences."""

import asyncio
import io
import os
import re
import sys
import tempfile
import unicodedata
import wave
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.sentence import sentence
from bot.providers.base import SpeechEnd, SpeechRequest
from bot.providers.offline.free import free
from bot.providers.offline.process import ESPEAK, FLITE, Tool, run_tool

RATE_HZ = 24_000  # as OpenAI's speech, so that a clip can change voices half-way
_CHUNK_SAMPLES = RATE_HZ // 5
_MAX_CHARACTERS = 4_000
_MAX_BYTES = 2**26
_HEADER_BYTES = 44
_WALL_SECONDS = 60.0
_WORDS = re.compile(r"\w")
_SPACES = re.compile(r"\s+")
_LONGEST_WORD = 60  # flite spells what is longer than any word, for minutes
# Scripts whose language is plain from the letters; espeak-ng's names.
_SCRIPTS = (
    (re.compile(r"[\u3040-\u30ff]"), "ja"),
    (re.compile(r"[\uac00-\ud7af]"), "ko"),
    (re.compile(r"[\u3400-\u9fff]"), "cmn"),
    (re.compile(r"[\u0400-\u04ff]"), "ru"),
    (re.compile(r"[\u0370-\u03ff]"), "el"),
    (re.compile(r"[\u0600-\u06ff]"), "ar"),
    (re.compile(r"[\u0590-\u05ff]"), "he"),
    (re.compile(r"[\u0900-\u097f]"), "hi"),
    (re.compile(r"[\u0e00-\u0e7f]"), "th"),
)
_OTHER_SCRIPTS = {"zh", "cmn", "yue", "ja", "ko", "ru", "el", "ar", "he", "hi", "th"}
_PHASES = 480  # positions between two samples for which the filter is tabulated
_TAPS = 32


class OfflineSynthesizer:
    """A Synthesizer. `english_voice` is one of flite's (slt, rms, awb, kal16); a request's `voice` is a vendor's
    and not looked at. At most `workers` sentences are spoken at a time."""

    def __init__(self, *, english_voice: str = "slt", workers: int = 2) -> None:
        self._english_voice = english_voice
        self._gate = asyncio.Semaphore(workers)

    async def speak(self, request: SpeechRequest) -> AsyncGenerator[AudioChunk | SpeechEnd]:
        """Chunks of at most 0.2 s at 24 kHz, none for a text without words. Raises ProviderError when the program
        for the language is missing or fails."""
        text = speakable(request.text)
        language = language_of(text, request.language)
        tool = FLITE if language == "en" else ESPEAK
        if text:
            async with self._gate:
                data = await (self._flite(text) if tool is FLITE else _espeak(text, language))
                pcm = await asyncio.to_thread(_pcm, data, tool)
            for at in range(0, len(pcm), _CHUNK_SAMPLES):
                yield AudioChunk(
                    rate_hz=RATE_HZ, offset_seconds=at / RATE_HZ, pcm=pcm[at : at + _CHUNK_SAMPLES].tobytes()
                )
        yield SpeechEnd(usage=free(Role.SPEECH, tool.program, characters=len(text)))

    async def _flite(self, text: str) -> bytes:
        """flite seeks in its output, so it gets a file."""
        with _passing_file("words") as words, _passing_file("sound") as sound:
            await asyncio.to_thread(words.write_text, text, encoding="utf-8")
            arguments = ["-voice", self._english_voice, "-f", str(words), "-o", str(sound)]
            await run_tool(FLITE, arguments, wall_seconds=_WALL_SECONDS)
            try:
                return await asyncio.to_thread(sound.read_bytes)
            except FileNotFoundError as error:
                raise _failed(FLITE) from error


@contextmanager
def _passing_file(name: str) -> Generator[Path]:
    """A file in memory, which goes with this process however that ends; on disk where the system has no such files."""
    if sys.platform == "linux":
        handle = os.memfd_create(name, os.MFD_CLOEXEC)
        try:
            yield Path(f"/proc/{os.getpid()}/fd/{handle}")
        finally:
            os.close(handle)
    else:
        with tempfile.TemporaryDirectory(prefix="kibitz-") as folder:
            yield Path(folder, name)


async def _espeak(text: str, language: str) -> bytes:
    """Sound in the language, in English with espeak-ng's voice where it does not know the language."""
    arguments = ["-v", language, "--stdin", "--stdout", "-b", "1"]
    return await run_tool(
        ESPEAK, arguments, stdin=text.encode(), wall_seconds=_WALL_SECONDS, max_output_bytes=_MAX_BYTES
    )


def speakable(text: str) -> str:
    """The text without what cannot be said (control characters, emoji, symbols of layout); empty without words."""
    kept = "".join(
        " " if unicodedata.category(character) in {"Cc", "Cf", "Cn", "Co", "Cs", "So", "Sk", "Zl", "Zp"} else character
        for character in unicodedata.normalize("NFC", text)
    )
    words = [word for word in _SPACES.split(kept) if _WORDS.search(word)]
    return " ".join(word[:_LONGEST_WORD] if word.isascii() else word for word in words)[:_MAX_CHARACTERS]


def language_of(text: str, wished: str | None) -> str:
    """espeak-ng's name of the language to speak: what the script shows, else what is wished (BCP 47), else English:
    also for Latin letters where the wish has other ones."""
    for script, language in _SCRIPTS:
        if script.search(text):
            return "yue" if language == "cmn" and (wished or "").lower().startswith("yue") else language
    primary = (wished or "en").split("-")[0].lower()
    return primary if re.fullmatch(r"[a-z]{2,3}", primary) and primary not in _OTHER_SCRIPTS else "en"


def _pcm(data: bytes, tool: Tool) -> npt.NDArray[np.int16]:
    """Samples at RATE_HZ of a WAV file; the header of a streamed one may announce more than there is."""
    try:
        with wave.open(io.BytesIO(data)) as sound:
            form = (sound.getnchannels(), sound.getsampwidth())
            rate_hz = sound.getframerate()
    except (wave.Error, EOFError) as error:
        raise _failed(tool) from error
    if form != (1, 2) or not rate_hz:
        raise _failed(tool)
    samples = np.frombuffer(data[_HEADER_BYTES : len(data) - len(data) % 2], dtype="<i2")
    return resample(samples, from_hz=rate_hz, to_hz=RATE_HZ)


def resample(samples: npt.NDArray[np.int16], *, from_hz: int, to_hz: int) -> npt.NDArray[np.int16]:
    """Change the sample rate with a windowed sinc filter of 32 taps, tabulated between the samples."""
    if from_hz == to_hz or not len(samples):
        return samples
    cutoff = min(1.0, to_hz / from_hz) * 0.95
    phases = np.arange(_PHASES)[:, None] / _PHASES
    distances = np.arange(_TAPS)[None, :] - (_TAPS // 2 - 1) - phases
    table = np.sinc(distances * cutoff) * cutoff * (0.5 + 0.5 * np.cos(np.pi * distances / (_TAPS // 2)))
    table = (table / table.sum(axis=1, keepdims=True)).astype(np.float32)
    padded = np.pad(samples.astype(np.float32), (_TAPS // 2 - 1, _TAPS))
    positions = np.arange(int(len(samples) * to_hz / from_hz)) * (from_hz / to_hz)
    first = positions.astype(np.int64)
    phase = ((positions - first) * _PHASES).astype(np.int64)
    output = np.zeros(len(positions), dtype=np.float32)
    for tap in range(_TAPS):
        output += padded[first + tap] * table[phase, tap]
    return np.clip(np.rint(output), -32768, 32767).astype("<i2")


def _failed(tool: Tool) -> ProviderError:
    return ProviderError(
        "tool_failed",
        sentence("{program} did not do its work on this machine.", program=tool.program),
        category=ProviderCategory.SERVER,
    )
