"""A Discord on the loopback that the unmodified discord.py talks to."""

from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from aiohttp import web

from tests.simulator.discord_server import (
    payloads,
    permissions,
    routes_interactions,
    routes_messages,
    routes_places,
    routes_voice,
    transcript,
)
from tests.simulator.discord_server.calls import API, Desk
from tests.simulator.discord_server.cdn import Cdn
from tests.simulator.discord_server.clock import Clock
from tests.simulator.discord_server.faults import Fault, FaultPlan
from tests.simulator.discord_server.gateway import (
    GUILD_PRESENCES,
    HEARTBEAT_SECONDS,
    MESSAGE_CONTENT,
    Gateway,
)
from tests.simulator.discord_server.interactions import Interaction
from tests.simulator.discord_server.limits import Limits
from tests.simulator.discord_server.messages import Message
from tests.simulator.discord_server.people import Person, arrive
from tests.simulator.discord_server.places import GUILD_MEMBERS, Channel, Guild
from tests.simulator.discord_server.records import Request, Sync
from tests.simulator.discord_server.voice_states import VoiceDesk
from tests.simulator.discord_server.witness import Bot
from tests.simulator.discord_server.world import Account, App, World
from tests.simulator.discord_voice import VoiceServer

_REQUEST_BYTES = 64 * 1024 * 1024
_APP_FLAGS = {MESSAGE_CONTENT: 1 << 19, GUILD_MEMBERS: 1 << 15, GUILD_PRESENCES: 1 << 13}
"""Privileged intents as an application in fewer than 100 servers has them."""


