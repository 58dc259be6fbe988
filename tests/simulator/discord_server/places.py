"""Servers, roles, channels, threads and direct messages, as a test builds them and as permissions see them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulator.discord_server import payloads
from tests.simulator.discord_server import permissions as may
from tests.simulator.discord_server.messages import Message
from tests.simulator.discord_server.world import Account, ImpossibleError, World

if TYPE_CHECKING:
    from tests.simulator.discord_server.interactions import Interaction
    from tests.simulator.discord_server.people import Person
    from tests.simulator.discord_voice import Call

TEXT, DIRECT, VOICE, GROUP, PUBLIC_THREAD, PRIVATE_THREAD, STAGE, FORUM = 0, 1, 2, 3, 11, 12, 13, 15
GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
_DIRECT = may.ALL & ~(may.ADMINISTRATOR | may.MANAGE_MESSAGES)
_WITHOUT_BOT = may.ATTACH_FILES | may.EMBED_LINKS | may.MENTION_EVERYONE


@dataclass(slots=True, kw_only=True, eq=False)
class Role:
    id: int
    name: str
    permissions: int
    position: int
    mentionable: bool = False
    managed: bool = False
    bot_id: int | None = None

    @property
    def mention(self) -> str:
        return f"<@&{self.id}>"


@dataclass(slots=True, kw_only=True, eq=False)
class Member:
    account: Account
    roles: list[Role]
    joined_at: float
    nick: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    """A text channel, a voice channel with its chat, a forum, a thread (`parent` set), a direct message with the bot,
    or a private one without it."""

    world: World = field(repr=False)
    id: int
    name: str
    type: int = TEXT
    guild: "Guild | None" = field(default=None, repr=False)
    parent: "Channel | None" = field(default=None, repr=False)
    owner: Account | None = field(default=None, repr=False)
    recipients: tuple[Account, ...] = ()
    overwrites: dict[int, tuple[int, int]] = field(default_factory=dict, repr=False)
    messages: list[Message] = field(default_factory=list, repr=False)
    thread_members: list[Account] = field(default_factory=list, repr=False)
    archived: bool = False
    locked: bool = False
    deleted: bool = False
    user_limit: int = 0

    @property
    def mention(self) -> str:
        return f"<#{self.id}>"

    @property
    def is_thread(self) -> bool:
        return self.parent is not None

    @property
    def is_direct(self) -> bool:
        """A direct message between a person and the bot."""
        return self.type == DIRECT and self.world.bot in self.recipients

    @property
    def call(self) -> "Call":
        """What goes on in a voice channel."""
        return self.world.voice.call(self)

    @property
    def url(self) -> str:
        return f"https://discord.com/channels/{self.guild.id if self.guild else '@me'}/{self.id}"

    def link(self, message: Message) -> str:
        """What "Copy message link" gives."""
        return f"{self.url}/{message.id}"

    @property
    def bot_sees(self) -> bool:
        if self.guild is None:
            return self.is_direct
        return self.guild.has_bot and self.lets_in(self.world.bot)

    def lets_in(self, account: Account) -> bool:
        """Whether they see what is said here; in the chat of a voice channel that takes the right to connect, too."""
        needed = may.VIEW_CHANNEL | (may.CONNECT if self.type in {VOICE, STAGE} else 0)
        return self.permissions_of(account) & needed == needed

    def permissions_of(self, account: Account) -> int:
        """A private thread is for its members and those who manage threads."""
        granted = self._granted(account)
        is_closed = self.type == PRIVATE_THREAD and account not in self.thread_members
        return 0 if is_closed and not granted & may.MANAGE_THREADS else granted

    def _granted(self, account: Account) -> int:
        if self.guild is None:
            return _DIRECT if account in self.recipients else 0
        member = self.guild.members.get(account.id)
        if member is None:
            return 0
        base = self.guild.permissions_of(account)
        place = self.parent or self
        everyone = place.overwrites.get(self.guild.id, (0, 0))
        by_roles = [place.overwrites.get(role.id, (0, 0)) for role in member.roles]
        allow = deny = 0
        for allowed, denied in by_roles:
            allow, deny = allow | allowed, deny | denied
        own = place.overwrites.get(account.id, (0, 0))
        return may.resolve(base, (everyone, (allow, deny), own), in_thread=self.is_thread)

    def permissions_of_app(self) -> int:
        """`app_permissions` of an interaction: what the app may do here, also where its bot is not."""
        if self.guild is not None and self.guild.has_bot:
            return self.permissions_of(self.world.bot)
        return _WITHOUT_BOT | (may.EXTERNAL_EMOJIS if self.is_direct else 0)

    def deny_bot(self, *names: str) -> None:
        """Takes permissions from the bot here, and gives back those that are not named."""
        self._overwrite(self.world.bot.id, 0, may.bits(names))

    def deny_everyone(self, *names: str, except_roles: Iterable[Role] = ()) -> None:
        assert self.guild is not None
        for role in except_roles:
            self.overwrites[role.id] = (may.bits(names), 0)
        self._overwrite(self.guild.id, 0, may.bits(names))

    def _overwrite(self, target: int, allow: int, deny: int) -> None:
        assert self.guild is not None, "a direct message has no permissions"
        self.overwrites[target] = (allow, deny)
        self.world.gateway.tell("CHANNEL_UPDATE", payloads.channel_json(self), guild=self.guild, intents=GUILDS)

    def delete(self) -> None:
        """Its threads go with it, without an event of their own."""
        assert self.guild is not None
        whole = payloads.channel_json(self)
        if self.is_thread:
            known = {key: whole[key] for key in ("id", "guild_id", "parent_id", "type")}
            self.world.gateway.tell("THREAD_DELETE", known, guild=self.guild, intents=GUILDS, channel=self)
        else:
            self.world.gateway.tell("CHANNEL_DELETE", whole, guild=self.guild, intents=GUILDS)
        for place in self.world.channels.values():
            if place is self or place.parent is self:
                place.deleted = True
        if self.type in {VOICE, STAGE}:
            self.world.voice.closed(self)
        self.world.changed()

    def archive(self, *, locked: bool = False) -> None:
        assert self.is_thread
        self.archived, self.locked = True, locked
        self.world.gateway.tell("THREAD_UPDATE", payloads.channel_json(self), guild=self.guild, intents=GUILDS)

    def seen_by(self, person: Account) -> tuple[Message, ...]:
        """What that person's client shows, in order; ephemeral messages to them included."""
        if not self.lets_in(person):
            return ()
        return tuple(message for message in self.messages if message.is_seen_by(person))

    def open_thread(
        self, *, name: str, owner: Account, starter: Message | None = None, type: int = PUBLIC_THREAD
    ) -> "Channel":
        assert self.guild is not None
        thread = Channel(
            world=self.world,
            id=starter.id if starter else self.world.snowflakes.next(),
            name=name,
            type=type,
            guild=self.guild,
            parent=self,
            owner=owner,
        )
        thread.thread_members.append(owner)
        self.world.channels[thread.id] = thread
        payload = {**payloads.channel_json(thread), "newly_created": True}
        self.world.gateway.tell("THREAD_CREATE", payload, guild=self.guild, intents=GUILDS, channel=thread)
        if starter is not None:
            starter.thread = thread
            self.world.gateway.message("MESSAGE_UPDATE", starter)
            self.world.post(channel=thread, author=owner, type=21, reference=starter, tell=False)
        self.world.changed()
        return thread

    def invite(self, account: Account) -> None:
        """Into a thread. A bot that could not see it hears of it as of a new one."""
        assert self.guild is not None
        if account in self.thread_members:
            return
        self.thread_members.append(account)
        if account is self.world.bot and self.type == PRIVATE_THREAD:
            payload = {**payloads.channel_json(self), "member": payloads.thread_member_json(self, account)}
            self.world.gateway.tell("THREAD_CREATE", payload, guild=self.guild, intents=GUILDS, channel=self)


