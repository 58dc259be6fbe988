"""Who is in which voice channel, and who may: the main gateway's half of voice, tied to the voice servers."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulator.discord_server import payloads
from tests.simulator.discord_server import permissions as may
from tests.simulator.discord_server.clock import timestamp
from tests.simulator.discord_server.places import STAGE, VOICE, Channel, Guild
from tests.simulator.discord_server.world import Account, World
from tests.simulator.discord_voice import Call, Session, Speaker, Ticket, VoiceServer

if TYPE_CHECKING:
    from tests.simulator.discord_server.gateway import Session as GatewaySession

GUILD_VOICE_STATES = 1 << 7
KICKED, ENDED = 4014, 4022
_BROKEN = {1006, 4015}


@dataclass(slots=True, kw_only=True, eq=False)
class VoiceState:
    """`mute` and `deaf`: by a moderator. `suppress`: no right to speak, in the audience of a stage. `listener`: the
    session of the main gateway that asked for it, when it is the bot's."""

    account: Account
    channel: Channel
    session_id: str
    self_mute: bool = False
    self_deaf: bool = False
    mute: bool = False
    deaf: bool = False
    suppress: bool = False
    asked_to_speak_at: float | None = None
    speaker: Speaker | None = field(default=None, repr=False)
    listener: "GatewaySession | None" = field(default=None, repr=False)


