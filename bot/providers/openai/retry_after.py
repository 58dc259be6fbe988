"""When a server wants to be asked again, in each of the ways servers say it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from bot.providers.openai.untyped import number


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """The server's wish: Retry-After in milliseconds, seconds or as a date, else when an empty budget refills."""
    milliseconds = number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    wish = headers.get("retry-after")
    if wish is not None:
        seconds = number(wish)
        return _seconds_until(wish) if seconds is None else max(0.0, seconds)
    resets = [
        _duration_seconds(headers.get(f"x-ratelimit-reset-{budget}", ""))
        for budget in ("requests", "tokens")
        if number(headers.get(f"x-ratelimit-remaining-{budget}")) == 0
    ]
    return max((seconds for seconds in resets if seconds is not None), default=None)


def _seconds_until(http_date: str) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(http_date).astimezone(UTC) - datetime.now(UTC)).total_seconds())
    except ValueError:
        return None


def _duration_seconds(text: str) -> float | None:
    """`6m0s`, `7.66s`, `120ms`, `1h2m3s`; None when it is none of these."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|h|m|s)", text)
    if not parts or "".join(amount + unit for amount, unit in parts) != text:
        return None
    scale = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
    return sum(float(amount) * scale[unit] for amount, unit in parts)
