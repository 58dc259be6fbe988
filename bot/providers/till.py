"""Where a paid call is paid: money is held back before it and settled after it, whatever becomes of it."""

from collections.abc import AsyncGenerator, Iterable, Iterator
from contextlib import asynccontextmanager
from typing import Protocol

from bot.domain.answer import Usage
from bot.domain.errors import BudgetError, ProviderCategory, ProviderError
from bot.domain.role import Role
from bot.domain.sentence import sentence
from bot.providers.prices import PriceList, Quantity

# What these speak of was refused before anything was done, and no vendor bills a refusal.
_FREE_OF_CHARGE = frozenset(
    {
        ProviderCategory.RATE,
        ProviderCategory.QUOTA,
        ProviderCategory.AUTH,
        ProviderCategory.GONE,
        ProviderCategory.BAD_REQUEST,
        ProviderCategory.TOO_LARGE,
        ProviderCategory.WRONG_ADDRESS,
    }
)
_REFUSED_BY_STATUS = ("server_error", "overloaded")
_BYTES_PER_TOKEN = 2
_TOKENS_BESIDES = 32
_SYMBOLS = b"\xe2"  # begins what is encoded of U+2000 to U+2FFF
_BEYOND = (b"\xf0", b"\xf1", b"\xf2", b"\xf3", b"\xf4")
_WORDS = bytes([*b" \n", *range(0x41, 0x5B), *range(0x61, 0x7B), *range(0x80, 0x100)])
_SECONDS_PER_LETTER = 0.1
_SECONDS_PER_SIGN = 0.35
_SECONDS_PER_FIGURE = 0.6  # 7 may be said as "seven hundred", % as "per cent"
_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz ,.;:!?'\"()-\n")


def most_tokens(*texts: str) -> int:
    """No tokeniser of today makes more tokens of these texts, marks of messages included."""
    return sum(len(data) + _dear_bytes(data) for data in _encoded(texts)) // _BYTES_PER_TOKEN + _TOKENS_BESIDES


def _encoded(texts: Iterable[str]) -> Iterator[bytes]:
    return (text.encode("utf-8", "replace") for text in texts)


def _dear_bytes(data: bytes) -> int:
    """Those that may be a token each: of figures, marks and signs, and of what lies beyond the common scripts."""
    of_symbols = 3 * data.count(_SYMBOLS) + 4 * sum(map(data.count, _BEYOND))
    return len(data.translate(None, _WORDS)) + of_symbols


def most_seconds(text: str) -> float:
    """Nobody takes longer to say this, at the usual speed."""
    return 1.0 + sum(map(_seconds_of, text))


def _seconds_of(sign: str) -> float:
    if sign in _LETTERS:
        return _SECONDS_PER_LETTER
    return _SECONDS_PER_SIGN if sign.isalpha() else _SECONDS_PER_FIGURE


class Payment(Protocol):
    """Money that is held back for one call. Exactly one of these ends it."""

    async def settle(self, usd: float | None) -> None:
        """What it cost; None: not known, so all of it."""
        ...

    async def release(self) -> None:
        """It cost nothing."""
        ...

    async def presume(self) -> None:
        """What became of it is not known: all of it."""
        ...


class Purse(Protocol):
    """Whoever keeps the money. Raises BudgetError where there is none for this, MemoryFault."""

    async def reserve(self, *, role: Role, model: str, usd: float) -> Payment: ...

    async def book(self, usage: Usage) -> None:
        """Something that was paid already, by somebody who did not ask. Raises nothing."""
        ...


class Bill:
    """One call while it is made; `settle` says what it used."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.has_begun = False

    def begun(self) -> None:
        """Something came, so it will be billed whatever comes next."""
        self.has_begun = True

    def settle(self, usage: Usage) -> None:
        """What it used."""
        self.usage = usage


class Till:
    """Pays the calls of one role out of a purse; without a purse nothing is held back, as in tests of adapters."""

    def __init__(self, prices: PriceList, purse: Purse | None) -> None:
        self.prices = prices
        self._purse = purse

    @asynccontextmanager
    async def paying(self, role: Role, model: str, most: Quantity) -> AsyncGenerator[Bill]:
        """Around one call that uses `most` at the dearest. Raises BudgetError, before anything is paid."""
        bill = Bill()
        if self._purse is None:
            yield bill
            return
        usd = self.prices.cost_usd(model, most)
        if usd is None:
            raise _no_price(role, model)
        payment = await self._purse.reserve(role=role, model=model, usd=usd)
        try:
            yield bill
        except ProviderError as error:
            if bill.usage is not None:
                await payment.settle(_cost(bill.usage, most))
            elif bill.has_begun or not _is_free(error):
                await payment.presume()
            else:
                await payment.release()
            raise
        except BaseException:
            if bill.usage is not None:
                await payment.settle(_cost(bill.usage, most))
            else:
                await payment.presume()
            raise
        await payment.settle(_cost(bill.usage, most))


def _cost(usage: Usage | None, most: Quantity) -> float | None:
    """None where the server did not say how many tokens it used."""
    if usage is None or (most.input_tokens > 0 and usage.input_tokens == 0):
        return None
    return usage.cost_usd


def _is_free(error: ProviderError) -> bool:
    if error.category in _FREE_OF_CHARGE:
        return True
    return error.code in _REFUSED_BY_STATUS or error.never_sent


def _no_price(role: Role, model: str) -> BudgetError:
    return BudgetError(
        "no_price",
        sentence(
            "{role}: the price of the model {model} is not known, so it is not used. Whoever runs this bot can name it "
            "in budget.prices or budget.allow_unpriced.",
            role=role,
            model=model,
        ),
    )
