"""What Discord refuses it counts, and too much of it bans the address: it is counted here, too, and not tried again."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
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
_NO_REPLIES = 160002  # sent again as a message that replies to none


@dataclass(slots=True, kw_only=True)
class _Silence:
    """`rights`: what the bot could do there then, as far as known. `may_sign`: one reaction may still be tried."""

    began: float
    rights: int | None
    refusal: discord.Forbidden
    may_sign: bool


class SilencedChannels:
    """Stands before every request of a client but the answers to interactions, which count as Discord's own. Where one
    is refused (403), all of its kind, reading or writing, are refused here for SILENT_SECONDS, or until what the bot
    may do there is something else; but for one reaction, to leave a sign."""

    def __init__(self, client: discord.Client, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._clock = clock
        self._silences: dict[tuple[int, bool], _Silence] = {}
        self._send = client.http.request
        client.http.request = self._request

    def is_silent(self, channel_id: int) -> bool:
        """Whether nothing is written there for now."""
        return self._silence(channel_id, is_reading=False) is not None

    async def _request(self, route: Route, **options: Any) -> Any:
        """As the library's own. Raises discord.Forbidden where it would be refused."""
        if route.channel_id is None:
            return await self._send(route, **options)
        channel_id, is_reading = int(route.channel_id), route.method == "GET"
        is_sign = route.method == "PUT" and "/reactions/" in route.path
        silence = self._silence(channel_id, is_reading=is_reading)
        if silence is not None:
            if not (is_sign and silence.may_sign):
                known = silence.refusal
                answer = SimpleNamespace(status=known.status, reason=known.response.reason)
                raise discord.Forbidden(answer, {"code": known.code, "message": known.text})  # pyright: ignore[reportArgumentType] # all that is read of it
            silence.may_sign = False
        try:
            return await self._send(route, **options)
        except discord.Forbidden as refusal:
            is_tried_again = options.get("form") is not None or refusal.code == _NO_REPLIES  # without what was refused
            if not is_tried_again and self._silence(channel_id, is_reading=is_reading) is None:
                self._begin(channel_id, refusal, is_reading=is_reading, may_sign=not is_sign)
            raise

    def _begin(self, channel_id: int, refusal: discord.Forbidden, *, is_reading: bool, may_sign: bool) -> None:
        self._silences[channel_id, is_reading] = _Silence(
            began=self._clock(), rights=self._rights(channel_id), refusal=refusal, may_sign=may_sign
        )
        what = "read" if is_reading else "said"
        log.warning("channel %d: Discord refuses (%d), nothing is %s there for now", channel_id, refusal.code, what)

    def _silence(self, channel_id: int, *, is_reading: bool) -> _Silence | None:
        silence = self._silences.get((channel_id, is_reading))
        if silence is None:
            return None
        if self._clock() - silence.began < SILENT_SECONDS and silence.rights == self._rights(channel_id):
            return silence
        del self._silences[channel_id, is_reading]
        return None

    def _rights(self, channel_id: int) -> int | None:
        channel = self._client.get_channel(channel_id)
        if not isinstance(channel, discord.abc.GuildChannel | discord.Thread):
            return None
        try:
            return channel.permissions_for(channel.guild.me).value
        except discord.ClientException:  # a thread whose channel was never seen
            return None


def counting() -> aiohttp.TraceConfig:
    """For a client: tells of each request that Discord counts as invalid; one over a limit that is shared is none."""

    async def ended(_session: aiohttp.ClientSession, _context: object, ended: aiohttp.TraceRequestEndParams) -> None:
        status, headers = ended.response.status, ended.response.headers
        if status in _COUNTED and headers.get("X-RateLimit-Scope") != "shared":
            tell(Figure.INVALID_REQUESTS, label=str(status))

    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(ended)
    return trace
