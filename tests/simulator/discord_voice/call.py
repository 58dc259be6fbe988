"""What goes on in one voice channel: who is there, the bot's session, and everything Discord may do to it."""

import asyncio
import random
import struct
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.simulator.discord_voice.group import DaveGroup
from tests.simulator.discord_voice.keys import Dave, DaveyKeys, Keys, LibdaveKeys
from tests.simulator.discord_voice.rtp import SAMPLES_PER_FRAME, Packet, receiver_report
from tests.simulator.discord_voice.session import Session
from tests.simulator.discord_voice.speaker import Speaker
from tests.simulator.discord_voice.weather import Weather

if TYPE_CHECKING:
    from tests.simulator.discord_voice.server import VoiceServer

REASONS = {
    1000: "",
    4001: "Unknown opcode.",
    4002: "Failed to decode payload.",
    4003: "Not authenticated.",
    4004: "Authentication failed.",
    4005: "Already authenticated.",
    4006: "Session is no longer valid.",
    4009: "Session timeout.",
    4011: "Server not found.",
    4012: "Unknown protocol.",
    4014: "Disconnected.",
    4015: "Voice server crashed.",
    4016: "Unknown encryption mode.",
    4017: "E2EE/DAVE protocol required",
    4020: "Bad request.",
    4021: "Disconnected: rate limited.",
    4022: "Disconnected: call terminated.",
}
_RESUMABLE = {1006, 4015}
_VIDEO = 0x65
ENDED = 4022
_PATIENCE_SECONDS, _TOLD_SECONDS = 0.5, 0.05
_STRAGGLERS_SECONDS = 0.1
"""How long the last packets may take, which go another way than the last message."""


