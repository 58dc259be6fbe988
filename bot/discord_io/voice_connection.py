"""The voice connection of discord.py, hardened by subclassing: it hears, does not stall, and tells when it is lost.

The library is told not to reconnect: every loss comes to `ConnectionEvents.lost`, and one place decides what follows.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

import aiohttp
import discord
from discord.voice_state import ConnectionFlowState, SocketReader, VoiceConnectionState

from bot.discord_io.voice_gateway import LineWebSocket
from bot.discord_io.voice_receiver import Session, VoiceReceiver
from bot.discord_io.voice_socket import DatagramReader, shut
from bot.domain.voice import SILENCE_FRAME

try:
    import davey
except ImportError:  # joining says so in words
    davey = None

DISCONNECTED_CODES = frozenset({4014, 4022})
"""Discord ended it, or moves us: a new server is named soon, or never."""

_CLOSING_SECONDS = 10
"""So long after an upgrade to encryption frames without it may still be under way."""

_LEAST_BETWEEN_REJOINS_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.005


class ConnectionEvents(Protocol):
    """Who is told how a connection fares. On the event loop."""

    def lost(self, client: "LineVoiceClient", code: int | None) -> None:
        """It is over; `code` of the gateway, None when there was none."""
        ...

    def wavering(self, client: "LineVoiceClient") -> None:
        """Discord moves the call to another server."""
        ...

    def restored(self, client: "LineVoiceClient") -> None: ...

    def moved(self, client: "LineVoiceClient") -> None:
        """A moderator moved us to another channel."""
        ...


class LineConnectionState(VoiceConnectionState):
    """The state of one connection; a `Wire` for the receiver."""

    voice_client: "LineVoiceClient"
    _connector: asyncio.Task[None] | None
    _runner: asyncio.Task[None] | None

    def __init__(self, client: "LineVoiceClient", *, receiver: VoiceReceiver, count: Callable[[str], None]) -> None:
        super().__init__(client)
        self.receiver = receiver
        self.was_removed = False
        self._count = count
        self._last_transition = 0
        self._plain_until = 0.0
        self._rejoined_group_at = -_LEAST_BETWEEN_REJOINS_SECONDS
        self._rejoin_later: asyncio.TimerHandle | None = None
        self._has_new_server = False
        self._is_listening = False

    # What the receiver reads

    @property
    def own_id(self) -> int:
        return self.user.id

    @property
    def transport_key(self) -> Sequence[int] | None:
        return self.secret_key or None

    @property
    def session(self) -> Session | None:
        return cast("Session | None", self.dave_session)

    @property
    def is_encrypted(self) -> bool:
        return self.dave_protocol_version > 0

    @property
    def accepts_plain(self) -> bool:
        return (
            not self.is_encrypted
            or self.dave_downgraded
            or 0 in self.dave_pending_transitions.values()
            or time.monotonic() < self._plain_until
        )

    @property
    def is_in_transition(self) -> bool:
        return bool(self.dave_pending_transitions)

    def decrypt(self, session: Session, person_id: int, frame: bytes) -> bytes:
        if davey is None:
            raise ValueError("no davey")
        return session.decrypt(person_id, davey.MediaType.audio, frame)

    def recover(self) -> None:
        """Ask to be added to the group anew."""
        task = self.voice_client.loop.create_task(self.rejoin_group(), name="voice recovery")
        self._recoveries.add(task)
        task.add_done_callback(self._recoveries.discard)

    # The reader: the library makes its own in this place

    @property
    def _socket_reader(self) -> SocketReader:
        return self._reader

    @_socket_reader.setter
    def _socket_reader(self, _: SocketReader) -> None:
        self._reader = DatagramReader(self)
        self._recoveries: set[asyncio.Task[None]] = set()

    @property
    def is_reading(self) -> bool:
        return self._reader.is_alive()

    def _create_socket(self) -> None:
        shut(self.socket or None)
        super()._create_socket()
        if not self._is_listening:
            self._is_listening = True
            self.add_socket_listener(self.receiver.datagram)

    # Encryption

    def note_bad_message(self) -> None:
        self._count("bad_messages")

    def prepare_session(self, version: int) -> None:
        """A call that began without encryption gets it; the library would not notice."""
        if self.dave_session is None and davey is not None and version > 0:
            self.dave_session = davey.DaveSession(version, self.user.id, self.voice_client.channel.id)
            self.dave_downgraded = True

    async def rejoin_group(self) -> None:
        """Leave the group and ask to be added anew, not more than once a second.

        Until the answer comes, messages of the group that was left fail: another key package for each of them would
        make the welcome for the one before worthless, without end.
        """
        loop = self.voice_client.loop
        wait = self._rejoined_group_at + _LEAST_BETWEEN_REJOINS_SECONDS - time.monotonic()
        if not self.is_encrypted:
            return
        if wait > 0:
            if self._rejoin_later is None:
                self._rejoin_later = loop.call_later(wait, self._rejoin_if_still_out)
            return
        self._rejoined_group_at = time.monotonic()
        self._count("recoveries")
        with contextlib.suppress(OSError, aiohttp.ClientError):  # the connection is ending, which is told elsewhere
            await super()._recover_from_invalid_commit(self._last_transition)

    async def _recover_from_invalid_commit(self, transition_id: int) -> None:
        self._last_transition = transition_id
        await self.rejoin_group()

    def _rejoin_if_still_out(self) -> None:
        self._rejoin_later = None
        if self.is_connected():
            self.recover()

    def _forget_rejoin(self) -> None:
        if self._rejoin_later is not None:
            self._rejoin_later.cancel()
            self._rejoin_later = None

    async def _execute_transition(self, transition_id: int) -> None:
        was_downgraded = self.dave_downgraded
        if transition_id in self.dave_pending_transitions:
            self._last_transition = transition_id
            self._forget_rejoin()
        await super()._execute_transition(transition_id)
        if was_downgraded and not self.dave_downgraded and self.dave_session is not None:
            self._plain_until = time.monotonic() + _CLOSING_SECONDS
            self.dave_session.set_passthrough_mode(False, _CLOSING_SECONDS)
        self.receiver.rekeyed()

    # Connecting and ending

    async def connect(
        self, *, reconnect: bool, timeout: float, self_deaf: bool, self_mute: bool, resume: bool, wait: bool = True
    ) -> None:
        """As the library does it, but a connection begun anew meanwhile is waited for as well."""
        await super().connect(
            reconnect=reconnect, timeout=timeout, self_deaf=self_deaf, self_mute=self_mute, resume=resume, wait=False
        )
        while wait and (connector := self._connector) is not None:
            await asyncio.wait({connector})
            if connector is self._connector:
                if not connector.cancelled():
                    connector.result()
                return

    async def _wait_for_state(
        self, state: ConnectionFlowState, *other_states: ConnectionFlowState, timeout: float | None = None
    ) -> None:
        """The library's own event misses a change that comes just before it begins to wait."""
        async with asyncio.timeout(timeout):
            while self.state not in {state, *other_states}:  # noqa: ASYNC110 - see above
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _connect_websocket(self, resume: bool) -> LineWebSocket:
        websocket = await LineWebSocket.from_connection_state(self, resume=resume, hook=self.hook)
        self.state = ConnectionFlowState.websocket_connected
        return websocket

    async def _poll_voice_ws(self, reconnect: bool) -> None:
        task = asyncio.current_task()
        code = None
        try:
            code = await self._read_to_the_end()
        finally:
            if task is not None and task is self._runner and not task.cancelling():
                self.voice_client.events.lost(self.voice_client, code)

    async def _read_to_the_end(self) -> int | None:
        while True:
            try:
                await self.ws.poll_event()
            except discord.ConnectionClosed as error:
                if error.code not in DISCONNECTED_CODES or self._disconnected.is_set() or not await self._was_moved():
                    return None if self._has_new_server else error.code
            except (OSError, aiohttp.ClientError):
                return None

    async def _was_moved(self) -> bool:
        """Whether Discord names another server in time, and it takes us."""
        self.voice_client.events.wavering(self.voice_client)
        try:
            async with asyncio.timeout(2 * self.timeout):
                if not await self._potential_reconnect():
                    return False
        except (OSError, aiohttp.ClientError):
            return False
        self._has_new_server = False
        self.voice_client.events.restored(self.voice_client)
        return True

    async def voice_server_update(self, data: Any) -> None:
        if self.state is ConnectionFlowState.connected:
            self._has_new_server = data.get("endpoint") is not None
        await super().voice_server_update(data)

    async def voice_state_update(self, data: Any) -> None:
        if data["channel_id"] is None and not self._expecting_disconnect:
            if self.session_id is None:
                return  # the goodbye of a connection before this one
            self.was_removed = True
            await self.stop_connecting()
        await super().voice_state_update(data)
        if self.was_removed:
            self.voice_client.events.lost(self.voice_client, None)

    def _update_voice_channel(self, channel_id: int | None) -> None:
        before = self.voice_client.channel
        super()._update_voice_channel(channel_id)
        if cast("object | None", self.voice_client.channel) is None:
            self.voice_client.channel = before
        elif self.voice_client.channel.id != before.id:
            self.voice_client.events.moved(self.voice_client)

    async def _voice_disconnect(self) -> None:
        self.state = ConnectionFlowState.disconnected
        if self.was_removed:
            return
        self._expecting_disconnect = True
        self._disconnected.clear()
        await self.voice_client.guild.change_voice_state(channel=None)

    async def disconnect(self, *, force: bool = True, cleanup: bool = True, wait: bool = False) -> None:
        is_known = self.session_id is not None and not self.was_removed
        self._forget_rejoin()
        self._wake_reader()
        await super().disconnect(force=force, cleanup=cleanup, wait=wait and is_known)
        runner = self._runner
        if cleanup and runner is not None and runner is not asyncio.current_task():
            runner.cancel()

    async def stop_connecting(self) -> None:
        """Give up a handshake that goes on."""
        connector = self._connector
        if connector is not None and not connector.done():
            connector.cancel()
            await asyncio.wait({connector})

    async def soft_disconnect(
        self, *, with_state: ConnectionFlowState = ConnectionFlowState.got_both_voice_updates
    ) -> None:
        self._wake_reader()
        await super().soft_disconnect(with_state=with_state)

    def _wake_reader(self) -> None:
        """It waits for a socket that is about to be closed."""
        self._socket_reader.pause()
        shut(self.socket or None)


