"""Looks at a file as the bot does, and tells how it ended and what it took."""

from dataclasses import dataclass, field
from pathlib import Path

from bot.domain.errors import MediaError
from bot.domain.media import AudioChunk, Frame, MediaProbe
from bot.media.audio import AudioEnd, cut_audio
from bot.media.child import CHILD_ENDED, ChildFault, ChildReport
from bot.media.frames import FramesEnd, sample_frames
from bot.media.intake import open_media
from bot.media.limits import MediaLimits
from bot.media.probe import probe


@dataclass(slots=True)
class Look:
    """What came of a file. `refusal` is what stopped all of it; `lost` what stopped one half."""

    facts: MediaProbe | None = None
    frames: list[Frame] = field(default_factory=list)
    sound_seconds: float = 0.0
    pcm: list[bytes] = field(default_factory=list)
    damaged: bool = False
    refusal: MediaError | None = None
    lost: list[MediaError] = field(default_factory=list)
    children: list[ChildReport] = field(default_factory=list)

    @property
    def peak_bytes(self) -> int:
        return max((report.peak_bytes for report in self.children), default=0)

    @property
    def faults(self) -> set[ChildFault]:
        return {report.fault for report in self.children if report.fault is not None}

    @property
    def word(self) -> str:
        """ "frames", "sound", or the code of the refusal."""
        return self.refusal.code if self.refusal else "frames" if self.frames else "sound"


async def look(path: Path, limits: MediaLimits, *, most_frames: int | None = None) -> Look:
    """Probe it, then take its frames and its sound; one half lost does not cost the other. Anything raised is an error
    of ours."""
    found = Look()
    before = CHILD_ENDED.set(found.children.append)
    try:
        await _look(path, limits, found, most_frames)
    except MediaError as error:
        found.refusal = error
    finally:
        CHILD_ENDED.reset(before)
    return found


async def _look(path: Path, limits: MediaLimits, found: Look, most_frames: int | None) -> None:
    file = await open_media(path, limits)
    facts = found.facts = await probe(file, limits)
    if facts.has_video:
        try:
            async for item in sample_frames(file, facts, limits, max_frames=most_frames):
                if isinstance(item, Frame):
                    found.frames.append(item)
                elif isinstance(item, FramesEnd):
                    found.damaged |= item.damaged
        except MediaError as error:
            found.lost.append(error)
    if facts.has_audio:
        try:
            async for item in cut_audio(file, facts, limits):
                if isinstance(item, AudioChunk):
                    found.pcm.append(item.pcm)
                elif isinstance(item, AudioEnd):
                    found.sound_seconds = item.decoded_seconds
                    found.damaged |= item.damaged
        except MediaError as error:
            found.lost.append(error)
    if not found.frames and not found.sound_seconds:
        raise found.lost[0]
