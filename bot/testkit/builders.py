"""What hooks are given, made for tests: timelines, pictures, sound, clips."""

import wave
from collections.abc import Sequence
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Self

from PIL import Image

from bot.domain.media import AudioChunk, Frame, FrameReason
from bot.domain.timeline import Moment, MomentKind, Notice, NoticeCode, Timeline
from bot.testkit.clouds import tone

COLOURS = ("red", "green", "blue", "yellow", "black", "white")
_FRAMES_PER_SECOND = 5
_RATE_HZ = 16_000


class TimelineBuilder:
    """Moments in any order, in seconds; `build` puts them in order."""

    def __init__(self, duration_seconds: float) -> None:
        self._duration_seconds = duration_seconds
        self._moments: list[Moment] = []
        self._notices: list[Notice] = []

    def seen(self, start: float, end: float, text: str) -> Self:
        return self._with(MomentKind.SEEN, start, end, text)

    def text(self, start: float, end: float, text: str) -> Self:
        """Read on the screen."""
        return self._with(MomentKind.TEXT, start, end, text)

    def heard(self, start: float, end: float, text: str, *, speaker: str | None = None) -> Self:
        return self._with(MomentKind.HEARD, start, end, text, speaker)

    def tone(self, start: float, end: float, text: str) -> Self:
        """How somebody speaks."""
        return self._with(MomentKind.TONE, start, end, text)

    def sound(self, start: float, end: float, text: str) -> Self:
        """What is heard besides speech."""
        return self._with(MomentKind.SOUND, start, end, text)

    def silence(self, start: float, end: float) -> Self:
        return self._with(MomentKind.SILENCE, start, end)

    def cut(self, at: float) -> Self:
        return self._with(MomentKind.CUT, at, at)

    def notice(self, code: NoticeCode, public: str) -> Self:
        self._notices.append(Notice(code=code, public=public))
        return self

    def build(self) -> Timeline:
        empty = Timeline(duration_seconds=self._duration_seconds, notices=tuple(self._notices))
        return empty.plus(self._moments)

    def _with(self, kind: MomentKind, start: float, end: float, text: str = "", speaker: str | None = None) -> Self:
        moment = Moment(kind=kind, start_seconds=start, end_seconds=end, text=text, speaker=speaker)
        self._moments.append(moment)
        return self


def frames_of(count: int, *, every_seconds: float, size: tuple[int, int]) -> tuple[Frame, ...]:
    """Stills of one colour each."""
    return tuple(
        Frame(
            at_seconds=number * every_seconds,
            since_seconds=number * every_seconds,
            width=size[0],
            height=size[1],
            reason=FrameReason.CHANGE if number else FrameReason.FIRST,
            novelty=1.0,
            jpeg=_jpeg(Image.new("RGB", size, colour)),
        )
        for number, colour in enumerate(islice(cycle(COLOURS), count))
    )


def sound_of(seconds: float, *, hz: float, offset_seconds: float) -> AudioChunk:
    """16 kHz mono, as clips are heard."""
    return tone(seconds, hz=hz, rate_hz=_RATE_HZ, offset_seconds=offset_seconds)


def picture_clip(path: Path, colours: Sequence[str], *, seconds_each: float) -> Path:
    """An animated GIF: each colour for so long."""
    pictures = [
        Image.new("RGB", (320, 180), colour)
        for colour in colours
        for _ in range(max(1, round(seconds_each * _FRAMES_PER_SECOND)))
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    delay_ms = 1000 // _FRAMES_PER_SECOND
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=delay_ms, disposal=1)
    return path


def sound_clip(path: Path, chunk: AudioChunk) -> Path:
    """A WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as written:
        written.setnchannels(1)
        written.setsampwidth(2)
        written.setframerate(chunk.rate_hz)
        written.writeframes(chunk.pcm)
    return path


def _jpeg(picture: Image.Image) -> bytes:
    written = BytesIO()
    picture.save(written, "JPEG")
    return written.getvalue()
