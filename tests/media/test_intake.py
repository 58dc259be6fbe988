"""A path becomes a MediaFile, or a sentence that says why not."""

import hashlib
import os

import pytest

from bot.domain.errors import MediaError
from bot.media.intake import open_media
from bot.media.limits import MediaLimits

_LIMITS = MediaLimits()


async def code(path, limits=_LIMITS) -> str:
    with pytest.raises(MediaError) as caught:
        await open_media(path, limits)
    assert caught.value.public.endswith(".")
    assert str(path) not in caught.value.public
    return caught.value.code


async def test_size_and_digest(tmp_path, limits):
    path = tmp_path / "clip"
    path.write_bytes(b"content")
    file = await open_media(path, limits)
    assert (file.size_bytes, file.sha256) == (7, hashlib.sha256(b"content").hexdigest())
    assert "clip" not in repr(file)


async def test_each_refusal_has_its_code(tmp_path):
    empty = tmp_path / "empty"
    empty.touch()
    large = tmp_path / "large"
    large.write_bytes(bytes(11))
    assert await code(tmp_path / "nothing") == "media_missing"
    assert await code(tmp_path) == "media_not_a_file"
    assert await code(empty) == "media_empty"
    assert await code(large, MediaLimits(max_bytes=10)) == "media_too_large"
    assert await code(tmp_path / "a\0b") == "media_unreadable"


async def test_a_pipe_does_not_hang(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    assert await code(fifo) == "media_not_a_file"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
async def test_a_forbidden_file(tmp_path):
    path = tmp_path / "clip"
    path.write_bytes(b"content")
    path.chmod(0)
    assert await code(path) == "media_unreadable"
