"""Everything the simulated Discord knows, in one place: accounts, servers, channels, messages, interactions."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tests.simulator.discord_server import refusals
from tests.simulator.discord_server.clock import Clock, Snowflakes, snowflake
from tests.simulator.discord_server.commands import CommandRegistry
from tests.simulator.discord_server.mentions import Mentions
from tests.simulator.discord_server.messages import Message
from tests.simulator.discord_server.uploads import File, Upload, stored

if TYPE_CHECKING:
    from tests.simulator.discord_server.cdn import Cdn
    from tests.simulator.discord_server.gateway import Gateway
    from tests.simulator.discord_server.interactions import Interaction
    from tests.simulator.discord_server.people import Person
    from tests.simulator.discord_server.places import Channel, Guild
    from tests.simulator.discord_server.voice_states import VoiceDesk
    from tests.simulator.discord_server.witness import Bot

_T = TypeVar("_T")
_LONG_AGO_SECONDS = 400 * 24 * 3600
ATTACHMENT_LIMIT_BYTES = 10 * 1024 * 1024


class NotSeenError(AssertionError):
    """What a test waited for did not happen; the text says what was seen instead."""


class ImpossibleError(AssertionError):
    """A person in a test tried what Discord's client would not let them do."""


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A user: a person or the bot."""

    id: int
    name: str
    is_bot: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(slots=True, kw_only=True, eq=False)
class App:
    """The application as its developer portal has it. `privileged`: the intents switched on there."""

    id: int
    name: str
    token: str
    user: Account
    owner: Account
    privileged: int = 0
    flags: int = 0


@dataclass(slots=True, kw_only=True)
class Typing:
    channel: "Channel"
    at_seconds: float


@dataclass(slots=True, kw_only=True, eq=False)
class World:
    clock: Clock
    app: App
    zero: float
    users: dict[int, Account] = field(default_factory=dict)
    guilds: dict[int, "Guild"] = field(default_factory=dict)
    channels: dict[int, "Channel"] = field(default_factory=dict)
    messages: dict[int, Message] = field(default_factory=dict)
    interactions: list["Interaction"] = field(default_factory=list)
    commands: CommandRegistry = field(default_factory=CommandRegistry)
    typing: list[Typing] = field(default_factory=list)
    snowflakes: Snowflakes = field(init=False)
    cdn: "Cdn" = field(init=False)
    gateway: "Gateway" = field(init=False)
    voice: "VoiceDesk" = field(init=False)
    witness: "Bot" = field(init=False)
    arrive: "Callable[[str, str, bool], Person]" = field(init=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _elders: int = 0

    def __post_init__(self) -> None:
        self.snowflakes = Snowflakes(self.clock)
        self.clock.listen(self.changed)

    @property
    def bot(self) -> Account:
        return self.app.user

    def now(self) -> float:
        """Seconds since the server started, by its clock."""
        return self.clock() - self.zero

    def old_id(self) -> int:
        """An id from long before the test; the next one is from the next millisecond, so it has the next shard."""
        self._elders += 1
        return snowflake(self.zero - _LONG_AGO_SECONDS) + (self._elders << 22)

    def changed(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def until(self, look: Callable[[], _T | None], timeout: float, otherwise: Callable[[], str]) -> _T:
        """What `look` finds, as soon as it finds something. `timeout` is in real seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + timeout
        while True:
            news = self._news
            found = look()
            if found is not None:
                return found
            left = end - loop.time()
            if left <= 0:
                raise NotSeenError(otherwise())
            try:
                await asyncio.wait_for(news.wait(), min(left, 0.1))
            except TimeoutError:
                continue

    def channel(self, channel_id: int) -> "Channel":
        """The channel if the bot may see it; refused as Discord does otherwise."""
        channel = self.channels.get(channel_id)
        if channel is None or channel.deleted:
            raise refusals.unknown_channel()
        if not channel.bot_sees:
            raise refusals.missing_access()
        return channel

    def guild(self, guild_id: int) -> "Guild":
        guild = self.guilds.get(guild_id)
        if guild is None:
            raise refusals.unknown_guild()
        if not guild.has_bot:
            raise refusals.missing_access()
        return guild

    def message(self, channel: "Channel", message_id: int) -> Message:
        message = self.messages.get(message_id)
        if message is None or message.channel is not channel or message.deleted or message.ephemeral_for:
            raise refusals.unknown_message()
        return message

    def keep(self, uploads: Iterable[Upload], channel: "Channel", *, ephemeral: bool = False) -> list[File]:
        folder = f"ephemeral-attachments/{self.app.id}" if ephemeral else f"attachments/{channel.id}"
        return [stored(upload, id=self.snowflakes.next(), folder=folder, ephemeral=ephemeral) for upload in uploads]

    def post(
        self,
        *,
        channel: "Channel",
        author: Account,
        content: str = "",
        mentions: Mentions | None = None,
        tell: bool = True,
        id: int | None = None,
        **facts: Any,
    ) -> Message:
        """Puts a message into a channel and tells the bot of it; no rule is checked here. `id` None: a new one."""
        message = Message(
            id=id or self.snowflakes.next(),
            channel=channel,
            author=author,
            by_bot=author is self.bot,
            content=content,
            at_seconds=self.now(),
            timestamp=self.clock(),
            mentions=mentions or Mentions(),
            **facts,
        )
        message.note_pings()
        self.messages[message.id] = message
        channel.messages.append(message)
        if tell:
            self.gateway.message("MESSAGE_CREATE", message)
        self.changed()
        return message

    def edit(self, message: Message, *, content: str, mentions: Mentions | None = None) -> None:
        """The change itself; other facts of the message are set by who calls."""
        message.content = content
        message.edited_timestamp = self.clock()
        message.edit_log.append((self.now(), content))
        if mentions is not None:
            message.mentions = mentions
            message.note_pings()
        self.gateway.message("MESSAGE_UPDATE", message)
        self.changed()

    def delete(self, message: Message) -> None:
        message.deleted = True
        message.deleted_at_seconds = self.now()
        self.gateway.deleted(message)
        self.changed()

    def purge(self, messages: Sequence[Message]) -> None:
        """Messages of one channel, at once."""
        for message in messages:
            message.deleted = True
            message.deleted_at_seconds = self.now()
        self.gateway.deleted_in_bulk(messages)
        self.changed()

    def unfurl(self, message: Message) -> None:
        """Discord shows what a link in it leads to: the message is updated, and nobody has edited it."""
        message.embeds = [*message.embeds, {"type": "link", "title": "What the link leads to"}]
        self.gateway.message("MESSAGE_UPDATE", message)
        self.changed()

    def expire(self, files: Iterable[File]) -> None:
        for file in files:
            file.epoch += 1
