"""The sound of a clip, decoded as a stream and cut into pieces; silence is reported and left out."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

import numpy as np

from bot.domain.errors import MediaError
from bot.domain.media import AudioChunk, MediaFile, MediaProbe, Silence
from bot.media.child import ChildFailed, Complaint, open_child
from bot.media.graph import ffmpeg_argv, media_input, output
from bot.media.limits import MediaLimits
from bot.media.loudness import levels_dbfs
from bot.media.pauses import LEVELS_PER_SECOND, Gap, Gate, best_cut, find_gap

RATE_HZ = 16_000

_SAMPLE_BYTES = 2
_LEVEL_SAMPLES = RATE_HZ // LEVELS_PER_SECOND
_STEP_BYTES = RATE_HZ * _SAMPLE_BYTES
_DAMAGE = (Complaint.CORRUPT, Complaint.TOO_BIG)


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioEnd:
    """The last item of a clip's sound.

    `decoded_seconds` is where it ends on the clip's clock. `is_silent`: there was no chunk. `damaged`: only part
    of it could be decoded, or with errors.
    """

    decoded_seconds: float
    is_silent: bool
    damaged: bool


async def cut_audio(
    file: MediaFile, probe: MediaProbe, limits: MediaLimits
) -> AsyncGenerator[AudioChunk | Silence | AudioEnd]:
    """Decode the chosen stream to 16 kHz mono on the container's clock, and yield it in order, piece by piece.

    Chunks and silences cover the clip from 0 to `decoded_seconds` without a gap or an overlap. Chunks last 5 to
    25 s, less where silence or the clip's end says so. Raises MediaError when nothing can be decoded, ValueError
    when the probe found no sound.
    """
    if probe.audio is None:
        raise ValueError("the clip has no sound")
    source = media_input(file.path, limits)[str(probe.audio.index)]
    mono = source.filter("aformat", sample_fmts="s16", channel_layouts="mono", sample_rates=RATE_HZ)
    # Gaps are filled by timestamp, so that sample n is heard n / RATE_HZ seconds after the clip's beginning. That
    # comes last because ffmpeg fills a gap at once: 80 kB of memory per second here, 300 or more at a higher rate.
    on_clock = mono.filter("aresample", RATE_HZ, **{"async": 1, "first_pts": 0})
    argv = ffmpeg_argv(output(on_clock, format="s16le", t=limits.max_seconds))
    most_bytes = round(limits.max_seconds * RATE_HZ + 1) * _SAMPLE_BYTES
    wall_seconds = limits.decode_wall(probe.duration_seconds)
    cutter = SoundCutter()
    try:
        async with open_child(
            argv, readable=[file.path], limits=limits, wall_seconds=wall_seconds, max_output_bytes=most_bytes
        ) as child:
            while pcm := await child.stdout.read():
                for item in cutter.feed(pcm):
                    yield item
            end = await child.finish()
    except ChildFailed as failure:
        raise _unreadable() from failure
    if not cutter.seconds:
        raise _unreadable()
    for item in cutter.finish():
        yield item
    damaged = end.fault is not None or end.complaint in _DAMAGE
    yield AudioEnd(decoded_seconds=cutter.seconds, is_silent=cutter.is_silent, damaged=damaged)


def _unreadable() -> MediaError:
    return MediaError("media_sound_unreadable", "The sound of this file cannot be read. Convert it to MP3 or WAV.")


class SoundCutter:
    """Cuts 16 kHz mono PCM, fed in any portions, into chunks and silences; holds about half a minute at most."""

    def __init__(self) -> None:
        self._fed = bytearray()
        self._pcm = bytearray()
        self._levels = np.empty(0, np.float32)
        self._gate = Gate()
        self._begin_samples = 0
        self._silent_since_samples: int | None = None
        self.is_silent = True

    @property
    def seconds(self) -> float:
        """How much was fed."""
        return self._begin_samples / RATE_HZ + (len(self._pcm) + len(self._fed)) / _SAMPLE_BYTES / RATE_HZ

    def feed(self, pcm: bytes) -> list[AudioChunk | Silence]:
        """What is certain after this much sound."""
        self._fed += pcm
        items: list[AudioChunk | Silence] = []
        whole = len(self._fed) // _STEP_BYTES * _STEP_BYTES
        for at in range(0, whole, _STEP_BYTES):
            items += self._take(self._fed[at : at + _STEP_BYTES], ended=False)
        del self._fed[:whole]
        return items

    def finish(self) -> list[AudioChunk | Silence]:
        """The rest."""
        rest = self._fed[: len(self._fed) // _SAMPLE_BYTES * _SAMPLE_BYTES]
        self._fed.clear()
        return self._take(rest, ended=True)

    def _take(self, pcm: bytearray, *, ended: bool) -> list[AudioChunk | Silence]:
        levels = levels_dbfs(pcm, _LEVEL_SAMPLES)
        self._gate.hear(levels)
        self._pcm += pcm
        self._levels = np.append(self._levels, levels)
        items: list[AudioChunk | Silence] = []
        while gap := self._find_gap(ended=ended):
            items += self._sound(gap.begin, ended=True)
            if self._silent_since_samples is None:
                self._silent_since_samples = self._begin_samples
            self._drop(gap.end - gap.begin)
            if gap.open:
                return items
            items.append(self._silence(self._silent_since_samples))
            self._silent_since_samples = None
        return items + self._sound(len(self._levels), ended=ended)

    def _find_gap(self, *, ended: bool) -> Gap | None:
        in_silence = self._silent_since_samples is not None
        return find_gap(self._levels, self._gate.dbfs, in_silence=in_silence, ended=ended)

    def _sound(self, count: int, *, ended: bool) -> list[AudioChunk | Silence]:
        """Chunks from the next `count` levels: all of them when a silence or the end follows."""
        chunks: list[AudioChunk | Silence] = []
        while count:
            cut = best_cut(self._levels[:count], ended=ended) or (count if ended else 0)
            if not cut:
                break
            offset_seconds = self._begin_samples / RATE_HZ
            chunks.append(AudioChunk(rate_hz=RATE_HZ, offset_seconds=offset_seconds, pcm=self._drop(cut)))
            self.is_silent = False
            count -= cut
        return chunks

    def _silence(self, since_samples: int) -> Silence:
        return Silence(start_seconds=since_samples / RATE_HZ, end_seconds=self._begin_samples / RATE_HZ)

    def _drop(self, count: int) -> bytes:
        """Let go of the first `count` levels and return their sound; only the very last level can be short."""
        size = min(count * _LEVEL_SAMPLES * _SAMPLE_BYTES, len(self._pcm))
        pcm = bytes(self._pcm[:size])
        del self._pcm[:size]
        self._levels = self._levels[count:]
        self._begin_samples += size // _SAMPLE_BYTES
        return pcm
