"""Sound compressed: a piece for a transcriber, a spoken answer for Discord."""

import asyncio
import io
import wave
from contextlib import AsyncExitStack
from enum import StrEnum
from types import TracebackType

import numpy as np

from bot.domain.errors import MediaError
from bot.domain.media import AudioChunk, EncodedAudio, VoiceClip
from bot.media.child import Child, ChildFailed, open_child, run_child
from bot.media.graph import Stream, ffmpeg_argv, output, pipe_input
from bot.media.limits import MediaLimits
from bot.media.waveform import Waveform

_UPLOAD_RATE_HZ = 16_000
_VOICE_RATE_HZ = 48_000
_LEAD_SECONDS = 0.1
_FADE_SECONDS = 0.01


class UploadForm(StrEnum):
    """What transcription servers take; the value is the file name's extension."""

    OPUS = "ogg"
    MP3 = "mp3"
    WAV = "wav"

    @property
    def media_type(self) -> str:
        return {UploadForm.OPUS: "audio/ogg", UploadForm.MP3: "audio/mpeg", UploadForm.WAV: "audio/wav"}[self]


async def encode_upload(chunk: AudioChunk, limits: MediaLimits, *, form: UploadForm = UploadForm.OPUS) -> EncodedAudio:
    """Compress a piece: Opus of 24 kb/s or MP3 of 64 kb/s, both 16 kHz mono, or WAV as it is.

    Raises MediaError when this machine's ffmpeg cannot.
    """
    sound = _source(chunk.rate_hz)
    match form:
        case UploadForm.OPUS:
            # "voip", 5 and 60 ms halve the processor time of the defaults, at the same size.
            opus = output(
                sound,
                ar=_UPLOAD_RATE_HZ,
                acodec="libopus",
                audio_bitrate="24k",
                application="voip",
                compression_level=5,
                frame_duration=60,
                format="ogg",
            )
            data = await _run(opus, chunk, limits)
        case UploadForm.MP3:
            mp3 = output(sound, ar=_UPLOAD_RATE_HZ, audio_bitrate="64k", format="mp3", acodec="libmp3lame")
            data = await _run(mp3, chunk, limits)
        case UploadForm.WAV:
            data = _wav(chunk)
    return EncodedAudio(name=f"sound.{form}", media_type=form.media_type, data=data)


async def _run(encoded: Stream, chunk: AudioChunk, limits: MediaLimits) -> bytes:
    wall_seconds = limits.decode_wall(chunk.duration_seconds)
    try:
        return await run_child(
            ffmpeg_argv(encoded),
            readable=[],
            limits=limits,
            wall_seconds=wall_seconds,
            stdin=chunk.pcm,
            in_background=True,
        )
    except ChildFailed as failure:
        raise _not_encoded() from failure


def _wav(chunk: AudioChunk) -> bytes:
    """Not through ffmpeg, which cannot write the length into the header of a pipe."""
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(chunk.rate_hz)
        writer.writeframes(chunk.pcm)
    return target.getvalue()


class VoiceClipEncoder:
    """Makes one voice clip of sound that arrives while an answer is being written.

    `async with` it; leaving the block, by whatever way, ends its ffmpeg. The clip has the rate of its first chunk;
    a chunk of another rate, as when a fallback voice takes over, is interpolated linearly. The clip begins with
    0.1 s of silence, since players swallow the first moment, and is 1 dB softer than its source, since Opus
    overshoots.
    """

    def __init__(self, limits: MediaLimits) -> None:
        self._limits = limits
        self._stack = AsyncExitStack()
        self._work: _Work | None = None

    async def __aenter__(self) -> "VoiceClipEncoder":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._work is not None:
            self._work.ogg.cancel()
            await asyncio.wait([self._work.ogg])
        await self._stack.aclose()

    async def write(self, chunk: AudioChunk) -> None:
        """Add sound, at once or over minutes. Raises MediaError when ffmpeg is not there."""
        if chunk.pcm:
            self._work = self._work or await self._begin(chunk.rate_hz)
            await self._work.write(_at_rate(chunk, self._work.rate_hz))

    async def finish(self) -> VoiceClip:
        """The clip. Raises MediaError when there was no sound, or when ffmpeg could not encode it."""
        if self._work is None:
            raise MediaError("voice_empty", "There was no sound to make a voice message of. Read the text instead.")
        return await self._work.finish()

    async def _begin(self, rate_hz: int) -> "_Work":
        faded = _source(rate_hz).filter("afade", type="in", start_time=_LEAD_SECONDS, duration=_FADE_SECONDS)
        softer = faded.filter("volume", "-1dB")
        argv = ffmpeg_argv(output(softer, ar=_VOICE_RATE_HZ, acodec="libopus", audio_bitrate="32k", format="ogg"))
        wall_seconds = self._limits.max_seconds
        opening = open_child(argv, readable=[], limits=self._limits, wall_seconds=wall_seconds, stdin=True)
        try:
            child = await self._stack.enter_async_context(opening)
        except ChildFailed as failure:
            raise _not_encoded() from failure
        work = _Work(child, rate_hz)
        await work.write(bytes(2 * round(_LEAD_SECONDS * rate_hz)))
        return work


class _Work:
    """One ffmpeg at work on one voice clip."""

    def __init__(self, child: Child, rate_hz: int) -> None:
        self.rate_hz = rate_hz
        self.ogg = asyncio.create_task(child.stdout.read_all(), name="voice-clip-ogg")
        self._child = child
        self._samples = 0
        self._waveform = Waveform(rate_hz)

    async def write(self, pcm: bytes) -> None:
        self._samples += len(pcm) // 2
        self._waveform.hear(pcm)
        await self._child.write(pcm)

    async def finish(self) -> VoiceClip:
        await self._child.close_stdin()
        try:
            ogg = await self.ogg
            (await self._child.finish()).check()
        except ChildFailed as failure:
            raise _not_encoded() from failure
        return VoiceClip(duration_seconds=self._samples / self.rate_hz, waveform=self._waveform.points(), ogg=ogg)


def _source(rate_hz: int) -> Stream:
    return pipe_input("s16le", ar=rate_hz, ac=1)


def _at_rate(chunk: AudioChunk, rate_hz: int) -> bytes:
    if chunk.rate_hz == rate_hz:
        return chunk.pcm
    samples = np.frombuffer(chunk.pcm, dtype="<i2")
    places = np.arange(round(len(samples) * rate_hz / chunk.rate_hz)) * (chunk.rate_hz / rate_hz)
    return np.rint(np.interp(places, np.arange(len(samples)), samples)).astype("<i2").tobytes()


def _not_encoded() -> MediaError:
    return MediaError("sound_not_encoded", "The sound could not be compressed on this machine. Run the doctor command.")
