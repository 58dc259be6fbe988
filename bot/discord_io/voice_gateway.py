"""The voice gateway, hardened: what the server sends wrong or early neither ends the connection nor is lost."""

import asyncio
import logging
import struct
from typing import TYPE_CHECKING, Any, cast

import discord
from discord.gateway import DiscordVoiceWebSocket

if TYPE_CHECKING:
    from bot.discord_io.voice_connection import LineConnectionState

MALFORMED = (ValueError, TypeError, LookupError, AttributeError, struct.error)
"""What taking a message apart raises when it is not as it should be; every failure of davey is a ValueError."""

_CLOSE_SECONDS = 1.0
_DISCOVERY_BYTES = 74
_DISCOVERY_SECONDS = 0.5
_DISCOVERY_ATTEMPTS = 10
_NEW_GROUP = 1

_log = logging.getLogger(__name__)


class LineWebSocket(DiscordVoiceWebSocket):
    """One connection to the voice gateway. Streams, departures and keys are told to the receiver as they come."""

    _external_sender: bytes | None = None
    """Came before there was a session to give it to."""

    @property
    def _line(self) -> "LineConnectionState":
        return cast("LineConnectionState", self._connection)

    async def poll_event(self) -> None:
        """As the library does it, but a message that cannot be read is skipped."""
        try:
            await super().poll_event()
        except discord.ConnectionClosed:
            raise
        except MALFORMED as error:
            self._line.note_bad_message()
            _log.warning("a message of the voice gateway was not understood: %s", type(error).__name__)

    async def received_message(self, msg: dict[str, Any]) -> None:
        op, data = msg["op"], msg["d"]
        line = self._line
        if op == self.SESSION_DESCRIPTION:
            line.receiver.begin(line)
        elif op == self.DAVE_PREPARE_EPOCH and data["epoch"] == _NEW_GROUP:
            line.prepare_session(data["protocol_version"])
        await super().received_message(msg)
        if op in (self.SESSION_DESCRIPTION, self.DAVE_PREPARE_EPOCH):
            self._give_external_sender()
        elif op == self.SPEAKING:
            line.receiver.assign(int(data["ssrc"]), int(data["user_id"]))
        elif op == self.CLIENT_CONNECT:
            line.receiver.assign(int(data["audio_ssrc"]), int(data["user_id"]))
        elif op == self.CLIENT_DISCONNECT:
            line.receiver.left(int(data["user_id"]))

    async def received_binary_message(self, msg: bytes) -> None:
        op = msg[2]
        line = self._line
        if op == self.MLS_EXTERNAL_SENDER and (line.dave_session is None or self.secret_key is None):
            self._external_sender = msg[3:]
            return
        try:
            await super().received_binary_message(msg)
        except MALFORMED as error:
            line.note_bad_message()
            _log.warning("op %d of the voice gateway failed (%s); asking to be added anew", op, type(error).__name__)
            await line.rejoin_group()
            return
        if op in (self.MLS_ANNOUNCE_COMMIT_TRANSITION, self.MLS_WELCOME):
            line.receiver.rekeyed()

    async def speak(self, state: discord.SpeakingState = discord.SpeakingState.voice) -> None:
        """Not before the session is described: the player of the connection before may end just then."""
        if self.secret_key is not None:
            await super().speak(state)

    def _give_external_sender(self) -> None:
        session = self._line.dave_session
        if self._external_sender is not None and session is not None:
            session.set_external_sender(self._external_sender)
            self._external_sender = None

    async def discover_ip(self) -> tuple[str, int]:
        """Ask the server how it sees us, again while it does not answer: datagrams get lost. Raises TimeoutError."""
        line = self._line
        answer: asyncio.Future[bytes] = self.loop.create_future()

        def take(data: bytes) -> None:
            if len(data) == _DISCOVERY_BYTES and data[1] == 2:
                self.loop.call_soon_threadsafe(lambda: answer.done() or answer.set_result(data))

        question = struct.pack(">HHI", 1, 70, line.ssrc).ljust(_DISCOVERY_BYTES, b"\0")
        line.add_socket_listener(take)
        try:
            for _ in range(_DISCOVERY_ATTEMPTS):
                await self.loop.sock_sendall(line.socket, question)
                done, _ = await asyncio.wait({answer}, timeout=_DISCOVERY_SECONDS)
                if done:
                    break
            else:
                raise TimeoutError("no answer to the discovery of our address")
        finally:
            line.remove_socket_listener(take)
        data = answer.result()
        return data[8 : data.index(0, 8)].decode("ascii"), int.from_bytes(data[-2:], "big")

    async def close(self, code: int = 1000) -> None:
        """Say goodbye, but do not wait long for a server that is gone."""
        try:
            async with asyncio.timeout(_CLOSE_SECONDS):
                await super().close(code)
        except TimeoutError:
            _log.debug("the voice gateway did not answer the goodbye")
