"""What ffmpeg said of a clip, said again for the same clip and the same question within one process of tests.

For journeys in which a clip is an occasion and not the point; the first time it is the real ffmpeg that speaks. What a
child that is ended halfway said, or one that failed, is not kept.
"""

import asyncio
import hashlib
import importlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.media.child import ChildEnd, ChildPipe, open_child, run_child

_LOOKS = ("audio", "frames", "picture", "probe", "walk", "window")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    pipes: tuple[bytes, ...]
    end: ChildEnd


_said: dict[tuple[str, ...], _Said] = {}
_encoded: dict[tuple[tuple[str, ...], bytes], bytes] = {}


def remember(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on, until the test ends."""
    for name in _LOOKS:
        monkeypatch.setattr(importlib.import_module(f"bot.media.{name}"), "open_child", _opened)
    monkeypatch.setattr("bot.media.encode.run_child", _ran)


@asynccontextmanager
async def _opened(argv: Sequence[str], *, readable: Sequence[Path], **options: Any) -> AsyncGenerator[Any]:
    asked = (*await asyncio.to_thread(_asked, argv, readable), repr(sorted(options.items())))
    if (said := _said.get(asked)) is not None:
        yield _Again(said)
        return
    async with open_child(argv, readable=readable, **options) as child:
        heard = [_Heard(pipe) for pipe in (child.stdout, *child.pipes)]
        listened = _Listened(child, heard)
        yield listened
        if listened.end is None and all(pipe.has_ended for pipe in heard):
            await listened.finish()
        if listened.end is not None and listened.end.fault is None:
            _said[asked] = _Said(pipes=tuple(b"".join(pipe.pieces) for pipe in heard), end=listened.end)


async def _ran(argv: Sequence[str], *, stdin: bytes, **options: Any) -> bytes:
    asked = tuple(argv), hashlib.sha256(stdin).digest()
    if asked not in _encoded:
        _encoded[asked] = await run_child(argv, stdin=stdin, **options)
    return _encoded[asked]


def _asked(argv: Sequence[str], readable: Sequence[Path]) -> tuple[str, ...]:
    """The command, with what is in a file instead of where it lies."""
    words = list(argv)
    for path in readable:
        if path.is_file() and any(str(path) in word for word in words):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            words = [word.replace(str(path), content) for word in words]
    return tuple(words)


class _Heard:
    """A pipe of a child that runs, and what was read from it."""

    def __init__(self, pipe: ChildPipe) -> None:
        self._pipe = pipe
        self.pieces: list[bytes] = []
        self.has_ended = False

    def __getattr__(self, name: str) -> Any:
        read = getattr(self._pipe, name)

        async def reading(*size: int) -> bytes:
            piece = await read(*size)
            self.pieces.append(piece)
            self.has_ended = not piece or name == "read_all"
            return piece

        return reading


class _Listened:
    """A child that runs, heard by us as well."""

    def __init__(self, child: Any, heard: list[_Heard]) -> None:
        self.stdout, *self.pipes = heard
        self.end: ChildEnd | None = None
        self._child = child

    async def finish(self) -> ChildEnd:
        self.end = await self._child.finish()
        return self.end


class _Again:
    """What such a child said."""

    def __init__(self, said: _Said) -> None:
        self.stdout, *self.pipes = [_pipe(data) for data in said.pipes]
        self._end = said.end

    async def finish(self) -> ChildEnd:
        return self._end


def _pipe(data: bytes) -> ChildPipe:
    reader = asyncio.StreamReader(limit=2**18)
    reader.feed_data(data)
    reader.feed_eof()
    return ChildPipe(reader, len(data))
