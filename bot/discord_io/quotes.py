"""What a question costs, asked of whoever posed it before anything is paid: go on, with less, or not at all."""

import asyncio
import math

import discord

from bot.discord_io.buttons import Action, JobButton
from bot.discord_io.surface import Surface
from bot.domain.ask import Ask
from bot.domain.errors import BotError
from bot.domain.quote import Consent, Quote, dollars
from bot.locales import Catalogue

WAITS_SECONDS = 120.0


class Quotes:
    """Questions that wait for their asker to agree. They hold no place in the turnstile meanwhile."""

    def __init__(self, *, seconds: float = WAITS_SECONDS) -> None:
        self._seconds = seconds
        self._waiting: dict[str, asyncio.Future[Consent]] = {}
        self._is_closing = False

    def close(self) -> None:
        """Whoever waits is cancelled, so that the next process asks again."""
        self._is_closing = True
        for decision in self._waiting.values():
            decision.cancel()

    def waits_for(self, job_id: str) -> bool:
        """Whether an answer about this would be heard."""
        return job_id in self._waiting

    async def agreed(self, ask: Ask, quote: Quote, surface: Surface, words: Catalogue) -> Consent:
        """Ask in the message of the job. Raises BotError when nobody answers in time, and DeliveryError."""
        decision: asyncio.Future[Consent] = asyncio.get_running_loop().create_future()
        if self._is_closing:
            decision.cancel()
        self._waiting[ask.job_id] = decision
        try:
            await surface.show(quote_text(quote, words), view=quote_view(ask.job_id, quote, words))
            async with asyncio.timeout(self._seconds):
                return await decision
        except TimeoutError as error:
            raise BotError(
                "not_agreed_in_time",
                "Nobody agreed to the cost within two minutes, so nothing was spent. Ask again if you still want it.",
            ) from error
        finally:
            self._waiting.pop(ask.job_id, None)

    def decide(self, job_id: str, consent: Consent) -> None:
        """Raises BotError where nothing waits for this."""
        decision = self._waiting.get(job_id)
        if decision is None:
            raise BotError("not_waiting", "This is decided already.")
        if not decision.done():
            decision.set_result(consent)


def quote_text(quote: Quote, words: Catalogue) -> str:
    """The price, what it is for, and how long it may be thought over."""
    parts: list[str] = []
    if quote.sound_seconds > 0:
        parts.append(words("{n} min of sound", n=math.ceil(quote.sound_seconds / 60)))
    if quote.frames > 0:
        parts.append(words.plural("{n} frame", "{n} frames", quote.frames))
    what = f" ({', '.join(parts)})" if parts else ""
    asked = words("This will cost about {cost}{what}. Shall I go on?", cost=dollars(quote.cost_usd), what=what)
    patience = words("Only the person who asked can say so. Without an answer within two minutes nothing is spent.")
    return f"💰 {asked}\n-# {patience}"


def quote_view(job_id: str, quote: Quote, words: Catalogue) -> discord.ui.View:
    """Its buttons; the one for less where that is much cheaper."""
    view = discord.ui.View(timeout=None)
    view.add_item(JobButton(Action.AGREE, job_id, label=words("Go on"), style=discord.ButtonStyle.success))
    if quote.less_usd is not None:
        label = words("Fewer frames, about {cost}", cost=dollars(quote.less_usd))
        view.add_item(JobButton(Action.LESS, job_id, label=label))
    view.add_item(JobButton(Action.CANCEL, job_id, label=words("Cancel"), emoji="✖️"))
    return view
