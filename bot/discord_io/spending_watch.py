"""Tells whoever runs the bot how far the money is spent: once at a half, at four fifths, and at the end."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from bot.domain.errors import BotError
from bot.domain.money import Allowance, CapKind
from bot.domain.quote import dollars
from bot.domain.sentence import Sentence, sentence

log = logging.getLogger(__name__)

PERCENTS = (50, 80, 100)
_EVERY_SECONDS = 30.0


class Sums(Protocol):
    """Who keeps count."""

    async def passed(self, percents: Sequence[int]) -> tuple[tuple[Allowance, int], ...]:
        """Of the caps of the day and of all, those that reached one of these parts since this was asked last."""
        ...

    async def clear(self) -> int:
        """Close what processes that are gone left open."""
        ...


class SpendingWatch:
    """`tell` takes a key, under which the same is not told twice in an hour, and what is to be said. What was told is
    remembered by the sums, so that a restart tells nothing twice."""

    def __init__(self, sums: Sums, tell: Callable[[str, Sentence], None]) -> None:
        self._sums = sums
        self._tell = tell

    async def run(self) -> None:
        """Look now and then, for as long as the bot runs."""
        while True:
            try:
                await self.look()
            except BotError as error:
                log.warning("what was spent could not be looked at: %s", error.code)
            await asyncio.sleep(_EVERY_SECONDS)

    async def look(self) -> None:
        """Tell of what was reached since the last time. Raises MemoryFault."""
        await self._sums.clear()
        for allowance, percent in await self._sums.passed(PERCENTS):
            log.warning("%d %% of the money is spent: %s", percent, allowance.kind)
            self._tell(f"budget {allowance.kind} {percent}", _told(allowance, percent))


def _told(allowance: Allowance, percent: int) -> Sentence:
    spent, most = dollars(allowance.spent_usd), dollars(allowance.cap_usd or 0.0)
    is_day = allowance.kind is CapKind.DAY
    if percent < max(PERCENTS):
        template = (
            sentence("{percent} % of what I may spend today is spent: {spent} of {most}.", **_of(percent, spent, most))
            if is_day
            else sentence(
                "{percent} % of all that I may spend is spent: {spent} of {most}.", **_of(percent, spent, most)
            )
        )
        return sentence("{what} /usage tells on what.", what=template)
    if is_day:
        return sentence(
            "All I may spend today is spent: {spent} of {most}. Until midnight UTC I refuse what costs money; "
            "budget.day_usd is the limit.",
            spent=spent,
            most=most,
        )
    return sentence(
        "All I may ever spend is spent: {spent} of {most}. I refuse what costs money until budget.total_usd is raised.",
        spent=spent,
        most=most,
    )


def _of(percent: int, spent: str, most: str) -> dict[str, object]:
    return {"percent": percent, "spent": spent, "most": most}
