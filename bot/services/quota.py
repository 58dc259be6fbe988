"""Whether a question can be paid: how much of its clips is looked at for that, and whether the asker has to agree."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Protocol, Self

from bot.domain.errors import BotError, BudgetError, MemoryFault
from bot.domain.money import PAYING, Account, Allowance, CapKind
from bot.domain.quote import Consent, Quote, dollars
from bot.domain.sentence import Sentence, sentence
from bot.pipeline.crew import Crew
from bot.pipeline.degrade import FULL, Choice, Plan, Unseen, choose

log = logging.getLogger(__name__)

_WORTH_SAVING = 0.8
_TRIES = 3


class Budget(Protocol):
    """What may be spent, as the ledger knows it."""

    async def allowances(self, account: Account) -> tuple[Allowance, ...]:
        """The caps that hold for an account, the narrowest first."""
        ...

    async def room_usd(self, account: Account) -> float | None:
        """What may still be spent, what is held back for the account's job included; None: no bound."""
        ...

    async def hold(self, account: Account, usd: float) -> None:
        """Hold back what a whole job may cost. Raises BudgetError."""
        ...

    async def let_go(self, job_id: str) -> None:
        """What is still held back for a job is free again."""
        ...


class LateBudget:
    """A Budget that is opened when something is about to cost money. `open_budget` may raise MemoryFault."""

    def __init__(self, open_budget: Callable[[], Awaitable[Budget]]) -> None:
        self._open_budget = open_budget

    async def allowances(self, account: Account) -> tuple[Allowance, ...]:
        return await (await self._open_budget()).allowances(account)

    async def room_usd(self, account: Account) -> float | None:
        return await (await self._open_budget()).room_usd(account)

    async def hold(self, account: Account, usd: float) -> None:
        await (await self._open_budget()).hold(account, usd)

    async def let_go(self, job_id: str) -> None:
        await (await self._open_budget()).let_go(job_id)


class UnagreedError(BotError):
    """Nothing was paid yet: the person has to agree to the `quote` first."""

    def __init__(self, quote: Quote) -> None:
        super().__init__("not_agreed", "This costs more than is spent without asking. Ask again and agree to it.")
        self.quote = quote


