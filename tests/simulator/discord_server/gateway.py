"""The gateway: sessions that outlive their sockets, intents, shards, and everything it says when it hangs up."""

import asyncio
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from tests.simulator.discord_server import payloads
from tests.simulator.discord_server.messages import Message
from tests.simulator.discord_server.places import GUILD_MEMBERS, GUILDS, Channel, Guild
from tests.simulator.discord_server.world import World

GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES, GUILD_REACTIONS, GUILD_TYPING = 1 << 9, 1 << 10, 1 << 11
DIRECT_MESSAGES, DIRECT_REACTIONS, DIRECT_TYPING = 1 << 12, 1 << 13, 1 << 14
MESSAGE_CONTENT = payloads.MESSAGE_CONTENT
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT
_KNOWN_INTENTS = (1 << 17) - 1 | 1 << 20 | 1 << 21 | 1 << 24 | 1 << 25
_SENDS_PER_MINUTE = 120
HEARTBEAT_SECONDS = 41.25
_REASONS = {
    4001: "Unknown opcode.",
    4002: "Error while decoding payload.",
    4003: "Not authenticated.",
    4004: "Authentication failed.",
    4005: "Already authenticated.",
    4007: "Invalid seq.",
    4008: "You are being rate limited.",
    4009: "Session timed out.",
    4010: "Invalid shard.",
    4013: "Invalid intent(s).",
    4014: "Disallowed intent(s).",
}


