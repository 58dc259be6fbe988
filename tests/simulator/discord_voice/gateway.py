"""The voice gateway, version 8: it identifies, resumes, describes, and hangs up on who breaks its rules."""

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.simulator.discord_voice.call import REASONS
from tests.simulator.discord_voice.rtp import MODE, MODES
from tests.simulator.discord_voice.session import Connection, Session, Ticket

if TYPE_CHECKING:
    from tests.simulator.discord_voice.server import VoiceServer

_LEAST_PATIENCE_SECONDS = 0.01


class HangUpError(Exception):
    """The gateway closes the connection with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__(REASONS[code])
        self.code = code


class VoiceGateway:
    """`close_codes` are those it hung up with by its own rules."""

    def __init__(self, server: "VoiceServer", *, heartbeat_seconds: float) -> None:
        self.connections: list[Connection] = []
        self.close_codes: list[int] = []
        self.identifies: list[dict[str, Any]] = []
        self.heartbeat_seconds = heartbeat_seconds
        self._server = server

    async def serve(self, request: web.Request, region: int) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=True, max_msg_size=1 << 20)
        await socket.prepare(request)
        if request.query.get("v") != "8":
            self._server.violations.append(f"gateway version {request.query.get('v')}")
            await socket.close(code=4012, message=b"Unknown protocol.")
            return socket
        connection = Connection(socket, request)
        connection.region = region
        self.connections.append(connection)
        writer = asyncio.create_task(connection.write(), name="voice-gateway-writer")
        interval = int(self.heartbeat_seconds * 1000)
        connection.send(json.dumps({"op": 8, "d": {"v": 8, "heartbeat_interval": interval}}))
        try:
            await self._listen(connection)
        except HangUpError as refusal:
            self.close_codes.append(refusal.code)
            connection.close(refusal.code, REASONS[refusal.code])
            await asyncio.wait([writer], timeout=5)
        finally:
            self.connections.remove(connection)
            writer.cancel()
            await asyncio.wait([writer])
            session = connection.session
            if session is not None and session.connection is connection:
                session.call.cut(session, connection.closed_with or _said_by_client(socket))
            self._server.changed()
        return socket

    async def _listen(self, connection: Connection) -> None:
        last_beat = time.monotonic()
        patience = self.heartbeat_seconds * 1.5
        while True:
            left = last_beat + patience - time.monotonic()
            try:
                frame = await connection.socket.receive(timeout=max(_LEAST_PATIENCE_SECONDS, left))
            except TimeoutError as error:
                raise HangUpError(4009) from error
            if frame.type is WSMsgType.TEXT:
                operation, data = _read(frame.data)
                if operation == 3:
                    last_beat = time.monotonic()
                await self._hear(connection, operation, data)
            elif frame.type is WSMsgType.BINARY:
                self._hear_bytes(connection, frame.data)
            else:
                return
            self._server.changed()

    async def _hear(self, connection: Connection, operation: int, data: Any) -> None:
        session = connection.session
        if session is not None:
            session.said.append((operation, data))
        if operation in {0, 7}:
            if session is not None:
                raise HangUpError(4005)
            if not isinstance(data, dict):
                raise HangUpError(4002)
            await asyncio.sleep(self._server.delay_seconds)
            (self._identify if operation == 0 else self._resume)(connection, data)
        elif operation == 3:
            self._beat(connection, data)
        elif session is None:
            raise HangUpError(4003)
        elif session is not session.call.session:
            return  # it was over before this was said
        elif operation == 1:
            self._select(session, data)
        elif operation == 5:
            self._speaking(session, data)
        elif operation == 23:
            self._in_group(session, operation)
            session.call.group.hear_ready(data["transition_id"])
        elif operation == 31:
            self._in_group(session, operation)
            session.call.group.hear_invalid(data["transition_id"])
        elif operation == 12:
            session.accuse("op 12: video of a bot")
        else:
            raise HangUpError(4001)

    def _hear_bytes(self, connection: Connection, data: bytes) -> None:
        session = connection.session
        if session is None:
            raise HangUpError(4003)
        if not data:
            raise HangUpError(4002)
        operation, body = data[0], data[1:]
        session.said.append((operation, len(body)))
        if session is not session.call.session:
            return
        self._in_group(session, operation)
        if operation == 26:
            session.call.group.hear_key_package(body)
        elif operation == 28:
            session.call.group.hear_commit(body)
        else:
            raise HangUpError(4001)

    def _in_group(self, session: Session, operation: int) -> None:
        if not session.is_described:
            session.accuse(f"op {operation} before op 4")
            raise HangUpError(4003)

    def _identify(self, connection: Connection, data: dict[str, Any]) -> None:
        self.identifies.append(data)
        ticket = self._ticket(connection, data)
        if str(ticket.user_id) != data.get("user_id"):
            raise HangUpError(4004)
        call = self._server.calls[ticket.channel_id]
        if call.group.version and not data.get("max_dave_protocol_version"):
            raise HangUpError(4017)
        session = Session(call, ticket, self._server.next_ssrc(), self._server.violations)
        session.number = self._server.first_number
        session.said.append((0, data))
        session.connection, connection.session = connection, session
        call.begin(session)
        self._server.sessions[session.ssrc] = session
        host, port = self._server.udp_address
        session.tell(
            2, {"ssrc": session.ssrc, "ip": host, "port": port, "modes": list(MODES), "experiments": [], "streams": []}
        )
        if call.group.version and call.early_external_sender:
            session.tell_bytes(25, call.group.external_sender)

    def _resume(self, connection: Connection, data: dict[str, Any]) -> None:
        ticket = self._ticket(connection, data)
        session = self._server.calls[ticket.channel_id].session
        if session is None or session.ticket != ticket or not session.is_described:
            raise HangUpError(4006)
        if not session.knows(data.get("seq_ack", -1)):
            raise HangUpError(4020)
        if session.connection is not None:
            session.connection.session = None
            session.connection.abort()
        session.connection, connection.session = connection, session
        session.said.append((7, data))
        session.call.resumed()
        session.replay(data.get("seq_ack", -1))
        session.tell(9, None)

    def _ticket(self, connection: Connection, data: dict[str, Any]) -> Ticket:
        server_id, session_id = data.get("server_id"), data.get("session_id")
        if all(str(call.guild_id) != server_id for call in self._server.calls.values()):
            raise HangUpError(4011)
        known = (each for each in self._server.tickets if str(each.guild_id) == server_id)
        ticket = next((each for each in known if each.session_id == session_id), None)
        if ticket is None or ticket.region != connection.region:
            raise HangUpError(4006)
        if ticket.token != data.get("token"):
            raise HangUpError(4004)
        return ticket

    def _select(self, session: Session, data: Any) -> None:
        if not isinstance(data, dict) or data.get("protocol") != "udp":
            raise HangUpError(4012)
        chosen = data.get("data") or {}
        if chosen.get("mode") != MODE:
            raise HangUpError(4016)
        if session.address is None:
            session.accuse("op 1 before IP discovery")
        elif (chosen.get("address"), chosen.get("port")) != session.address:
            session.accuse("op 1: an address that was not discovered")
        if session.is_described:
            session.accuse("op 1 twice")
        session.tell(
            4,
            {
                "mode": MODE,
                "secret_key": list(session.key),
                "audio_codec": "opus",
                "video_codec": "H264",
                "media_session_id": session.ticket.session_id,
                "dave_protocol_version": session.call.group.version,
            },
        )
        session.call.describe(session)

    def _speaking(self, session: Session, data: Any) -> None:
        if not session.is_described:
            session.accuse("op 5 before op 4")
        elif not isinstance(data, dict) or not isinstance(data.get("speaking"), int):
            raise HangUpError(4020)
        else:
            session.conduct.speaking(data["speaking"], data.get("ssrc"))

    def _beat(self, connection: Connection, data: Any) -> None:
        if not isinstance(data, dict) or "t" not in data:
            raise HangUpError(4020)
        session = connection.session
        if session is not None:
            session.heartbeats.append(time.monotonic())
            if "seq_ack" not in data or not session.knows(data["seq_ack"]):
                session.accuse(f"op 3: seq_ack {data.get('seq_ack')} while {session.number} was the last")
        connection.send(json.dumps({"op": 6, "d": {"t": data["t"]}}))


def _read(text: str) -> tuple[int, Any]:
    try:
        said = json.loads(text)
        return int(said["op"]), said.get("d")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise HangUpError(4002) from error


def _said_by_client(socket: web.WebSocketResponse) -> int | None:
    """None: the connection broke."""
    return None if socket.close_code in {None, 1006} else socket.close_code