@dataclass(slots=True, kw_only=True, eq=False)
class Guild:
    """A server. Whoever joins first owns it."""

    world: World = field(repr=False)
    id: int
    name: str
    locale: str = "en-US"
    everyone: int = may.EVERYONE
    owner: Account | None = None
    system_channel: "Channel | None" = field(default=None, repr=False)
    roles: dict[int, Role] = field(default_factory=dict, repr=False)
    members: dict[int, Member] = field(default_factory=dict, repr=False)
    channels: list[Channel] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.roles[self.id] = Role(id=self.id, name="@everyone", permissions=self.everyone, position=0)

    @property
    def has_bot(self) -> bool:
        return self.world.bot.id in self.members

    def permissions_of(self, account: Account) -> int:
        member = self.members.get(account.id)
        if member is None:
            return 0
        if account is self.owner:
            return may.ALL
        granted = self.roles[self.id].permissions
        for role in member.roles:
            granted |= role.permissions
        return may.ALL if granted & may.ADMINISTRATOR else granted

    def channel(
        self,
        name: str,
        *,
        deny_bot: Iterable[str] = (),
        deny_everyone: Iterable[str] = (),
        type: int = TEXT,
        user_limit: int = 0,
    ) -> Channel:
        """`user_limit`: how many fit into a voice channel (0: any number)."""
        channel = Channel(
            world=self.world, id=self.world.old_id(), name=name, type=type, guild=self, user_limit=user_limit
        )
        if deny_bot:
            channel.overwrites[self.world.bot.id] = (0, may.bits(deny_bot))
        if deny_everyone:
            channel.overwrites[self.id] = (0, may.bits(deny_everyone))
        self.channels.append(channel)
        self.world.channels[channel.id] = channel
        self.world.gateway.tell("CHANNEL_CREATE", payloads.channel_json(channel), guild=self, intents=GUILDS)
        return channel

    def voice_channel(self, name: str, **options: Any) -> Channel:
        return self.channel(name, type=VOICE, **options)

    def stage_channel(self, name: str, **options: Any) -> Channel:
        return self.channel(name, type=STAGE, **options)

    def role(self, name: str, *, permissions: Iterable[str] | int = (), mentionable: bool = False) -> Role:
        role = Role(
            id=self.world.old_id(),
            name=name,
            permissions=may.bits(permissions),
            position=len(self.roles),
            mentionable=mentionable,
        )
        self.roles[role.id] = role
        payload = {"guild_id": str(self.id), "role": payloads.role_json(role)}
        self.world.gateway.tell("GUILD_ROLE_CREATE", payload, guild=self, intents=GUILDS)
        return role

    def member(
        self,
        who: "str | Person",
        *,
        locale: str = "en-US",
        roles: Iterable[Role] = (),
        nick: str | None = None,
        accepts_direct_messages: bool = True,
    ) -> "Person":
        """Somebody new by name, or somebody from elsewhere who joins this server, too."""
        if isinstance(who, str):
            who = self.world.arrive(who, locale, accepts_direct_messages)
        self.join(who, roles=roles, nick=nick)
        return who

    def join(self, account: Account, *, roles: Iterable[Role] = (), nick: str | None = None) -> Member:
        member = Member(account=account, roles=list(roles), joined_at=self.world.clock(), nick=nick)
        self.members[account.id] = member
        if not account.is_bot:
            self.owner = self.owner or account
            payload = {**payloads.member_json(member), "guild_id": str(self.id)}
            self.world.gateway.tell("GUILD_MEMBER_ADD", payload, guild=self, intents=GUILD_MEMBERS)
        return member

    def change_bot(self, permissions: Iterable[str] | int) -> None:
        """Gives the bot's own role these permissions. What @everyone may do stays."""
        role = self.members[self.world.bot.id].roles[0]
        role.permissions = may.bits(permissions)
        payload = {"guild_id": str(self.id), "role": payloads.role_json(role)}
        self.world.gateway.tell("GUILD_ROLE_UPDATE", payload, guild=self, intents=GUILDS)

    def add_bot(self, permissions: Iterable[str] | int = ()) -> None:
        """The bot is invited with these permissions."""
        bot = self.world.bot
        role = Role(
            id=self.world.old_id(),
            name=bot.name,
            permissions=may.bits(permissions),
            position=len(self.roles),
            managed=True,
            bot_id=bot.id,
        )
        self.roles[role.id] = role
        self.join(bot, roles=[role])
        joined = payloads.guild_json(self)
        del joined["unavailable"]  # told of servers that were known before
        self.world.gateway.tell("GUILD_CREATE", joined, guild=self, intents=GUILDS)

    def remove_bot(self) -> None:
        if not self.has_bot:
            raise ImpossibleError(f"the bot is not in {self.name!r}")
        self.world.gateway.tell("GUILD_DELETE", {"id": str(self.id)}, guild=self, intents=GUILDS)
        self.world.voice.bot_left_server(self)
        for role in self.members.pop(self.world.bot.id).roles:
            self.roles.pop(role.id, None)
        self.world.changed()


def direct_channel(world: World, person: Account) -> Channel:
    """The one direct message channel between a person and the bot."""
    for channel in world.channels.values():
        if channel.is_direct and person in channel.recipients:
            return channel
    channel = Channel(world=world, id=world.old_id(), name=person.name, type=DIRECT, recipients=(world.bot, person))
    world.channels[channel.id] = channel
    return channel


def private_channel(world: World, *people: Account) -> Channel:
    """A direct message between people, the bot not among them; three and more are a group."""
    name = ", ".join(person.name for person in people)
    kind = DIRECT if len(people) == 2 else GROUP
    channel = Channel(world=world, id=world.old_id(), name=name, type=kind, recipients=people)
    world.channels[channel.id] = channel
    return channel


def interactions_in(world: World, channel: Channel) -> "tuple[Interaction, ...]":
    return tuple(interaction for interaction in world.interactions if interaction.channel is channel)