class HangUpError(Exception):
    """The gateway closes the connection with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(_REASONS[code])
        self.code = code


@dataclass(slots=True, kw_only=True, eq=False)
class Session:
    """`events` holds everything said in it, for replay."""

    id: str
    shard: tuple[int, int]
    intents: int
    events: list[str] = field(default_factory=list, repr=False)
    names: list[str] = field(default_factory=list)
    connection: "Connection | None" = field(default=None, repr=False)

    def tell(self, name: str, data: Any) -> None:
        self.names.append(name)
        self.events.append(json.dumps({"op": 0, "t": name, "s": len(self.events) + 1, "d": data}))
        if self.connection is not None:
            self.connection.send(self.events[-1])


class Connection:
    def __init__(self, socket: web.WebSocketResponse, request: web.Request, *, compresses: bool) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.sent_by_client: list[float] = []
        self._request = request
        self._outbox: asyncio.Queue[str | int] = asyncio.Queue()
        self._zlib = zlib.compressobj() if compresses else None

    def send(self, text: str) -> None:
        self._outbox.put_nowait(text)

    def close(self, code: int) -> None:
        """After what is already on its way."""
        self._outbox.put_nowait(code)

    def abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    async def write(self) -> None:
        while True:
            item = await self._outbox.get()
            try:
                if isinstance(item, int):
                    await self.socket.close(code=item, message=_REASONS.get(item, "").encode())
                    return
                if self._zlib is None:
                    await self.socket.send_str(item)
                else:
                    data = self._zlib.compress(item.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
                    await self.socket.send_bytes(data)
            except ConnectionError:
                return


class Gateway:
    """`identifies`, `resumes` and `close_codes` count what happened; `sent` holds the other things clients said."""

    def __init__(self, world: World, *, shards: int, heartbeat_seconds: float) -> None:
        self.url = ""
        self.shards = shards
        self.sessions: list[Session] = []
        self.connections: list[Connection] = []
        self.identifies: list[tuple[int, int]] = []
        self.resumes: list[tuple[int, int]] = []
        self.close_codes: list[int] = []
        self.sent: list[dict[str, Any]] = []
        self._world = world
        self._heartbeat_seconds = heartbeat_seconds

    def tell(
        self,
        name: str,
        data: dict[str, Any],
        *,
        guild: Guild | None = None,
        intents: int | None = None,
        channel: Channel | None = None,
    ) -> None:
        """To the sessions with the right shard and one of `intents` (None: always), if the bot may know of it."""
        for session in self._listeners(guild, intents, channel):
            session.tell(name, data)

    def message(self, name: str, message: Message) -> None:
        """MESSAGE_CREATE and MESSAGE_UPDATE, with what each session may read. Ephemeral ones are not told."""
        if message.ephemeral_for is not None:
            return
        channel = message.channel
        for session in self._listeners(channel.guild, _by_place(channel, GUILD_MESSAGES, DIRECT_MESSAGES), channel):
            sees = bool(session.intents & MESSAGE_CONTENT)
            session.tell(name, payloads.message_json(self._world, message, sees_content=sees, for_gateway=True))

    def deleted(self, message: Message) -> None:
        if message.ephemeral_for is not None:
            return
        channel = message.channel
        data = {"id": str(message.id), "channel_id": str(channel.id), **_guild_id(channel)}
        intents = _by_place(channel, GUILD_MESSAGES, DIRECT_MESSAGES)
        self.tell("MESSAGE_DELETE", data, guild=channel.guild, intents=intents, channel=channel)

    def deleted_in_bulk(self, messages: Sequence[Message]) -> None:
        channel = messages[0].channel
        data = {"ids": [str(each.id) for each in messages], "channel_id": str(channel.id), **_guild_id(channel)}
        intents = _by_place(channel, GUILD_MESSAGES, DIRECT_MESSAGES)
        self.tell("MESSAGE_DELETE_BULK", data, guild=channel.guild, intents=intents, channel=channel)

    def reaction(self, name: str, message: Message, account: Any, emoji: str) -> None:
        channel = message.channel
        data: dict[str, Any] = {
            "user_id": str(account.id),
            "channel_id": str(channel.id),
            "message_id": str(message.id),
            "emoji": {"id": None, "name": emoji},
            "burst": False,
            "type": 0,
            **_guild_id(channel),
        }
        if name.endswith("ADD"):
            data["message_author_id"] = str(message.author.id)
            if channel.guild is not None and account.id in channel.guild.members:
                data["member"] = payloads.member_json(channel.guild.members[account.id])
        intents = _by_place(channel, GUILD_REACTIONS, DIRECT_REACTIONS)
        self.tell(name, data, guild=channel.guild, intents=intents, channel=channel)

    def typing(self, channel: Channel, account: Any) -> None:
        data = {
            "channel_id": str(channel.id),
            "user_id": str(account.id),
            "timestamp": int(self._world.clock()),
            **_guild_id(channel),
        }
        intents = _by_place(channel, GUILD_TYPING, DIRECT_TYPING)
        self.tell("TYPING_START", data, guild=channel.guild, intents=intents, channel=channel)

    def _listeners(self, guild: Guild | None, intents: int | None, channel: Channel | None) -> list[Session]:
        if guild is not None and not guild.has_bot and intents is not None:
            return []
        if channel is not None and not channel.bot_sees:
            return []
        shard_key = guild.id >> 22 if guild is not None else 0
        return [
            session
            for session in self.sessions
            if shard_key % session.shard[1] == session.shard[0] and (intents is None or session.intents & intents)
        ]

    def reaches(self, guild: Guild | None) -> bool:
        """A session of the right shard exists, so an interaction gets to the bot."""
        return bool(self._listeners(guild, None, None))

    def drop(self, *, resumable: bool) -> None:
        """The connections break, without a word. Not `resumable`: the sessions are lost, too."""
        for connection in tuple(self.connections):
            self._detach(connection)
            connection.abort()
        if not resumable:
            for session in tuple(self.sessions):
                self._forget(session)

    def ask_to_reconnect(self) -> None:
        for connection in tuple(self.connections):
            connection.send(json.dumps({"op": 7, "d": None, "s": None, "t": None}))

    def invalidate(self, *, resumable: bool) -> None:
        for connection in tuple(self.connections):
            connection.send(json.dumps({"op": 9, "d": resumable, "s": None, "t": None}))
            if not resumable and connection.session is not None:
                self._forget(connection.session)

    def close_all(self, code: int) -> None:
        """As when Discord hangs up on every shard with this code."""
        for connection in tuple(self.connections):
            connection.close(code)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(max_msg_size=16 * 1024, autoping=True)
        await socket.prepare(request)
        if request.query.get("v") != "10" or request.query.get("encoding") != "json":
            await socket.close(code=4012, message=b"Invalid API version")
            return socket
        compress = request.query.get("compress")
        if compress not in {None, "zlib-stream"}:
            await socket.close(code=4000, message=b"only zlib-stream is simulated")
            return socket
        connection = Connection(socket, request, compresses=compress is not None)
        self.connections.append(connection)
        writer = asyncio.create_task(connection.write(), name="discord-gateway-writer")
        interval = int(self._heartbeat_seconds * 1000)
        hello = {"heartbeat_interval": interval, "_trace": []}
        connection.send(json.dumps({"op": 10, "d": hello, "s": None, "t": None}))
        try:
            await self._listen(connection)
        except HangUpError as refusal:
            self.close_codes.append(refusal.code)
            connection.close(refusal.code)
            await asyncio.wait([writer], timeout=5)
        finally:
            self._detach(connection)
            writer.cancel()
            await asyncio.wait([writer])
            self._world.changed()
        return socket

    async def _listen(self, connection: Connection) -> None:
        patience = self._heartbeat_seconds * 1.5
        loop = asyncio.get_running_loop()
        last_beat = loop.time()
        while True:
            left = last_beat + patience - loop.time()
            try:
                frame = await connection.socket.receive(timeout=max(0.01, left))
            except TimeoutError as error:
                raise HangUpError(4009) from error
            if frame.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
                if frame.type is WSMsgType.CLOSE and frame.data in {1000, 1001} and connection.session:
                    self._forget(connection.session)
                return
            try:
                said = json.loads(frame.data)
                code = said["op"]
            except (ValueError, KeyError, TypeError) as error:
                raise HangUpError(4002) from error
            connection.sent_by_client.append(loop.time())
            if sum(loop.time() - at < 60 for at in connection.sent_by_client[-_SENDS_PER_MINUTE - 1 :]) > (
                _SENDS_PER_MINUTE
            ):
                raise HangUpError(4008)
            if code == 1:
                last_beat = loop.time()
                connection.send(json.dumps({"op": 11, "d": None, "s": None, "t": None}))
            else:
                self._hear(connection, code, said.get("d"))

    def _hear(self, connection: Connection, code: int, data: Any) -> None:
        if code in {2, 6}:
            if connection.session is not None:
                raise HangUpError(4005)
            if not isinstance(data, dict) or data.get("token") != self._world.app.token:
                raise HangUpError(4004)
            (self._identify if code == 2 else self._resume)(connection, data)
        elif code in {3, 4, 8}:
            if connection.session is None:
                raise HangUpError(4003)
            self.sent.append({"op": code, "d": data})
            if code == 8:
                self._send_members(connection.session, data)
            elif code == 4:
                self._world.voice.asked(connection.session, data)
        else:
            raise HangUpError(4001)
        self._world.changed()

    def _identify(self, connection: Connection, data: dict[str, Any]) -> None:
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~_KNOWN_INTENTS:
            raise HangUpError(4013)
        if intents & PRIVILEGED & ~self._world.app.privileged:
            raise HangUpError(4014)
        shard, count = data.get("shard") or (0, 1)
        if not 0 <= shard < count:
            raise HangUpError(4010)
        world = self._world
        session = Session(id=f"{world.snowflakes.next():032x}", shard=(shard, count), intents=intents)
        for other in tuple(self.sessions):
            if other.shard == session.shard and other.connection is None:
                self._forget(other)
        self.sessions.append(session)
        self.identifies.append(session.shard)
        session.connection, connection.session = connection, session
        guilds = [guild for guild in world.guilds.values() if guild.has_bot and (guild.id >> 22) % count == shard]
        ready = {
            "v": 10,
            "user": payloads.me_json(world),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.url,
            "shard": [shard, count],
            "application": {"id": str(world.app.id), "flags": world.app.flags},
            "private_channels": [],
            "relationships": [],
            "user_settings": {},
            "presences": [],
            "_trace": [],
        }
        session.tell("READY", ready)
        if intents & GUILDS:
            for guild in guilds:
                session.tell("GUILD_CREATE", payloads.guild_json(guild))

    def _resume(self, connection: Connection, data: dict[str, Any]) -> None:
        session = next((item for item in self.sessions if item.id == data.get("session_id")), None)
        if session is None:
            connection.send(json.dumps({"op": 9, "d": False, "s": None, "t": None}))
            return
        seen = data.get("seq")
        if not isinstance(seen, int) or not 0 <= seen <= len(session.events):
            raise HangUpError(4007)
        if session.connection is not None:
            session.connection.session = None
            session.connection.abort()
        self.resumes.append(session.shard)
        connection.session, session.connection = session, connection
        for event in session.events[seen:]:
            connection.send(event)
        session.tell("RESUMED", {"_trace": []})

    def _send_members(self, session: Session, data: dict[str, Any]) -> None:
        guild = self._world.guilds.get(int(data["guild_id"]))
        if guild is None:
            return
        wanted = {int(value) for value in data.get("user_ids") or ()}
        start = str(data.get("query") or "").lower()
        everybody = not wanted and not start
        if everybody and not session.intents & GUILD_MEMBERS:
            return
        members = [
            member
            for member in guild.members.values()
            if (member.account.id in wanted if wanted else member.account.name.lower().startswith(start))
        ]
        chunk = {
            "guild_id": str(guild.id),
            "members": [payloads.member_json(member) for member in members],
            "chunk_index": 0,
            "chunk_count": 1,
            "not_found": [str(value) for value in wanted - guild.members.keys()],
            **({"nonce": data["nonce"]} if data.get("nonce") else {}),
        }
        session.tell("GUILD_MEMBERS_CHUNK", chunk)

    def _detach(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
        if connection.session is not None and connection.session.connection is connection:
            connection.session.connection = None

    def _forget(self, session: Session) -> None:
        """What it did in voice is over, too."""
        if session in self.sessions:
            self.sessions.remove(session)
            self._world.voice.session_lost(session)


def _by_place(channel: Channel, in_guild: int, direct: int) -> int:
    return in_guild if channel.guild is not None else direct


def _guild_id(channel: Channel) -> dict[str, str]:
    return {"guild_id": str(channel.guild.id)} if channel.guild is not None else {}
