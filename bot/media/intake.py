"""A path becomes a MediaFile: an ordinary file of an acceptable size, with its digest."""

import asyncio
import hashlib
import os
import stat
from pathlib import Path

from bot.domain.errors import MediaError
from bot.domain.media import MediaFile
from bot.domain.sentence import sentence
from bot.media.limits import MediaLimits


async def open_media(path: Path, limits: MediaLimits) -> MediaFile:
    """Check and digest a file, off the event loop. Raises MediaError."""
    return await asyncio.to_thread(_open, path, limits)


def _open(path: Path, limits: MediaLimits) -> MediaFile:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise MediaError("media_missing", "There is no such file. Check the path and try again.") from error
    except (OSError, ValueError) as error:
        raise MediaError("media_unreadable", "The file cannot be read. Check its permissions.") from error
    try:
        facts = os.fstat(handle)
        _check(facts, limits)
        with os.fdopen(handle, "rb", closefd=False) as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise MediaError("media_unreadable", "The file cannot be read. Copy it again.") from error
    finally:
        os.close(handle)
    _check_name(path.resolve())
    return MediaFile(path=path.resolve(), size_bytes=facts.st_size, sha256=digest)


def _check_name(path: Path) -> None:
    """Tools are given the name as UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise MediaError("media_bad_name", "The file's name is not valid UTF-8. Rename it and try again.") from error


def _check(facts: os.stat_result, limits: MediaLimits) -> None:
    if stat.S_ISDIR(facts.st_mode):
        raise MediaError("media_not_a_file", "That is a folder. Give one video, sound or picture file in it.")
    if not stat.S_ISREG(facts.st_mode):
        raise MediaError("media_not_a_file", "That is not an ordinary file. Save the clip to a file first.")
    if facts.st_size == 0:
        raise MediaError("media_empty", "The file is empty. Send it again, or export it again.")
    if facts.st_size > limits.max_bytes:
        most = limits.max_bytes / 2**20
        raise MediaError(
            "media_too_large",
            sentence("The file is larger than {most:g} MiB. Send a shorter or smaller one.", most=most),
        )
