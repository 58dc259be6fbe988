"""What of ffmpeg is installed here, for `doctor`."""

import re
from dataclasses import dataclass

from bot.media.child import ChildFailed, run_child
from bot.media.limits import MediaLimits

_WALL_SECONDS = 10.0
_VERSION = re.compile(rb"version (\S+)")
# The first releases of each line without CVE-2026-8461; a newer line has none of it.
_PATCHED = {5: (5, 1, 10), 6: (6, 1, 6), 7: (7, 1, 5), 8: (8, 1, 2)}
_RELEASE = re.compile(r"n?(\d{1,2})\.(\d+)(?:\.(\d+))?(?![\d.])")
_OLDEST_LINE, _NEWEST_LINE = min(_PATCHED), max(_PATCHED)
NEEDED_ENCODERS = ("libopus", "mjpeg", "libmp3lame")
NEEDED_DECODERS = ("h264", "hevc", "vp8", "vp9", "aac", "mp3", "opus", "vorbis", "gif")


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaTools:
    """`version` is None when ffmpeg or ffprobe does not run; the rest names what this build lacks."""

    version: str | None
    missing_encoders: tuple[str, ...] = ()
    missing_decoders: tuple[str, ...] = ()

    @property
    def is_patched(self) -> bool:
        """Whether this release is known to have no CVE-2026-8461. A build that is no release is not known to."""
        told = _RELEASE.match(self.version or "")
        if told is None:
            return False
        release = tuple(int(number or 0) for number in told.groups())
        return release[0] > _NEWEST_LINE or (release[0] >= _OLDEST_LINE and release >= _PATCHED[release[0]])


async def media_tools(limits: MediaLimits) -> MediaTools:
    """Ask ffmpeg and ffprobe themselves, inside the sandbox they always run in."""

    async def ask(*argv: str) -> bytes:
        return await run_child(argv, readable=(), limits=limits, wall_seconds=_WALL_SECONDS)

    try:
        version = _VERSION.search(await ask("ffmpeg", "-version"))
        await ask("ffprobe", "-version")
        encoders = (await ask("ffmpeg", "-hide_banner", "-encoders")).decode().split()
        decoders = (await ask("ffmpeg", "-hide_banner", "-decoders")).decode().split()
    except ChildFailed:
        return MediaTools(version=None)
    return MediaTools(
        version=version.group(1).decode(errors="replace") if version else None,
        missing_encoders=tuple(name for name in NEEDED_ENCODERS if name not in encoders),
        missing_decoders=tuple(name for name in NEEDED_DECODERS if name not in decoders),
    )
