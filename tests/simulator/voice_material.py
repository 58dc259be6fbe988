"""A voice client on the unmodified discord.py that writes down what reaches it, for the tests of simulated voice."""

import asyncio
import struct
from collections import Counter, defaultdict
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import davey
import discord
from discord.voice_state import ConnectionFlowState, VoiceConnectionState
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as unseal
from nacl.exceptions import CryptoError

from tests.simulator.discord_voice import Call, VoiceServer, VoiceStub, sound
from tests.simulator.discord_voice.rtp import SILENCE
from tests.simulator.discord_voice.stub import ANNA, BOT, CHANNEL, GUILD

TONE = sound.encode(sound.tone(seconds=0.5))
"""25 frames, no two alike."""


class Watchful(VoiceConnectionState):
    """The library's own way of waiting misses a change of state that comes just before it begins to wait."""

    async def _wait_for_state(
        self, state: ConnectionFlowState, *other_states: ConnectionFlowState, timeout: float | None = None
    ) -> None:
        async with asyncio.timeout(timeout):
            while self.state not in {state, *other_states}:  # noqa: ASYNC110 - the library's event is what misses it
                await asyncio.sleep(0.002)


class Listening(discord.VoiceClient):
    """The least that hears: `got` by speaker, `sequences` by SSRC, `counts` of what was no speech. It tries everybody's
    keys, as one must who was told of nobody."""

    def __init__(self, client: Any, channel: Any) -> None:
        super().__init__(client, channel)
        self.got: dict[int, list[bytes]] = defaultdict(list)
        self.sequences: dict[int, list[int]] = defaultdict(list)
        self.counts: Counter[str] = Counter()
        self.told: list[dict[str, Any]] = []
        self.owners: dict[int, int] = {}
        self._connection.add_socket_listener(self._hear)

    def create_connection_state(self) -> VoiceConnectionState:
        return Watchful(self, hook=self._note)

    async def _note(self, socket: Any, message: dict[str, Any]) -> None:
        self.told.append(message)
        if message["op"] == 5:
            self.owners[message["d"]["ssrc"]] = int(message["d"]["user_id"])

    def operations(self) -> list[int]:
        return [message["op"] for message in self.told]

    def _hear(self, data: bytes) -> None:
        if len(data) < 32 or data[0] >> 6 != 2:
            self.counts["keepalive" if len(data) == 8 else "discovery"] += 1
            return
        if data[1] != 0x78:
            self.counts["other"] += 1
            return
        has_extension, has_padding = data[0] & 0x10, data[0] & 0x20
        head = data[: 16 if has_extension else 12]
        sequence, _, ssrc = struct.unpack_from(">HII", data, 2)
        try:
            body = unseal(data[len(head) : -4], head, data[-4:] + bytes(20), bytes(self.secret_key))
        except CryptoError:
            self.counts["foreign"] += 1
            return
        if has_extension:
            body = body[4 * int.from_bytes(head[14:16]) :]
        if has_padding:
            body = body[: -body[-1]]
        self.sequences[ssrc].append(sequence)
        if not body or body == SILENCE:
            self.counts["silence" if body else "empty"] += 1
        elif self._connection.dave_protocol_version == 0:
            self.got[self.owners.get(ssrc, 0)].append(body)
        else:
            self._open(body)

    def _open(self, frame: bytes) -> None:
        session = self._connection.dave_session
        for user_id in (int(each) for each in session.get_user_ids()) if session is not None else ():
            if user_id == self.user.id:
                continue
            try:
                opus = session.decrypt(user_id, davey.MediaType.audio, frame)  # type: ignore[union-attr] # it is there
            except ValueError:
                continue
            self.got[user_id].append(opus)
            return
        self.counts["locked"] += 1


class Frames(discord.AudioSource):
    """What the bot says."""

    def __init__(self, frames: Iterable[bytes]) -> None:
        self._frames = iter(frames)

    def is_opus(self) -> bool:
        return True

    def read(self) -> bytes:
        return next(self._frames, b"")


async def play(voice: discord.VoiceClient, frames: Sequence[bytes]) -> None:
    """The bot says it to the end."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    voice.play(Frames(frames), after=lambda _: loop.call_soon_threadsafe(done.set))
    await asyncio.wait_for(done.wait(), 20)


async def until(look: Callable[[], object], *, timeout: float = 5.0, what: str = "it") -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    while not look():
        assert loop.time() < end, f"{what} did not happen"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def talking(
    *people: int,
    version: int = 1,
    dave: Any = "davey",
    prepare: Callable[[Call], None] | None = None,
    connects: bool = True,
    **options: Any,
) -> AsyncGenerator[tuple[Call, VoiceStub[Listening]]]:
    """A call with these people (Anna, if nobody is named) in it before the bot comes."""
    async with VoiceServer(**options) as server:
        call = server.call(GUILD, CHANNEL, version=version)
        for person in people or (ANNA,):
            call.join(person, dave=dave)
        if prepare is not None:
            prepare(call)
        async with VoiceStub(server, call, Listening, bot=BOT) as stub:
            if connects:
                await stub.connect()
            yield call, stub