class VoiceDesk:
    """`states` by server and user."""

    def __init__(self, world: World, server: VoiceServer) -> None:
        self.server = server
        self.states: dict[tuple[int, int], VoiceState] = {}
        self._world = world
        self._numbers = 0
        server.on_move = self._moved
        server.on_change = world.changed

    def call(self, channel: Channel) -> Call:
        """What goes on in that channel; stages are not encrypted end to end."""
        assert channel.guild is not None
        assert channel.type in {VOICE, STAGE}, f"{channel.name!r} is no voice channel"
        call = self.server.call(channel.guild.id, channel.id, version=0 if channel.type == STAGE else 1)
        call.on_end = self._ended
        return call

    def state_of(self, guild: Guild, account: Account) -> VoiceState | None:
        return self.states.get((guild.id, account.id))

    def people_in(self, channel: Channel) -> list[VoiceState]:
        return [state for state in self.states.values() if state.channel is channel]

    def lets_in(self, channel: Channel, account: Account) -> bool:
        """View Channel and Connect, and a place left; who may move members gets in anyway."""
        granted = channel.permissions_of(account)
        if channel.deleted or not channel.lets_in(account):
            return False
        others = sum(state.account is not account for state in self.people_in(channel))
        return not channel.user_limit or others < channel.user_limit or bool(granted & may.MOVE_MEMBERS)

    def asked(self, listener: "GatewaySession", data: Any) -> None:
        """Operation 4 of the bot. What it may not do is passed over in silence, as Discord does."""
        guild = self._world.guilds.get(_number(data, "guild_id"))
        if guild is None or not guild.has_bot:
            return
        bot, state = self._world.bot, self.state_of(guild, self._world.bot)
        if data.get("channel_id") is None:
            if state is not None:
                self.leave(state, code=None)
            return
        channel = self._world.channels.get(_number(data, "channel_id"))
        is_here = state is not None and state.channel is channel
        if channel is None or channel.guild is not guild or channel.type not in {VOICE, STAGE}:
            return
        if not is_here and not self.lets_in(channel, bot):
            return
        wishes = {"self_mute": bool(data.get("self_mute")), "self_deaf": bool(data.get("self_deaf"))}
        self.place(channel, bot, listener=listener, **wishes)

    def place(
        self,
        channel: Channel,
        account: Account,
        *,
        self_mute: bool = False,
        self_deaf: bool = False,
        listener: "GatewaySession | None" = None,
    ) -> VoiceState:
        """Into that channel; no rule is checked here. Who is there already only says something else of themselves."""
        assert channel.guild is not None
        state = self.state_of(channel.guild, account)
        if state is None or state.channel is not channel:
            granted = channel.permissions_of(account)
            old = state
            state = VoiceState(
                account=account,
                channel=channel,
                session_id=self._new_session_id(),
                mute=old.mute if old else False,
                deaf=old.deaf if old else False,
                suppress=not granted & (may.MUTE_MEMBERS if channel.type == STAGE else may.SPEAK),
            )
            self.states[channel.guild.id, account.id] = state
            ticket = self._admit(state)
        else:
            ticket = None
        state.self_mute, state.self_deaf = self_mute, self_deaf
        state.listener = listener or state.listener
        self.tell(state)
        if ticket is not None:
            self._tell_server(ticket)
        return state

    def _admit(self, state: VoiceState) -> Ticket | None:
        call = self.call(state.channel)
        if not state.account.is_bot:
            return None
        call.may_speak = lambda: not (state.suppress or state.mute or state.self_mute)
        return self.server.admit(call, state.account.id, state.session_id)

    def leave(self, state: VoiceState, *, code: int | None = KICKED) -> None:
        """`code`: what the bot's voice connection is closed with (None: it closes that itself)."""
        assert state.channel.guild is not None
        self.states.pop((state.channel.guild.id, state.account.id), None)
        if state.speaker is not None:
            self.call(state.channel).leave(state.account.id)
        self.tell(state, is_gone=True)
        ticket = self.server.ticket_of(state.channel.guild.id, state.account.id)
        if ticket is not None and state.account.is_bot:
            self.server.dismiss(ticket, code)

    def closed(self, channel: Channel) -> None:
        """The channel is deleted."""
        for state in self.people_in(channel):
            self.leave(state, code=ENDED)

    def bot_left_server(self, guild: Guild) -> None:
        """Nobody tells it that it is out of voice there, too."""
        self.states.pop((guild.id, self._world.bot.id), None)
        ticket = self.server.ticket_of(guild.id, self._world.bot.id)
        if ticket is not None:
            self.server.dismiss(ticket, KICKED)

    def session_lost(self, listener: "GatewaySession") -> None:
        """The main gateway knows that session no more, so the bot is in no voice channel."""
        for state in tuple(self.states.values()):
            if state.listener is listener:
                self.leave(state)

    def tell(self, state: VoiceState, *, is_gone: bool = False) -> None:
        self.follow(state)
        guild = state.channel.guild
        assert guild is not None
        data = self.json(state)
        if is_gone:
            data["channel_id"] = None
        self._world.gateway.tell("VOICE_STATE_UPDATE", data, guild=guild, intents=GUILD_VOICE_STATES)
        self._world.changed()

    def follow(self, state: VoiceState) -> None:
        if state.speaker is not None:
            state.speaker.is_muted = state.self_mute or state.self_deaf or state.mute or state.suppress
            state.speaker.hears = not (state.self_deaf or state.deaf)

    def json(self, state: VoiceState, *, for_guild: bool = False) -> dict[str, Any]:
        """`for_guild`: inside the server in GUILD_CREATE."""
        guild = state.channel.guild
        assert guild is not None
        body: dict[str, Any] = {
            "channel_id": str(state.channel.id),
            "user_id": str(state.account.id),
            "session_id": state.session_id,
            "deaf": state.deaf,
            "mute": state.mute,
            "self_deaf": state.self_deaf,
            "self_mute": state.self_mute,
            "self_video": False,
            "self_stream": False,
            "suppress": state.suppress,
            "request_to_speak_timestamp": timestamp(state.asked_to_speak_at) if state.asked_to_speak_at else None,
        }
        if for_guild:
            return body
        member = guild.members.get(state.account.id)
        return {**body, "guild_id": str(guild.id), **({"member": self._member(member, state)} if member else {})}

    def _member(self, member: Any, state: VoiceState) -> dict[str, Any]:
        return {**payloads.member_json(member), "mute": state.mute, "deaf": state.deaf}

    def guild_json(self, guild: Guild) -> dict[str, Any]:
        """The parts of GUILD_CREATE: who is in voice is told of without the members intent, too."""
        here = [state for (guild_id, _), state in self.states.items() if guild_id == guild.id]
        members = [guild.members[state.account.id] for state in here if state.account is not self._world.bot]
        return {
            "voice_states": [self.json(state, for_guild=True) for state in here],
            "members": [payloads.member_json(member) for member in members],
        }

    def _tell_server(self, ticket: Ticket) -> None:
        guild = self._world.guilds[ticket.guild_id]
        data = {"token": ticket.token, "guild_id": str(guild.id), "endpoint": ticket.endpoint}
        self._world.gateway.tell("VOICE_SERVER_UPDATE", data, guild=guild)

    def _moved(self, call: Call, ticket: Ticket) -> None:
        self._tell_server(ticket)

    def _ended(self, session: Session, code: int) -> None:
        """The bot's session is over by itself: it broke and was not resumed, or the bot closed it."""
        state = self.states.get((session.ticket.guild_id, session.user_id))
        if state is not None and state.session_id == session.ticket.session_id and code in {*_BROKEN, 1000, 1001}:
            self.leave(state)

    def _new_session_id(self) -> str:
        self._numbers += 1
        return f"{self._numbers:032x}"


def _number(data: Any, key: str) -> int:
    """0: there is none."""
    value = data.get(key) if isinstance(data, dict) else None
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else 0
