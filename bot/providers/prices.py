"""What a call costs, from the dated table beside this file and the operator's own."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bot.domain.errors import SettingsError, SettingsProblem

_TABLE = Path(__file__).with_name("prices.toml")
_DATE_SUFFIX = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_MILLION = 1_000_000

_Usd = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Price(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    input: _Usd | None = None
    cached_input: _Usd | None = None
    output: _Usd | None = None
    audio_minute: _Usd | None = None
    million_characters: _Usd | None = None


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date
    models: dict[str, _Price]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What was used. `cached_tokens` are part of `input_tokens`."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    audio_seconds: float = 0.0
    characters: int = 0


class PriceList:
    """What models cost. Those in `unpriced` count as free; without a price any other has no known cost."""

    def __init__(self, models: Mapping[str, _Price], *, unpriced: tuple[str, ...] = ()) -> None:
        self._models = models
        self._unpriced = frozenset(unpriced)

    def cost_usd(self, model: str, used: Quantity) -> float | None:
        """US dollars by the list; None when the model is not in it, or has no price for a unit it is billed by.

        A dated snapshot (`gpt-4o-2024-08-06`) costs what its model costs; so does `openai/gpt-4o`.
        """
        price = self._find(model)
        costs = None if price is None else _costs(price, used)
        if costs is None:
            return 0.0 if model in self._unpriced else None
        return costs

    def _find(self, model: str) -> _Price | None:
        name = model.removeprefix("openai/")
        return self._models.get(name) or self._models.get(_DATE_SUFFIX.sub("", name))


def price_list(own: Path | None = None, *, unpriced: tuple[str, ...] = ()) -> PriceList:
    """The vendors' list, where the operator's `own` file, of the same form, goes before it. Raises SettingsError."""
    models = dict(_table().models)
    if own is not None:
        models |= _own_table(own).models
    return PriceList(models, unpriced=unpriced)


def cost_usd(model: str, used: Quantity) -> float | None:
    """By the vendors' list alone."""
    return vendors_prices().cost_usd(model, used)


@cache
def vendors_prices() -> PriceList:
    """The table beside this file."""
    return price_list()


def prices_as_of() -> date:
    """The day the table was read from the vendors' pages."""
    return _table().as_of


def _costs(price: _Price, used: Quantity) -> float | None:
    """Tokens need a price each way; sound and speech are billed by the minute, by the character, or by tokens."""
    cached = min(used.cached_tokens, used.input_tokens)
    parts = [
        (used.input_tokens - cached, price.input, _MILLION),
        (cached, price.input if price.cached_input is None else price.cached_input, _MILLION),
        (used.output_tokens, price.output, _MILLION),
    ]
    is_sound = used.audio_seconds > 0 or used.characters > 0
    if is_sound:
        by_sound = [
            (used.audio_seconds, price.audio_minute, 60),
            (used.characters, price.million_characters, _MILLION),
        ]
        priced = [part for part in by_sound if part[1] is not None]
        if not priced:
            return None
        parts = priced
    if any(amount > 0 and usd is None for amount, usd, _ in parts):
        return None
    return sum(amount * (usd or 0.0) / unit for amount, usd, unit in parts)


def _own_table(path: Path) -> _Table:
    try:
        return _Table.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        problem = SettingsProblem(
            where="budget.prices", what=f"The file {path} cannot be read.", remedy='Name another, or "" for none.'
        )
        raise SettingsError((problem,)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = SettingsProblem(
            where=f"budget.prices, {path.name}", what="This is not TOML.", remedy="Compare it with docs/budget.md."
        )
        raise SettingsError((problem,)) from error
    except ValidationError as error:
        problems = tuple(
            SettingsProblem(
                where=f"budget.prices, {path.name}, {'.'.join(map(str, one['loc']))}",
                what=f"{one['msg']}.",
                remedy="A price is a number of US dollars, zero or more; docs/budget.md shows the form.",
            )
            for one in error.errors()
        )
        raise SettingsError(problems) from error


@cache
def _table() -> _Table:
    return _Table.model_validate(tomllib.loads(_TABLE.read_text(encoding="utf-8")))
