"""Whether files of strangers may be opened on this machine, asked once at the start."""

import logging

from bot.domain.errors import MediaError
from bot.domain.sentence import sentence
from bot.media.limits import MediaLimits
from bot.media.sandbox import available_layers
from bot.media.tools import media_tools

_log = logging.getLogger(__name__)


async def check_readiness(limits: MediaLimits, *, require_patched_ffmpeg: bool) -> None:
    """Raise MediaError where what the settings require is missing; what is merely weaker is a line in the log."""
    landlock, seccomp = available_layers()
    missing = [name for name, there in (("Landlock", landlock), ("seccomp", seccomp)) if not there]
    if missing and limits.sandbox == "required":
        raise MediaError(
            "media_sandbox_missing",
            sentence(
                "This system lacks {layers}, and the sandbox is required. Update its kernel, or set "
                "media.sandbox to best-effort.",
                layers=", ".join(missing),
            ),
        )
    tools = await media_tools(limits)
    if require_patched_ffmpeg and tools.version is None:
        raise MediaError("media_tool_missing", "ffmpeg is not installed here. Install it, then run the doctor command.")
    if require_patched_ffmpeg and not tools.is_patched:
        raise MediaError(
            "media_tool_unpatched",
            sentence(
                "ffmpeg {version} is not known to be free of CVE-2026-8461. Install 7.1.5 or newer (6.1.6 or 5.1.10 "
                "of the older lines), or set media.require_patched_ffmpeg to false.",
                version=tools.version or "",
            ),
        )
    if missing:
        _log.warning("the sandbox of media files lacks %s", ", ".join(missing))
    if tools.version is None:
        _log.warning("ffmpeg and ffprobe do not run here, so no clip can be opened")
    elif not tools.is_patched:
        _log.warning("ffmpeg %s is not known to be free of CVE-2026-8461; use 7.1.5 or newer", tools.version)
