"""A voice session of the bot: it outlives its sockets, numbers what it says, and says it again to who resumes."""

import asyncio
import json
import os
import struct
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.simulator.discord_voice.conduct import Conduct
from tests.simulator.discord_voice.rtp import Cipher

if TYPE_CHECKING:
    from tests.simulator.discord_voice.call import Call

_NUMBERED = {5, 11, 13, 21, 22, 24}
_KEPT_MESSAGES = 2000
_KEPT_TIMES = 5000


class Connection:
    """A socket with an outbox, so that what is said keeps its order. An integer in it is a close code."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.region = 0
        self.closed_with: int | None = None
        self._request = request
        self._outbox: asyncio.Queue[str | bytes | tuple[int, str]] = asyncio.Queue()

    def send(self, message: str | bytes) -> None:
        self._outbox.put_nowait(message)

    def close(self, code: int, reason: str = "") -> None:
        """After what is already on its way."""
        self.closed_with = code
        self._outbox.put_nowait((code, reason))

    def abort(self) -> None:
        """Without a word: 1006 at the other end."""
        if self._request.transport is not None:
            self._request.transport.abort()

    async def write(self) -> None:
        while True:
            message = await self._outbox.get()
            try:
                if isinstance(message, str):
                    await self.socket.send_str(message)
                elif isinstance(message, bytes):
                    await self.socket.send_bytes(message)
                else:
                    await self.socket.close(code=message[0], message=message[1].encode(), drain=False)
                    return
            except ConnectionError:
                return


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What the main gateway hands out for one stay in a channel."""

    guild_id: int
    channel_id: int
    user_id: int
    session_id: str
    token: str = field(repr=False)
    endpoint: str
    region: int = 0


class Session:
    """`said` are the operations of the client in order, `heartbeats` and `keepalives` the times of those."""

    def __init__(self, call: "Call", ticket: Ticket, ssrc: int, violations: list[str]) -> None:
        self.call = call
        self.ticket = ticket
        self.user_id = ticket.user_id
        self.ssrc = ssrc
        self.key = os.urandom(32)
        self.cipher = Cipher(self.key)
        self.conduct = Conduct(ssrc, self.accuse)
        self.connection: Connection | None = None
        self.address: tuple[str, int] | None = None
        self.is_described = False
        self.is_over = False
        self.said: deque[tuple[int, Any]] = deque(maxlen=_KEPT_MESSAGES)
        self.told: deque[tuple[int, Any]] = deque(maxlen=_KEPT_MESSAGES)
        self.heartbeats: deque[float] = deque(maxlen=_KEPT_TIMES)
        self.keepalives: deque[float] = deque(maxlen=_KEPT_TIMES)
        self.last_packet_at = time.monotonic()
        self.number = 0
        self._kept: deque[tuple[int, str | bytes]] = deque(maxlen=_KEPT_MESSAGES)
        self._violations = violations

    def accuse(self, what: str) -> None:
        self._violations.append(what)

    def tell(self, operation: int, data: Any) -> None:
        message: dict[str, Any] = {"op": operation, "d": data}
        if operation in _NUMBERED:
            message["seq"] = self._next()
        self.told.append((operation, data))
        self._say(json.dumps(message), is_numbered=operation in _NUMBERED)

    def tell_bytes(self, operation: int, body: bytes) -> None:
        self.told.append((operation, len(body)))
        self._say(struct.pack(">HB", self._next(), operation) + body, is_numbered=True)

    def _next(self) -> int:
        self.number = (self.number + 1) % (1 << 16)
        return self.number

    def _say(self, message: str | bytes, *, is_numbered: bool) -> None:
        if is_numbered:
            self._kept.append((self.number, message))
        if self.connection is not None:
            self.connection.send(message)

    def replay(self, seen: int) -> int:
        """Says again what came after that number (-1: everything). Gives how many messages that were."""
        late = [each for number, each in self._kept if seen < 0 or 0 < (number - seen) % (1 << 16) < 1 << 15]
        assert self.connection is not None
        for message in late:
            self.connection.send(message)
        return len(late)

    def end(self) -> None:
        """Nothing of it is kept for a resume."""
        self.is_over, self.address = True, None
        self._kept.clear()

    def knows(self, number: object) -> bool:
        """Whether a client may say that it has heard up to that number."""
        if not isinstance(number, int):
            return False
        return number == -1 or not self._kept or (self.number - number) % (1 << 16) < 1 << 15
