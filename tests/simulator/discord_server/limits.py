"""Discord's rate limits: buckets for each route and main id, and the global one."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

GLOBAL_PER_SECOND = 50


@dataclass(slots=True)
class Window:
    ends: float
    used: int


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    limit: int
    seconds: float


_RULES = {
    ("POST", "/channels/{channel_id}/messages"): Rule("create", 5, 5.0),
    ("PATCH", "/channels/{channel_id}/messages/{message_id}"): Rule("edit", 5, 5.0),
    ("DELETE", "/channels/{channel_id}/messages/{message_id}"): Rule("delete", 5, 1.0),
    ("POST", "/channels/{channel_id}/typing"): Rule("typing", 5, 5.0),
    ("POST", "/webhooks/{webhook_id}/{token}"): Rule("webhook", 5, 2.0),
    ("PATCH", "/webhooks/{webhook_id}/{token}/messages/{message_id}"): Rule("webhook", 5, 2.0),
    ("GET", "/webhooks/{webhook_id}/{token}/messages/{message_id}"): Rule("webhook", 5, 2.0),
    ("DELETE", "/webhooks/{webhook_id}/{token}/messages/{message_id}"): Rule("webhook", 5, 2.0),
}
_REACTIONS = Rule("reaction", 1, 0.25)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`retry_after` is set when the request is too much."""

    headers: dict[str, str]
    retry_after: float | None = None
    is_global: bool = False


class Limits:
    """Interactions and their webhooks do not count against the global limit; their callback has none at all."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._windows: dict[tuple[str, str], Window] = {}
        self._global = Window(0.0, 0)

    def take(self, method: str, template: str, main_id: str, *, counts_globally: bool) -> Verdict:
        now = self._clock()
        if counts_globally:
            if now >= self._global.ends:
                self._global = Window(now + 1.0, 0)
            if self._global.used >= GLOBAL_PER_SECOND:
                wait = self._global.ends - now
                headers = {"X-RateLimit-Global": "true", "X-RateLimit-Scope": "global"}
                return Verdict(headers=headers, retry_after=wait, is_global=True)
            self._global.used += 1
        if template.startswith("/interactions/"):
            return Verdict(headers={})
        rule = _REACTIONS if "/reactions/" in template else _RULES.get((method, template))
        rule = rule or Rule(f"{method} {template}", 50, 1.0)
        key = (rule.name, main_id)
        window = self._windows.get(key)
        if window is None or now >= window.ends:
            window = self._windows[key] = Window(now + rule.seconds, 0)
        wait = window.ends - now
        too_much = window.used >= rule.limit
        if not too_much:
            window.used += 1
        headers = {
            "X-RateLimit-Limit": str(rule.limit),
            "X-RateLimit-Remaining": str(rule.limit - window.used),
            "X-RateLimit-Reset": f"{window.ends:.3f}",
            "X-RateLimit-Reset-After": f"{wait:.3f}",
            "X-RateLimit-Bucket": f"{zlib.crc32(rule.name.encode()):032x}",
        }
        if too_much:
            return Verdict(headers={**headers, "X-RateLimit-Scope": "user"}, retry_after=round(wait, 3))
        return Verdict(headers=headers)
