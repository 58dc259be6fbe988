"""The models that are configured: which of them are offered, which will end, and who is told in time."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import cast

from bot.domain.clock import utc_now
from bot.domain.role import Role
from bot.domain.sentence import Sentence, sentence

log = logging.getLogger(__name__)

TOLD_BEFORE_DAYS = (60, 30, 14, 7, 3, 1, 0)
"""The operator is told when so many days are left, once each."""

_DAY_SECONDS = 86_400.0
_AGAIN_SECONDS = 900.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInUse:
    """One configured model. `is_offered` None: its server did not say. `ends_on` None: no end is announced."""

    role: Role
    server: str
    model: str
    is_offered: bool | None = None
    ends_on: date | None = None

    def days_left(self, today: date) -> int | None:
        """Until it ends; negative when it has."""
        return None if self.ends_on is None else (self.ends_on - today).days


Look = Callable[[], Awaitable[tuple[ModelInUse, ...]]]


def _today() -> date:
    return utc_now().date()


class ModelWatch:
    """Looks at the start and once a day. `tell` is given a key that is the same for the same news, and what to say;
    what was told is kept in `folder`, so that a restart does not repeat it."""

    def __init__(
        self,
        look: Look,
        *,
        folder: Path,
        tell: Callable[[str, Sentence], None] = lambda _key, _said: None,
        today: Callable[[], date] = _today,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._look = look
        self._path = folder / "models-told.json"
        self._tell = tell
        self._today = today
        self._sleep = sleep
        self.models: tuple[ModelInUse, ...] = ()

    async def watch(self) -> None:
        """For as long as the bot runs."""
        while True:
            await self.look()
            is_complete = all(model.is_offered is not None for model in self.models)
            await self._sleep(_DAY_SECONDS if is_complete else _AGAIN_SECONDS)

    async def look(self) -> None:
        """Now; whoever runs the bot is told what is new."""
        self.models = await self._look()
        news = dict(_news(self.models, self._today()))
        told = self._told()
        for key, (step, said) in news.items():
            if key not in told or step < told[key]:
                log.warning("%s", said)
                self._tell(key, said)
        if (now := {key: step for key, (step, _) in news.items()}) != told:
            self._keep(now)

    def _told(self) -> dict[str, int]:
        try:
            kept = cast("dict[str, int]", json.loads(self._path.read_text(encoding="utf-8")))
            return {str(key): int(step) for key, step in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _keep(self, told: dict[str, int]) -> None:
        try:
            self._path.write_text(json.dumps(told), encoding="utf-8")
        except OSError as error:
            log.warning("what was told of models could not be kept: %s", type(error).__name__)


def _news(models: Iterable[ModelInUse], today: date) -> Iterable[tuple[str, tuple[int, Sentence]]]:
    """A key per role and model, the step it is at (the smaller the more urgent), and the words for it."""
    for model in models:
        key = f"{model.role}/{model.model}"
        values = {"role": model.role.value, "model": model.model, "server": model.server}
        days = model.days_left(today)
        if model.is_offered is False:
            said = sentence(
                "The model {model} for {role} is not offered by {server}. The next one in the list does its work; "
                "choose another in the settings.",
                **values,
            )
            yield key, (-1, said)
        elif days is not None and days <= TOLD_BEFORE_DAYS[0]:
            step = min(step for step in TOLD_BEFORE_DAYS if days <= step)
            said = sentence(
                "The model {model} for {role} ends on {day}. Choose another in the settings before that; until then "
                "nothing changes, and afterwards the next one in the list does its work.",
                day=cast("date", model.ends_on).isoformat(),
                **values,
            )
            yield key, (step, said)


def ends_within(models: Iterable[ModelInUse], today: date, days: int) -> tuple[ModelInUse, ...]:
    """Those that end that soon."""
    limit = today + timedelta(days=days)
    return tuple(model for model in models if model.ends_on is not None and model.ends_on <= limit)
