"""Discord's voice servers on the loopback: gateways over TLS in several regions, one UDP port, any number of calls."""

import asyncio
import itertools
import ssl
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.simulator.discord_voice.call import Call
from tests.simulator.discord_voice.certificate import Certificate, certificate
from tests.simulator.discord_voice.gateway import VoiceGateway
from tests.simulator.discord_voice.rtp import WrongPacketError, discovered
from tests.simulator.discord_voice.session import Session, Ticket

HEARTBEAT_SECONDS = 13.75
_REGIONS = 2
_KEEPALIVE_BYTES, _DISCOVERY_BYTES = 8, 74
_STRAGGLERS = 8
"""Ended sessions whose last packets are still known for what they are."""


class VoiceServer:
    """`async with VoiceServer() as voice:` listens. Who lets somebody into a channel calls `admit` and hands the
    ticket out; the bot comes with it. `violations` are sentences about what the bot did that Discord's own client
    would not. `delay_seconds`: how long an answer to identify takes. `first_number`: of what is said, near 65535 to
    see it wrap."""

    def __init__(self, *, heartbeat_seconds: float = HEARTBEAT_SECONDS) -> None:
        self.calls: dict[int, Call] = {}
        self.tickets: list[Ticket] = []
        self.sessions: dict[int, Session] = {}
        self.violations: list[str] = []
        self.delay_seconds = 0.0
        self.first_number = 0
        self.certificate: Certificate = certificate()
        self.client_ssl: ssl.SSLContext = self.certificate.client
        self.gateway = VoiceGateway(self, heartbeat_seconds=heartbeat_seconds)
        self.udp_address = ("", 0)
        self.endpoints: list[str] = []
        self.on_move: Callable[[Call, Ticket], None] | None = None
        self.on_change: Callable[[], None] | None = None
        self._ssrcs = itertools.count(1000)
        self._tokens = itertools.count(1)
        self._stack = AsyncExitStack()
        self._udp: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        for region in range(_REGIONS):
            self.endpoints.append(await self._listen(region))
        loop = asyncio.get_running_loop()
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Port(self), local_addr=("127.0.0.1", 0))
        self.udp_address = self._udp.get_extra_info("sockname")[:2]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for call in self.calls.values():
            call.close()
        for connection in tuple(self.gateway.connections):
            connection.abort()
        if self._udp is not None:
            self._udp.close()
        await self._stack.aclose()

    async def _listen(self, region: int) -> str:
        async def serve(request: web.Request) -> web.StreamResponse:
            return await self.gateway.serve(request, region)

        app = web.Application()
        app.router.add_get("/", serve)
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self.certificate.server).start()
        return f"127.0.0.1:{runner.addresses[0][1]}"

    def call(self, guild_id: int, channel_id: int, *, version: int = 1) -> Call:
        """The call in that channel, which begins with this. `version` 0 for stage channels."""
        if channel_id not in self.calls:
            self.calls[channel_id] = Call(self, guild_id=guild_id, channel_id=channel_id, version=version)
        return self.calls[channel_id]

    def admit(self, call: Call, user_id: int, session_id: str) -> Ticket:
        """Lets the bot into a channel. Its stay elsewhere in this guild is over."""
        for old in self.tickets:
            if (old.guild_id, old.user_id) == (call.guild_id, user_id):
                self.dismiss(old, 4014)
                break
        return self._issue(call, user_id, session_id, region=0)

    def _issue(self, call: Call, user_id: int, session_id: str, region: int) -> Ticket:
        ticket = Ticket(
            guild_id=call.guild_id,
            channel_id=call.channel_id,
            user_id=user_id,
            session_id=session_id,
            token=f"voice-token-{next(self._tokens)}",
            endpoint=self.endpoints[region],
            region=region,
        )
        self.tickets.append(ticket)
        return ticket

    def dismiss(self, ticket: Ticket, code: int | None) -> None:
        """The bot's stay is over; its connection is closed with `code` (None: it closes that itself)."""
        self.forget(ticket)
        session = self.calls[ticket.channel_id].session
        if session is None or session.ticket != ticket:
            return
        if code is not None and session.connection is not None:
            session.call.hang_up(code)
        else:
            session.call.end(session)

    def forget(self, ticket: Ticket) -> None:
        """Nobody gets in with it any more."""
        if ticket in self.tickets:
            self.tickets.remove(ticket)

    def move_region(self, session: Session) -> None:
        """Another server takes the call over; whoever gave the ticket tells the bot of the new one."""
        call, old = session.call, session.ticket
        ticket = self._issue(call, old.user_id, old.session_id, region=(old.region + 1) % _REGIONS)
        self.forget(old)
        if self.on_move is not None:
            self.on_move(call, ticket)

    def ticket_of(self, guild_id: int, user_id: int) -> Ticket | None:
        return next((each for each in self.tickets if (each.guild_id, each.user_id) == (guild_id, user_id)), None)

    def next_ssrc(self) -> int:
        return next(self._ssrcs)

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        if self._udp is not None and not self._udp.is_closing():
            self._udp.sendto(data, address)

    def changed(self) -> None:
        if self.on_change is not None:
            self.on_change()


class _Port(asyncio.DatagramProtocol):
    """Datagrams are told apart by where they come from, which IP discovery has shown."""

    def __init__(self, server: VoiceServer) -> None:
        self._server = server
        self._by_address: dict[tuple[str, int], Session] = {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        if len(data) == _DISCOVERY_BYTES and data.startswith(b"\x00\x01"):
            self._discover(data, addr)
            return
        session = self._by_address.get(addr)
        if session is None:
            self._server.violations.append("udp: a datagram before IP discovery")
            return
        session.last_packet_at = time.monotonic()
        if len(data) == _KEEPALIVE_BYTES:
            session.keepalives.append(session.last_packet_at)
            self._server.send(data, addr)
            return
        try:
            packet, nonce = session.cipher.open(data)
        except WrongPacketError as error:
            session.accuse(f"rtp: {error}")
            return
        session.conduct.sealed_with(nonce)
        session.call.hear(session, packet)

    def _discover(self, data: bytes, addr: tuple[str, int]) -> None:
        session = self._server.sessions.get(int.from_bytes(data[4:8]))
        if session is None:
            self._server.violations.append("udp: IP discovery with a foreign SSRC")
            return
        if session.address is not None:
            self._by_address.pop(session.address, None)
        session.address = addr
        self._by_address[addr] = session
        for old in [each for each, other in self._by_address.items() if other.is_over][:-_STRAGGLERS]:
            del self._by_address[old]
        self._server.send(discovered(data[4:8], *addr), addr)
