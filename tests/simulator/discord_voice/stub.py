"""As much of a client and its server as a bare `discord.VoiceClient` needs: voice without a main gateway."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from types import SimpleNamespace, TracebackType
from typing import Any, Generic, Self, TypeVar, cast

import aiohttp
import discord

from tests.simulator.discord_voice.call import Call
from tests.simulator.discord_voice.server import VoiceServer
from tests.simulator.discord_voice.session import Session, Ticket

GUILD, CHANNEL, BOT = 10**17 + 1, 10**17 + 2, 10**17 + 3
ANNA, CHEN, OLEG = 10**17 + 4, 10**17 + 5, 10**17 + 6
_Client = TypeVar("_Client", bound=discord.VoiceClient)
_numbers = itertools.count(1)


class VoiceStub(Generic[_Client]):
    """`async with VoiceStub(voice, call, SomeVoiceClient) as stub:` then `await stub.connect()`. It plays the main
    gateway: `removed` counts clean-ups of the client, `asked` are the channels the bot asked for (None: to leave)."""

    def __init__(self, server: VoiceServer, call: Call, make: Callable[[Any, Any], _Client], *, bot: int = BOT) -> None:
        self.server = server
        self.call = call
        self.bot = bot
        self.removed: list[int] = []
        self.asked: list[int | None] = []
        self._http = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=server.client_ssl))
        self._tasks: set[asyncio.Task[None]] = set()
        loop = asyncio.get_running_loop()
        user = SimpleNamespace(id=bot)
        http = SimpleNamespace(ws_connect=self._ws_connect)
        state = SimpleNamespace(loop=loop, user=user, http=http, _remove_voice_client=self.removed.append)
        client = SimpleNamespace(
            _connection=state, loop=loop, user=user, get_user=lambda _: None, dispatch=lambda *_: None
        )
        self.guild = SimpleNamespace(
            id=call.guild_id,
            me=SimpleNamespace(id=bot, voice=None),
            change_voice_state=self._change_voice_state,
            get_member=lambda user_id: SimpleNamespace(id=user_id, name=str(user_id)),
            get_channel=self._channel,
        )
        self.voice: _Client = make(client, self._channel(call.channel_id))
        self.guild.voice_client = self.voice
        server.on_move = self._moved
        call.on_end = self._ended

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.removed:
            await self.voice.disconnect(force=True)
        for task in self._tasks:
            task.cancel()
        await self._http.close()

    async def connect(self, *, timeout: float = 5.0, reconnect: bool = True) -> None:
        """Connects, and waits until the bot is in the group with everybody."""
        await self.voice.connect(timeout=timeout, reconnect=reconnect)
        await self.call.settled()

    def _channel(self, channel_id: int) -> Any:
        key = (self.call.guild_id, "guild_id")
        return SimpleNamespace(id=channel_id, guild=self.guild, _get_voice_client_key=lambda: key)

    async def _ws_connect(self, url: str, *, compress: int = 0) -> aiohttp.ClientWebSocketResponse:
        return await self._http.ws_connect(url, compress=compress, autoclose=False, max_msg_size=0)

    async def _change_voice_state(self, *, channel: Any, self_deaf: bool = False, self_mute: bool = False) -> None:
        self.asked.append(channel and channel.id)
        if channel is None:
            self.kick(None)
            return
        call = self.server.calls[channel.id]
        call.on_end = self._ended
        ticket = self.server.admit(call, self.bot, f"session-{next(_numbers)}")
        self.call = call
        self._later(lambda: self._tell_state(ticket, channel.id), lambda: self._tell_server(ticket))

    def kick(self, code: int | None = 4014) -> None:
        """The bot is put out of the channel (None: it leaves)."""
        ticket = self.server.ticket_of(self.call.guild_id, self.bot)
        if ticket is not None:
            self.server.dismiss(ticket, code)
        self._later(lambda: self._tell_state(ticket, None))

    def _ended(self, session: Session, code: int) -> None:
        """Discord shows that somebody is gone when they come back no more."""
        if code == 1006:
            self._later(lambda: self._tell_state(session.ticket, None))

    def _moved(self, call: Call, ticket: Ticket) -> None:
        self._later(lambda: self._tell_server(ticket))

    async def _tell_state(self, ticket: Ticket | None, channel_id: int | None) -> None:
        data = {
            "channel_id": None if channel_id is None else str(channel_id),
            "session_id": ticket.session_id if ticket else "gone",
            "user_id": str(self.bot),
            "guild_id": str(self.call.guild_id),
        }
        await self.voice.on_voice_state_update(cast(Any, data))

    async def _tell_server(self, ticket: Ticket) -> None:
        data = {"token": ticket.token, "guild_id": str(ticket.guild_id), "endpoint": ticket.endpoint}
        await self.voice.on_voice_server_update(cast(Any, data))

    def _later(self, *told: Callable[[], Coroutine[Any, Any, None]]) -> None:
        async def tell() -> None:
            await asyncio.sleep(0.005)
            for each in told:
                await each()

        task = asyncio.get_running_loop().create_task(tell())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
