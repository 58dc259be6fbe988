"""Short remarks between answers: that it will take a moment, that something failed. Any speech cuts them."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from itertools import count

from bot.domain.answer import Usage
from bot.domain.errors import ProviderError
from bot.domain.money import paying
from bot.pipeline.speaking import voiced
from bot.services.voice.means import Means
from bot.services.voice.place import Place
from bot.services.voice.voicing import slices
from bot.tasks import Tasks
from bot.voice.player import Player

log = logging.getLogger(__name__)

_REMARKS_KEPT = 8
_LONGEST_REMARK = 300
_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.1


class Remarks:
    """Of one conversation; also numbers the generations of everything it says. `may_speak`: nobody talks, and no
    answer is being heard."""

    def __init__(
        self,
        means: Means,
        place: Place,
        player: Player,
        *,
        wake: Callable[[], None],
        may_speak: Callable[[], bool],
        used: Callable[[list[Usage]], None],
    ) -> None:
        self._means = means
        self._place = place
        self._player = player
        self._wake = wake
        self._may_speak = may_speak
        self._used = used
        self._numbers = count(1)
        self._generation: int | None = None
        self._frames: dict[str, list[bytes]] = {}
        self._tasks = Tasks()
        self._saying: asyncio.Task[None] | None = None

    def next_generation(self) -> int:
        """What is said from now on; what was being said is not any more."""
        self.cut()
        return next(self._numbers)

    def say(self, text: str, *, while_waiting: Callable[[], bool] = lambda: True) -> None:
        """As soon as nobody talks, unless that takes too long or `while_waiting` ends."""
        self.cut()
        with paying(self._place.account()):
            self._saying = self._tasks.spawn(self._say(text[:_LONGEST_REMARK], while_waiting), name="a remark")

    def cut(self) -> bool:
        """Say no more of it; True when something was being said."""
        if self._saying is not None:
            self._saying.cancel()
            self._saying = None
        generation, self._generation = self._generation, None
        if generation is None:
            return False
        played = self._player.played(generation)
        self._player.drop(generation)
        return played is not None and not played.is_complete

    async def aclose(self) -> None:
        self.cut()
        await self._tasks.finish(0.0)

    async def _say(self, text: str, while_waiting: Callable[[], bool]) -> None:
        frames = self._frames.get(text) or await self._voiced(text)
        if not frames:
            return
        waited = 0.0
        while not self._may_speak():
            if waited >= _PATIENCE_SECONDS:
                return
            await asyncio.sleep(_LOOK_SECONDS)
            waited += _LOOK_SECONDS
        if while_waiting():
            self._saying = None
            self._generation = generation = next(self._numbers)
            self._player.begin(generation)
            self._player.add(generation, 0, frames)
            self._player.end(generation)
            self._wake()

    async def _voiced(self, text: str) -> list[bytes]:
        crew = self._place.crew
        encoder = self._means.encoder()
        frames: list[bytes] = []
        try:
            pieces = voiced(crew, text, occasion=self._place.occasion(), used=self._used, noticed=lambda _notice: None)
            async with aclosing(pieces) as sound:
                async for chunk in sound:
                    for piece in slices(chunk):
                        frames += encoder.add(piece)
                        await asyncio.sleep(0)
            frames += encoder.end()
        except ProviderError as error:
            log.warning("a remark was not spoken: %s", error.code)
            return []
        finally:
            encoder.close()
        self._frames[text] = frames
        while len(self._frames) > _REMARKS_KEPT:
            del self._frames[next(iter(self._frames))]
        return frames
