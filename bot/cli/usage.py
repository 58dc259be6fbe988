"""`usage`: what was spent and what may be, as the ledger knows it."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from bot.app import caps_of, where_of
from bot.config import Settings
from bot.database.engine import open_database
from bot.domain.clock import utc_now
from bot.domain.money import Account, Allowance, CapKind
from bot.domain.quote import dollars
from bot.jobs.bookings import Spent
from bot.jobs.ledger import Ledger

_CAPS = {CapKind.DAY: "today", CapKind.ALL: "ever"}


async def usage_of(settings: Settings, *, days: int) -> tuple[tuple[Allowance, ...], tuple[Spent, ...]]:
    """The caps that hold for everybody, and what was spent in the last `days` days. Raises MemoryFault."""
    async with open_database(where_of(settings)) as database:
        ledger = Ledger(database, caps_of(settings))
        return await ledger.allowances(Account()), await ledger.report(utc_now() - timedelta(days=days))


def usage_as_json(allowances: Sequence[Allowance], spent: Sequence[Spent], *, days: int) -> dict[str, Any]:
    """The JSON contract of `usage --json`."""
    return {
        "limits": [
            {
                **asdict(one),
                "kind": one.kind.value,
                "resets_at": None if one.resets_at is None else one.resets_at.isoformat(),
                "room_usd": one.room_usd,
            }
            for one in allowances
        ],
        "days": days,
        "spent": [asdict(one) for one in spent],
    }


def usage_as_text(allowances: Sequence[Allowance], spent: Sequence[Spent], *, days: int) -> str:
    """A line per limit, then one per server, role and model."""
    lines = [f"{_CAPS.get(one.kind, one.kind.value):<8}{_sum(one)}" for one in allowances]
    if not spent:
        return "\n".join([*lines, f"Nothing was spent in the last {days} days."])
    lines += ["", f"The last {days} days:", f"{'server':<21}{'role':<13}{'model':<28}{'calls':>7}  cost"]
    for one in spent:
        server = "-" if one.server_id is None else str(one.server_id)
        lines.append(f"{server:<21}{one.role:<13}{one.model:<28}{one.calls:>7}  {dollars(one.usd)}")
    return "\n".join(lines)


def _sum(one: Allowance) -> str:
    if one.cap_usd is None:
        said = f"{dollars(one.spent_usd)}, no limit"
    else:
        said = f"{dollars(one.spent_usd)} of {dollars(one.cap_usd)}, {dollars(one.room_usd or 0.0)} left"
    held = f", {dollars(one.reserved_usd)} held back" if one.reserved_usd > 0 else ""
    anew = "" if one.resets_at is None else f", anew at {one.resets_at.astimezone():%Y-%m-%d %H:%M}"
    return said + held + anew