class Call:
    """`version` 0: not encrypted end to end, as in stage channels. `weather` blows towards the bot, `back` towards
    the people. `early_external_sender`: operation 25 comes before operation 4. `route_seconds`: after so long without
    a packet of the bot, none gets to it any more (None: never). `resume_seconds`: how long a session is kept whose
    connection broke."""

    def __init__(self, server: "VoiceServer", *, guild_id: int, channel_id: int, version: int) -> None:
        self.server = server
        self.guild_id = guild_id
        self.channel_id = channel_id
        self.group = DaveGroup(channel_id, version=version, changed=self._keys_changed)
        self.people: dict[int, Speaker] = {}
        self.session: Session | None = None
        self.sessions = 0
        self.resumes = 0
        self.weather = Weather()
        self.back = Weather()
        self.early_external_sender = False
        self.route_seconds: float | None = None
        self.resume_seconds = 30.0
        self.is_closed = False
        self.on_end: Callable[[Session, int], None] | None = None
        self.may_speak: Callable[[], bool] = lambda: True
        self._expiry: asyncio.TimerHandle | None = None

    @property
    def has_client(self) -> bool:
        """The bot's session is described, so it can hear."""
        return self.session is not None and self.session.is_described

    @property
    def client_id(self) -> int:
        return self.session.user_id if self.session is not None else 0

    def join(self, user_id: int, *, name: str = "", dave: Dave = "davey") -> Speaker:
        """Somebody comes into the channel."""
        keys: Keys = (LibdaveKeys if dave == "libdave" else DaveyKeys)(user_id, self.channel_id)
        speaker = Speaker(self, keys, name=name or str(user_id), ssrc=self.server.next_ssrc(), dave=dave)
        self.people[user_id] = speaker
        self._tell(11, {"user_ids": [str(user_id)]})
        if self.group.version:
            self.group.enter(keys)
        else:
            self.group.wait_outside(keys)
        return speaker

    def leave(self, user_id: int) -> None:
        speaker = self.people.pop(user_id)
        speaker.hush()
        self._tell(13, {"user_id": str(user_id)})
        self.group.leave(user_id)

    def announce(self, speaker: Speaker, flags: int = 1) -> None:
        """Operation 5: who sends with which SSRC."""
        self._tell(5, {"user_id": str(speaker.user_id), "ssrc": speaker.ssrc, "speaking": flags})

    def begin(self, session: Session) -> None:
        """The bot identified itself; a session it had here before is over."""
        if self.session is not None:
            self.end(self.session)
        self.session = session
        self.sessions += 1

    def describe(self, session: Session) -> None:
        """What follows operation 4."""
        session.is_described = True
        if self.people:
            session.tell(11, {"user_ids": [str(user_id) for user_id in self.people]})
        if self.group.version and not self.early_external_sender:
            session.tell_bytes(25, self.group.external_sender)
        self.group.client_enters(session)

    def end(self, session: Session) -> None:
        if self.session is not session:
            return
        self._keep(None)
        self.session = None
        self.group.client_leaves()
        session.end()
        self.server.sessions.pop(session.ssrc, None)

    def cut(self, session: Session, code: int | None) -> None:
        """Its connection is gone. What it could resume is kept for a while."""
        session.connection = None
        if code in {1000, 1001}:
            asyncio.get_running_loop().call_later(_STRAGGLERS_SECONDS, session.conduct.leaves)
        if self.session is not session:
            return
        if code is None or code in _RESUMABLE:
            self._keep(lambda: self._give_up(session, code or 1006))
        else:
            self._give_up(session, code)

    def _give_up(self, session: Session, code: int) -> None:
        self.end(session)
        if self.on_end is not None:
            self.on_end(session, code)

    def _keep(self, then: Callable[[], None] | None) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if then is not None:
            self._expiry = asyncio.get_running_loop().call_later(self.resume_seconds, then)

    def resumed(self) -> None:
        self.resumes += 1
        self._keep(None)

    def hang_up(self, code: int) -> None:
        """Closes the bot's connection with that code; 1006 breaks it without a word. After 1006 and 4015 the session
        can be resumed, after the others it is over."""
        assert self.session is not None
        assert self.session.connection is not None, "the bot is not connected"
        connection = self.session.connection
        if code == 1006:
            connection.abort()
        else:
            connection.close(code, REASONS[code])
            if code not in _RESUMABLE:
                self.server.forget(self.session.ticket)
                self.end(self.session)

    def carry(self, packet: Packet, weather: Weather | None = None) -> bool:
        """Sends a packet to the bot through the weather. False: it did not go out, or is lost."""
        session, weather = self.session, weather or self.weather
        if session is None or session.address is None:
            return False
        packet.padding = packet.padding or weather.padding_bytes()
        packet.extension = packet.extension and weather.has_extension()
        if weather.happens("paddings", weather.paddings):
            self._send_padding(session, packet)
        if weather.happens("others", weather.others):
            noise = random.randbytes(200)
            video = Packet(ssrc=packet.ssrc + 1, sequence=1, timestamp=1, payload=noise, payload_type=_VIDEO)
            self.send_raw(session.cipher.seal(video))
        if weather.happens("reports", weather.reports):
            self.send_raw(receiver_report(session.cipher, packet.ssrc))
        data = session.cipher.seal(packet)
        return weather.carry(lambda: self.send_raw(data))

    def _send_padding(self, session: Session, packet: Packet) -> None:
        """A packet that is padding and nothing else takes the number of the one behind it."""
        empty = Packet(ssrc=packet.ssrc, sequence=packet.sequence, timestamp=packet.timestamp, payload=b"", padding=200)
        speaker = next((each for each in self.people.values() if each.ssrc == packet.ssrc), None)
        if speaker is not None:
            speaker.sequence = packet.sequence = (packet.sequence + 1) % (1 << 16)
        self.send_raw(session.cipher.seal(empty))

    def send_raw(self, data: bytes) -> None:
        """A datagram as it is."""
        session = self.session
        if session is None or session.address is None:
            return
        if self.route_seconds is not None and time.monotonic() - session.last_packet_at > self.route_seconds:
            return
        self.server.send(data, session.address)

    def hear(self, session: Session, packet: Packet) -> None:
        """A packet of the bot, on its way to everybody."""
        at = time.monotonic()
        must = self.group.version > 0 and self.group.is_encrypted
        taken = session.conduct.takes(packet, must_be_encrypted=must)
        if not taken or session is not self.session:
            return
        if not self.may_speak():
            session.accuse("rtp: sound of who is muted")
            return

        def deliver() -> None:
            for speaker in tuple(self.people.values()):
                speaker.hear(packet, at)

        self.back.carry(deliver)

    def _keys_changed(self) -> None:
        for speaker in self.people.values():
            speaker.try_again()

    def move_region(self, *, code: int | None = None) -> None:
        """The call goes on at another server; the main gateway tells where. `code`: what the old connection is closed
        with a moment before that (None: the bot closes it itself, or half a second later Discord does)."""
        assert self.session is not None, "the bot is not in this call"
        old = self.session
        loop = asyncio.get_running_loop()
        if code is None:
            self.server.move_region(old)
            loop.call_later(_PATIENCE_SECONDS, _close, old, ENDED)
        else:
            _close(old, code)
            loop.call_later(_TOLD_SECONDS, self.server.move_region, old)

    async def settled(self, timeout: float = 10.0) -> None:
        """Waits until the bot hears and is in the group with everybody."""
        async with asyncio.timeout(timeout):
            while not (self.has_client and self.group.is_settled):  # noqa: ASYNC110 - many places change it
                await asyncio.sleep(0.005)

    def downgrade(self) -> None:
        self.group.downgrade()

    def upgrade(self) -> None:
        self.group.upgrade()

    def diverge(self) -> None:
        """Everybody but the bot goes on to the next epoch."""
        self.group.diverge(DaveyKeys(random.randrange(1 << 40, 1 << 41), self.channel_id))

    def send_malformed(self, operation: int) -> None:
        """Operation 25, 27, 29 or 30 with bytes that are none of it."""
        body = b"\x05hello" if operation == 25 else b"\x00\x05hello" if operation == 27 else b"\x00\x63\x05hello"
        assert self.session is not None
        self.session.tell_bytes(operation, body)

    def send_noise(self, size: int = 100) -> None:
        """A datagram that was not sealed with this session's key."""
        head = struct.pack(">BBHII", 0x80, 0x78, 1, SAMPLES_PER_FRAME, 1)
        self.send_raw(head + random.randbytes(size))

    def _tell(self, operation: int, data: object) -> None:
        if self.has_client:
            assert self.session is not None
            self.session.tell(operation, data)

    def close(self) -> None:
        """The simulator ends."""
        self.is_closed = True
        self._keep(None)
        self.group.close()
        for speaker in self.people.values():
            speaker.hush()


def _close(session: Session, code: int) -> None:
    if session.connection is not None:
        session.connection.close(code, REASONS[code])
