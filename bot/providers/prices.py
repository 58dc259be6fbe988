"""What a call costs, from the dated table beside this file."""

import re
import tomllib
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

_TABLE = Path(__file__).with_name("prices.toml")
_DATE_SUFFIX = re.compile(r"-\d{4}-\d{2}-\d{2}$")
_MILLION = 1_000_000


class _Price(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = 0.0
    cached_input: float | None = None
    output: float = 0.0
    audio_minute: float = 0.0
    million_characters: float = 0.0


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


def cost_usd(model: str, used: Quantity) -> float | None:
    """US dollars by the vendor's list; None when the model is not in it.

    A dated snapshot (`gpt-4o-2024-08-06`) costs what its model costs; so does `openai/gpt-4o`.
    """
    price = _find(model)
    if price is None:
        return None
    cached = min(used.cached_tokens, used.input_tokens)
    cached_price = price.input if price.cached_input is None else price.cached_input
    return (
        (used.input_tokens - cached) * price.input / _MILLION
        + cached * cached_price / _MILLION
        + used.output_tokens * price.output / _MILLION
        + used.audio_seconds / 60 * price.audio_minute
        + used.characters * price.million_characters / _MILLION
    )


def prices_as_of() -> date:
    """The day the table was read from the vendors' pages."""
    return _table().as_of


def _find(model: str) -> _Price | None:
    name = model.removeprefix("openai/")
    models = _table().models
    return models.get(name) or models.get(_DATE_SUFFIX.sub("", name))


@cache
def _table() -> _Table:
    return _Table.model_validate(tomllib.loads(_TABLE.read_text(encoding="utf-8")))