class Spending:
    """What one question may spend on its clips. It takes a `seat` for each of them, and decides for all at once, when
    each has said what of it is unseen or that nothing is. `most_usd`: no more than this, whatever the budget says.

    Used with `async with`: what was held back and not spent is free again at its end.
    """

    def __init__(
        self,
        crew: Crew,
        budget: Budget | None,
        *,
        seats: int = 1,
        answers: bool = True,
        speaks: bool = False,
        consent: Consent = Consent.AGREED,
        confirm_usd: float = 0.0,
        most_usd: float | None = None,
    ) -> None:
        self._crew = crew
        self._budget = budget
        self._answers = answers
        self._speaks = speaks
        self._consent = consent
        self._confirm_usd = confirm_usd
        self._most_usd = most_usd
        self._account = PAYING.get()
        self._open = seats
        self._unseen: list[Unseen] = []
        self._all_told = asyncio.Event()
        self._deciding = asyncio.Lock()
        self._decided: Choice | BotError | None = None
        self._may_hold = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._budget is None or not self._may_hold:
            return
        try:
            await self._budget.let_go(self._account.job_id)
        except MemoryFault as fault:  # it is let go in a quarter of an hour; the answer is there now
            log.warning("job %s: what was held back for it stays so for now: %s", self._account.job_id, fault.code)

    @property
    def choice(self) -> Choice | None:
        """What was decided; None: nothing had to be."""
        return self._decided if isinstance(self._decided, Choice) else None

    def seat(self) -> "Seat":
        """For one clip, to be left in any case."""
        return Seat(self)

    def told(self, unseen: Unseen | None) -> int:
        """By a seat: what of its clip costs something, None: nothing; gives its place among those that do."""
        self._open -= 1
        if unseen is not None:
            self._unseen.append(unseen)
        if self._open <= 0:
            self._all_told.set()
        return len(self._unseen) - 1

    async def decided(self, place: int) -> Plan:
        """What is done with the clip in this place, when all seats have told. Raises as Seat.plan does."""
        await self._all_told.wait()
        async with self._deciding:
            if self._decided is None:
                try:
                    self._decided = await self._decide()
                except BotError as error:
                    self._decided = error
        if isinstance(self._decided, BotError):
            raise self._decided
        return self._decided.plans[place]

    async def _decide(self, tries: int = _TRIES) -> Choice:
        """Raises UnagreedError and BudgetError."""
        free = self._choose(None)
        if not free.estimate.known_usd:
            return free
        room_usd = await self._room_usd()
        choice = self._choose(room_usd)
        if not choice.fits:
            raise await self._refusal(choice, room_usd or 0.0)
        if self._consent is Consent.UNASKED and 0 < self._confirm_usd < choice.estimate.known_usd:
            raise UnagreedError(self._quote(choice))
        if self._consent is Consent.LESS:
            choice = replace(self._choose(_least_of(room_usd, self._confirm_usd)), fits=True)
        if await self._is_held(choice.estimate.known_usd):
            log.info("job %s: about %s", self._account.job_id, dollars(choice.estimate.known_usd))
            return choice
        if tries > 1:
            return await self._decide(tries - 1)
        raise await self._refusal(choice, await self._room_usd() or 0.0)

    def _choose(self, room_usd: float | None) -> Choice:
        return choose(self._crew, self._unseen, room_usd=room_usd, answers=self._answers, speaks=self._speaks)

    async def _room_usd(self) -> float | None:
        room_usd = None if self._budget is None else await self._budget.room_usd(self._account)
        return _least_of(room_usd, self._most_usd)

    async def _is_held(self, cost_usd: float) -> bool:
        """False: others were faster, there is less by now."""
        if self._budget is None or not self._account.job_id:
            return True
        self._may_hold = True
        try:
            await self._budget.hold(self._account, cost_usd)
        except BudgetError:
            return False
        return True

    def _quote(self, choice: Choice) -> Quote:
        estimate = choice.estimate
        less = self._choose(self._confirm_usd).estimate.known_usd
        return Quote(
            cost_usd=estimate.known_usd,
            sound_seconds=estimate.audio_seconds,
            frames=estimate.frames,
            less_usd=less if less <= _WORTH_SAVING * estimate.known_usd else None,
        )

    async def _refusal(self, choice: Choice, room_usd: float) -> BudgetError:
        allowances = () if self._budget is None else await self._budget.allowances(self._account)
        bounds = [(room, one) for one in allowances if (room := one.room_usd) is not None]
        narrowest = min(bounds, key=lambda bound: bound[0])[1] if bounds else None
        cost_usd = choice.estimate.known_usd
        if narrowest is None or (self._most_usd is not None and room_usd >= self._most_usd):
            said = sentence(
                "At the least this would cost about {cost}, and no more than {left} may be spent on it. Allow more, or "
                "take a shorter clip.",
                cost=dollars(cost_usd),
                left=dollars(room_usd),
            )
            return BudgetError("estimate_above_limit", said)
        said = _above(narrowest, cost_usd, room_usd)
        return BudgetError("estimate_above_budget", said, resets_at=narrowest.resets_at)


class Seat:
    """One clip's part in a decision."""

    def __init__(self, spending: Spending) -> None:
        self._spending = spending
        self._has_told = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.skip()

    def skip(self) -> None:
        """Nothing of the clip costs anything, or it cannot be used."""
        if not self._has_told:
            self._has_told = True
            self._spending.told(None)

    async def plan(self, unseen: Unseen) -> Plan:
        """How much of the clip is looked at, when all clips of the question have told. Raises UnagreedError where the
        person has to agree first, and BudgetError where even the least is too dear."""
        if self._has_told:
            return FULL
        self._has_told = True
        place = self._spending.told(unseen)
        return await self._spending.decided(place)


def _above(one: Allowance, cost_usd: float, left_usd: float) -> Sentence:
    """What is said when a cap leaves too little."""
    whole = {
        CapKind.PERSON_DAY: sentence("what one person may spend here in a day"),
        CapKind.SERVER_DAY: sentence("what this server may spend in a day"),
        CapKind.DAY: sentence("what this bot may spend in a day"),
        CapKind.ALL: sentence("all this bot may spend"),
    }[one.kind]
    remedy = (
        sentence("Whoever runs it can raise the limit.")
        if one.resets_at is None
        else sentence("Take a shorter clip, or ask again tomorrow.")
    )
    return sentence(
        "At the least this would cost about {cost}, and {left} is left of {whole}. {remedy}",
        cost=dollars(cost_usd),
        left=dollars(left_usd),
        whole=whole,
        remedy=remedy,
    )


def _least_of(*bounds: float | None) -> float | None:
    known: Sequence[float] = [bound for bound in bounds if bound is not None]
    return min(known, default=None)
