"""Captions from what can be read and measured on this machine: text on screen, brightness, colours, change."""

import asyncio
import io
import logging
import os
from collections.abc import Sequence

from PIL import Image, UnidentifiedImageError

from bot.domain.errors import ProviderError
from bot.domain.media import Frame
from bot.domain.role import Role
from bot.domain.timeline import Caption
from bot.providers.base import CaptionBatch, CaptionRequest
from bot.providers.offline.free import free
from bot.providers.offline.picture import Change, Look, compare, describe, look, same_text
from bot.providers.offline.process import TESSERACT
from bot.providers.offline.reading import installed_languages, language_missing, read_text

_log = logging.getLogger(__name__)

MODEL = "tesseract"
_DEFAULT_LANGUAGES = ("eng", "chi_sim")
_MOVEMENT = {Change.LITTLE: " A little movement.", Change.MUCH: " Much movement."}


class OfflineCaptioner:
    """A Captioner. `languages` are Tesseract's names, of which the installed ones are used; None: English, and
    Chinese where it is installed. At most `workers` frames are worked on at a time, whatever the number of
    requests; None: one per core."""

    def __init__(self, *, languages: Sequence[str] | None = None, workers: int | None = None) -> None:
        self._wanted = tuple(_DEFAULT_LANGUAGES if languages is None else languages)
        self._languages: tuple[str, ...] = ()
        self._gate = asyncio.Semaphore(workers or os.cpu_count() or 1)

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        """Captions without words for frames that show the same as the one before; no caption for a frame that
        could not be read. Raises ProviderError MISSING_TOOL without Tesseract or its languages."""
        if not self._languages:
            self._languages = await self._choose_languages()
        looks = [await self._open(frame) for frame in request.frames]
        texts = await self._read_all(looks)
        captions: list[Caption] = []
        before: Look | None = None
        for frame, seen, text in zip(request.frames, looks, texts, strict=True):
            if seen is not None and text is not None:
                captions.append(
                    Caption(
                        at_seconds=frame.at_seconds,
                        since_seconds=frame.since_seconds,
                        text=_sentence(before, seen),
                        text_on_screen=text or None,
                    )
                )
            before = seen
        usage = free(Role.CAPTIONS, MODEL, requests=len(request.frames))
        return CaptionBatch(captions=tuple(captions), usages=(usage,))

    async def _choose_languages(self) -> tuple[str, ...]:
        if TESSERACT.path() is None:
            raise TESSERACT.missing()
        installed = await installed_languages()
        languages = tuple(language for language in self._wanted if language in installed)
        if not languages:
            raise language_missing(self._wanted[0])
        return languages

    async def _open(self, frame: Frame) -> Look | None:
        """None for a frame that cannot be decoded."""
        async with self._gate:
            try:
                return await asyncio.to_thread(_decode, frame.jpeg)
            except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError):
                return None

    async def _read_all(self, looks: Sequence[Look | None]) -> list[str | None]:
        """Text per frame, None where it could not be read. Frames with the same text are read once."""
        async with asyncio.TaskGroup() as group:  # its tasks raise nothing of their own
            readings: list[asyncio.Task[str | None] | None] = []
            before: Look | None = None
            for seen in looks:
                if seen is None:
                    readings.append(None)
                elif before is not None and readings and same_text(before, seen):
                    readings.append(readings[-1])
                else:
                    readings.append(group.create_task(self._read(seen)))
                before = seen
        return [None if reading is None else reading.result() for reading in readings]

    async def _read(self, seen: Look) -> str | None:
        async with self._gate:
            try:
                return await read_text(seen.grey, self._languages)
            except ProviderError as error:
                _log.warning("a frame could not be read: %s", error.code)
                return None


def _decode(jpeg: bytes) -> Look:
    with Image.open(io.BytesIO(jpeg), formats=("JPEG", "PNG")) as image:
        return look(image.convert("RGB"))


def _sentence(before: Look | None, seen: Look) -> str:
    """What the picture looks like; empty when it looks as before."""
    change = Change.OTHER if before is None else compare(before, seen)
    if change is Change.NONE:
        return ""
    return describe(seen) + _MOVEMENT.get(change, "")