class DiscordServer:
    """`async with DiscordServer() as discord:` listens; point the client at `api_url` and `gateway_url`, and log in
    with `token`. `client_ssl` trusts its voice servers, and so does a child process whose SSL_CERT_FILE is
    `voice.certificate.bundle()`. `message_content_allowed` and `members_allowed` are the switches in the
    developer portal."""

    def __init__(
        self,
        *,
        clock: Clock | None = None,
        message_content_allowed: bool = False,
        members_allowed: bool = False,
        shards: int = 1,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        name: str = "Kibitz",
    ) -> None:
        self.clock = clock or Clock()
        zero = self.clock()
        privileged = MESSAGE_CONTENT * message_content_allowed | GUILD_MEMBERS * members_allowed
        bot = Account(id=int(1e18) + 1, name=name, is_bot=True)
        owner = Account(id=int(1e18) + 2, name="Owner")
        self.app = App(
            id=bot.id,
            name=name,
            token="MTAwMDAwMDAwMDAwMDAwMDAwMQ.simulated.token",
            user=bot,
            owner=owner,
            privileged=privileged,
            flags=sum(flag for intent, flag in _APP_FLAGS.items() if privileged & intent),
        )
        self.requests: list[Request] = []
        self.world = World(clock=self.clock, app=self.app, zero=zero)
        self.world.users |= {bot.id: bot, owner.id: owner}
        self._faults = FaultPlan()
        self.world.cdn = Cdn(self.world, self._faults, self.requests)
        self.gateway = Gateway(self.world, shards=shards, heartbeat_seconds=heartbeat_seconds)
        self.world.gateway = self.gateway
        self.world.arrive = lambda name, locale, open_: arrive(self.world, name, locale, open_)
        self.voice = VoiceServer()
        self.client_ssl = self.voice.client_ssl
        self.world.voice = VoiceDesk(self.world, self.voice)
        self.bot = self.world.witness = Bot(self.world)
        self.token = self.app.token
        self.api_url = ""
        self.gateway_url = ""
        self.cdn_hosts: tuple[str, ...] = ()
        self._desk = Desk(self.world, Limits(self.clock), self._faults, self.requests)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_REQUEST_BYTES)
        for routes in (routes_messages, routes_places, routes_voice, routes_interactions):
            self._desk.add(app, routes.routes())
        app.router.add_get("/gateway-socket/", self.gateway.serve)
        app.router.add_route("*", "/{path:.*}", self._desk.unknown_route)
        await self._stack.enter_async_context(self.voice)
        origin = await self._listen(app)
        self.api_url = origin + API
        self.gateway_url = origin.replace("http", "ws", 1) + "/gateway-socket/"
        self.gateway.url = self.gateway_url
        self.world.cdn.origin = await self._listen(self.world.cdn.application())
        self.world.cdn.proxy_origin = await self._listen(self.world.cdn.application())
        self.cdn_hosts = (self.world.cdn.origin, self.world.cdn.proxy_origin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for connection in tuple(self.gateway.connections):
            connection.abort()
        await self._stack.aclose()

    async def _listen(self, app: web.Application) -> str:
        runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    def guild(
        self,
        name: str,
        *,
        bot: bool = True,
        bot_permissions: Iterable[str] | int = (),
        locale: str = "en-US",
        everyone: Iterable[str] | int = permissions.EVERYONE,
        shard: tuple[int, int] | None = None,
    ) -> Guild:
        """A new server. `bot`: it is there, with `bot_permissions` besides what `everyone` may. `shard`: (1, 2) makes
        it belong to shard 1 of 2."""
        guild_id = self.world.old_id()
        while shard is not None and (guild_id >> 22) % shard[1] != shard[0]:
            guild_id = self.world.old_id()
        guild = Guild(world=self.world, id=guild_id, name=name, locale=locale, everyone=permissions.bits(everyone))
        self.world.guilds[guild.id] = guild
        if bot:
            guild.add_bot(bot_permissions)
        return guild

    def person(self, name: str, *, locale: str = "en-US", accepts_direct_messages: bool = True) -> Person:
        """Somebody who is in no server."""
        return arrive(self.world, name, locale, accepts_direct_messages)

    def drop_gateway(self, *, resumable: bool = True) -> None:
        """All connections to the gateway break. Not `resumable`: the sessions are lost, too."""
        self.gateway.drop(resumable=resumable)

    def invalidate_session(self, *, resumable: bool = False) -> None:
        """Opcode 9."""
        self.gateway.invalidate(resumable=resumable)

    def reconnect(self) -> None:
        """Opcode 7."""
        self.gateway.ask_to_reconnect()

    def expire(self, what: Message | Interaction) -> None:
        """Addresses of its files that were given out so far stop working."""
        self.world.expire(what.files)

    def unfurl(self, message: Message) -> None:
        """Discord adds what a link in a message leads to; the bot hears of an update, nobody has edited anything."""
        self.world.unfurl(message)

    def fail(
        self,
        route: str,
        *,
        status: int = 500,
        times: int = 1,
        retry_after: float | None = None,
        is_global: bool = False,
        after: bool = False,
        delay_seconds: float = 0.0,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
    ) -> None:
        """The next `times` requests whose "METHOD /path" contains `route` (API or CDN) are answered so. `after`: the
        work is done and only the answer is lost. Status 0 drops the connection."""
        fault = Fault(
            part=route,
            status=status,
            times=times,
            retry_after=retry_after,
            is_global=is_global,
            after=after,
            delay_seconds=delay_seconds,
            headers=headers or {},
            body=body,
        )
        self._faults.plan(fault)

    def heal(self) -> None:
        """Forgets every fault that is still planned."""
        self._faults.clear()

    @property
    def unknown_requests(self) -> list[str]:
        """`METHOD /path` of requests that Discord would not know, or that are not simulated."""
        return self._desk.unknown

    @property
    def refusals(self) -> Counter[int]:
        """How many requests to the API got 401, 403 and 429: what an address is banned for at 10,000 in 10 minutes."""
        return Counter(request.status for request in self._refused)

    @property
    def most_refused(self) -> int:
        """The most of them within ten minutes."""
        times = [request.at_seconds for request in self._refused]
        return max((sum(at <= other < at + 600 for other in times) for at in times), default=0)

    @property
    def _refused(self) -> list[Request]:
        asked = (request for request in self.requests if request.template != "cdn")
        return [request for request in asked if request.status in {401, 403, 429}]

    @property
    def syncs(self) -> list[Sync]:
        """Every bulk overwrite of commands."""
        return self.world.commands.syncs

    @property
    def interactions(self) -> list[Interaction]:
        return self.world.interactions

    def count(self, method: str, template: str) -> int:
        """How many requests fit, for example ("PATCH", "/channels/{channel_id}/messages/{message_id}")."""
        return sum(item.method == method and item.template == template for item in self.requests)

    def transcript(self, channel: Channel) -> str:
        """The conversation as people saw it."""
        return transcript.transcript(self.world, channel)

    def message_json(self, message: Message) -> dict[str, object]:
        """As REST shows it to an app that may read everything."""
        return payloads.message_json(self.world, message, sees_content=True)