class LineVoiceClient(discord.VoiceClient):
    """A voice connection of the library that hears and never sends in the clear what is to be encrypted."""

    def __init__(
        self,
        client: discord.Client,
        channel: discord.abc.Connectable,
        *,
        receiver: VoiceReceiver,
        events: ConnectionEvents,
        count: Callable[[str], None],
    ) -> None:
        self.events = events
        self.is_leaving = False
        self._receiver = receiver
        self._count = count
        super().__init__(client, channel)

    def create_connection_state(self) -> LineConnectionState:
        return LineConnectionState(self, receiver=self._receiver, count=self._count)

    @property
    def line(self) -> LineConnectionState:
        return cast("LineConnectionState", self._connection)

    @property
    def may_speak(self) -> bool:
        """Whether what is sent now can be heard: the keys are agreed, or none are needed."""
        return not self.line.is_encrypted or self.line.can_encrypt

    def send_audio_packet(self, data: bytes, *, encode: bool = True) -> None:
        if data != SILENCE_FRAME and not self.may_speak:
            self._count("unsent")
            return
        super().send_audio_packet(data, encode=encode)

    def keep_alive(self, counter: int) -> None:
        """Eight bytes now and then, without which the way to us is forgotten."""
        with contextlib.suppress(OSError, AttributeError):  # no socket at this moment
            self.line.send_packet(counter.to_bytes(8, "big"))

    def cleanup(self) -> None:
        """Only our own entry: another connection may have taken the place."""
        if self.guild.voice_client is self:
            super().cleanup()

    async def disconnect(self, *, force: bool = False) -> None:
        """How the library ends a connection: for good."""
        self.is_leaving = True
        await self.hang_up()

    async def hang_up(self) -> None:
        """Leave, and wait until Discord says that we left."""
        self.stop()
        await self.line.stop_connecting()
        await self.line.disconnect(force=True, wait=True)
        self.cleanup()
