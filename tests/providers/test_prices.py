"""The price table and its arithmetic."""

from datetime import date

import pytest

from bot.providers.prices import Quantity, cost_usd, prices_as_of


@pytest.mark.parametrize(
    ("model", "used", "dollars"),
    [
        ("gpt-6-luna", Quantity(input_tokens=1_000_000, output_tokens=1_000_000), 0.60),
        ("gpt-6-luna", Quantity(input_tokens=1_000_000, cached_tokens=900_000), 0.01 + 0.009),
        ("gpt-transcribe", Quantity(audio_seconds=120), 0.009),
        ("tts-1", Quantity(characters=2_000), 0.03),
        ("gpt-4o-2024-08-06", Quantity(input_tokens=1_000_000), 2.50),
        ("openai/gpt-4o-mini", Quantity(output_tokens=1_000_000), 0.60),
        ("gpt-6.1-terra", Quantity(input_tokens=1_000_000, cached_tokens=1_000_000), 1.00),
    ],
)
def test_cost(model: str, used: Quantity, dollars: float) -> None:
    assert cost_usd(model, used) == pytest.approx(dollars)


def test_an_unknown_model_has_no_price() -> None:
    assert cost_usd("qwen3-vl:8b", Quantity(input_tokens=10)) is None


def test_the_table_is_dated() -> None:
    assert prices_as_of() >= date(2026, 11, 21)
