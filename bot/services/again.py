"""A clip that is understood, for an answer that may have parts of it examined again."""

from contextlib import ExitStack
from typing import Protocol

from bot.domain.conversation import ClipRef, MediaSource
from bot.domain.errors import MediaError
from bot.domain.media import MediaFile, MediaProbe
from bot.domain.understanding import Look
from bot.pipeline.run import Run


class Opener(Protocol):
    """Opens a clip for as long as `stack` is."""

    async def __call__(
        self, step: Run, source: MediaSource, stack: ExitStack, sha256: str | None = None
    ) -> tuple[MediaFile, MediaProbe]: ...


class Again:
    """Opened at most once within one answer; `recipe` is what another look depends on, `looks` what was found."""

    def __init__(self, opener: Opener, step: Run, ref: ClipRef, recipe: str, stack: ExitStack) -> None:
        self._opener = opener
        self._step = step
        self._stack = stack
        self._opened: tuple[MediaFile, MediaProbe] | None = None
        self.ref = ref
        self.recipe = recipe
        self.looks: list[Look] = []

    async def open(self) -> tuple[MediaFile, MediaProbe]:
        """Raises MediaError, also when the file is another one by now."""
        if self._opened is None:
            file, facts = await self._opener(self._step, self.ref.source, self._stack, self.ref.sha256)
            if file.sha256 != self.ref.sha256:
                raise MediaError("media_changed", "The file of that clip is another one now. Post the clip again.")
            self._opened = file, facts
        return self._opened
