"""Settings of money: how much may be spent, and what calls cost."""

from pathlib import Path

from pydantic import Field

from bot.config.fields import ModelName, Section


class BudgetSettings(Section):
    person_day_usd: float = Field(
        default=0.5, ge=0, le=1_000_000, description="Most US dollars a day for what one person asks; 0: no bound"
    )
    server_day_usd: float = Field(default=5, ge=0, le=1_000_000, description="As above, of one server")
    day_usd: float = Field(default=20, ge=0, le=1_000_000, description="As above, of everybody together")
    total_usd: float = Field(
        default=0, ge=0, le=100_000_000, description="Most US dollars in all, until this is raised; 0: no bound"
    )
    confirm_usd: float = Field(
        default=0.1, ge=0, le=1_000_000, description="Ask back before a question may cost more than this; 0: never"
    )
    allow_unpriced: tuple[ModelName, ...] = Field(
        default=(), description="Models that may be used without a known price; they count as free"
    )
    prices: Path | None = Field(
        default=None, description='A file of prices, which go before those that come with Kibitz; "": none'
    )
