"""The time, and times as people read them."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """What the clock of this machine says."""
    return datetime.now(UTC)


def clock_time(seconds: float) -> str:
    """`0:42`, `14:02`, `1:02:03`: whole seconds, rounded down, as answers cite them."""
    whole = int(max(seconds, 0.0))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{secs:02}" if hours else f"{minutes}:{secs:02}"


def fine_time(seconds: float) -> str:
    """`00:42.3`, `1:02:03.0`: to a tenth of a second, as prompts and timelines show them."""
    tenths = round(max(seconds, 0.0) * 10)
    hours, rest = divmod(tenths, 36000)
    minutes, rest = divmod(rest, 600)
    text = f"{minutes:02}:{rest // 10:02}.{rest % 10}"
    return f"{hours}:{text}" if hours else text


def subtitle_time(seconds: float, *, separator: str) -> str:
    """`00:00:42,300` for SubRip (separator `,`), `00:00:42.300` for WebVTT (separator `.`)."""
    millis = round(max(seconds, 0.0) * 1000)
    hours, rest = divmod(millis, 3_600_000)
    minutes, rest = divmod(rest, 60_000)
    return f"{hours:02}:{minutes:02}:{rest // 1000:02}{separator}{rest % 1000:03}"
