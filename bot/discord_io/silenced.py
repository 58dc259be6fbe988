"""What Discord refuses it counts, and too much of it bans the address: it is counted here, too, and not tried again."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import aiohttp
import discord
from discord.http import Route

from bot.tally import Figure, tell

log = logging.getLogger(__name__)

SILENT_SECONDS = 600.0
"""How long nothing more is tried where something was refused; Discord counts in spans of this length."""

_COUNTED = frozenset({401, 403, 429})
_OF_THE_CHANNEL = frozenset({0, 50001, 50007, 50009, 50013, 50278, 160005})
"""Codes of refusals that hold for whatever comes next: no access, no permission, a person who takes no messages, a
thread that is locked; 0 where Discord says nothing. Others are about these words, this message or its author."""


class _Kind(StrEnum):
    READING = "read"
    WRITING = "said"
    SIGN = "signed"


@dataclass(slots=True, kw_only=True)
class _Silence:
    """`rights`: what the bot could do there then, as far as known; then how it was refused. `may_sign`: one reaction
    may still be tried."""

    began: float
    rights: int | None
    reason: str
    code: int
    text: str
    may_sign: bool = True


class SilencedChannels:
    """Stands before every request of a client but the answers to interactions, which count as Discord's own. Where a
    channel refuses one (403), all of its kind, reading or writing, are refused here for SILENT_SECONDS, or until what
    the bot may do there is something else; but for one reaction, to leave a sign. A sign that is refused, for whatever
    reason, ends signs alone: whoever blocked the bot must not end more, nor be refused without end."""

    def __init__(self, client: discord.Client, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._silences: dict[tuple[int, _Kind], _Silence] = {}
        self._send = client.http.request
        client.http.request = self._request

    def __len__(self) -> int:
        return len(self._silences)

    def is_silent(self, channel_id: int) -> bool:
        """Whether nothing is written there for now."""
        return self._silence(channel_id, _Kind.WRITING) is not None

    async def _request(self, route: Route, **options: Any) -> Any:
        """As the library's own. Raises discord.Forbidden where it would be refused."""
        if route.channel_id is None:
            return await self._send(route, **options)
        channel_id, kind = int(route.channel_id), _kind(route)
        silence = self._silence(channel_id, kind)
        if silence is None and kind is _Kind.SIGN:
            silence = self._silence(channel_id, _Kind.WRITING)
            if silence is not None and silence.may_sign:
                silence.may_sign, silence = False, None
        if silence is not None:
            answer = SimpleNamespace(status=403, reason=silence.reason)
            raise discord.Forbidden(answer, {"code": silence.code, "message": silence.text})  # pyright: ignore[reportArgumentType] # all that is read of it
        try:
            return await self._send(route, **options)
        except discord.Forbidden as refusal:
            has_files = options.get("form") is not None  # it is sent again without them
            if kind is _Kind.SIGN or (refusal.code in _OF_THE_CHANNEL and not has_files):
                self._begin(channel_id, kind, refusal)
            raise

    def _begin(self, channel_id: int, kind: _Kind, refusal: discord.Forbidden) -> None:
        if self._silence(channel_id, kind) is not None:
            return
        now = self._clock()
        for over in [which for which, one in self._silences.items() if now - one.began >= SILENT_SECONDS]:
            del self._silences[over]
        self._silences[channel_id, kind] = _Silence(
            began=now,
            rights=self._rights(channel_id),
            reason=refusal.response.reason or "",
            code=refusal.code,
            text=refusal.text,
        )
        log.warning("channel %d: Discord refuses (%d), nothing is %s there for now", channel_id, refusal.code, kind)

    def _silence(self, channel_id: int, kind: _Kind) -> _Silence | None:
        silence = self._silences.get((channel_id, kind))
        if silence is None:
            return None
        if self._clock() - silence.began < SILENT_SECONDS and silence.rights == self._rights(channel_id):
            return silence
        del self._silences[channel_id, kind]
        return None

    def _rights(self, channel_id: int) -> int | None:
        channel = self._client.get_channel(channel_id)
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return None
        try:
            return channel.permissions_for(channel.guild.me).value
        except discord.ClientException:  # a thread whose channel was never seen
            return None


def _kind(route: Route) -> _Kind:
    if route.method == "GET":
        return _Kind.READING
    return _Kind.SIGN if route.method == "PUT" and "/reactions/" in route.path else _Kind.WRITING


def counting() -> aiohttp.TraceConfig:
    """For a client: tells of each request that Discord counts as invalid; one over a limit that is shared is none."""

    async def ended(_session: aiohttp.ClientSession, _context: object, ended: aiohttp.TraceRequestEndParams) -> None:
        status, headers = ended.response.status, ended.response.headers
        if status in _COUNTED and headers.get("X-RateLimit-Scope") != "shared":
            tell(Figure.INVALID_REQUESTS, label=str(status))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    return trace
