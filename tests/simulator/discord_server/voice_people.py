"""What a person does in voice channels: join, speak through a client, mute, and keep order among others."""

from typing import TYPE_CHECKING, cast

from tests.simulator.discord_server import permissions as may
from tests.simulator.discord_server.places import STAGE, Channel, Guild
from tests.simulator.discord_server.voice_states import VoiceDesk, VoiceState
from tests.simulator.discord_server.world import Account, ImpossibleError
from tests.simulator.discord_voice import Dave, Speaker

if TYPE_CHECKING:
    from tests.simulator.discord_server.people import Person


class VoicePerson:
    """The part of a person that is in voice."""

    __slots__ = ()

    async def join_voice(
        self,
        channel: Channel,
        *,
        dave: Dave = "davey",
        muted: bool = False,
        deafened: bool = False,
    ) -> Speaker:
        """Clicks on a voice channel: gives what they speak and hear with. `dave`: whose encryption their client has."""
        person = cast("Person", self)
        desk = person.world.voice
        assert channel.guild is not None
        old = desk.state_of(channel.guild, person)
        if old is not None and old.channel is channel:
            raise ImpossibleError(f"{person.name} is in {channel.name!r} already")
        if not desk.lets_in(channel, person):
            raise ImpossibleError(f"{person.name} cannot connect to {channel.name!r}")
        if old is not None and old.speaker is not None:
            desk.call(old.channel).leave(person.id)
        return self._enter(channel, dave=dave, muted=muted, deafened=deafened)

    def _enter(self, channel: Channel, *, dave: Dave, muted: bool, deafened: bool) -> Speaker:
        person = cast("Person", self)
        desk = person.world.voice
        state = desk.place(channel, person, self_mute=muted or deafened, self_deaf=deafened)
        state.speaker = desk.call(channel).join(person.id, name=person.name, dave=dave)
        desk.follow(state)
        return state.speaker

    async def leave_voice(self) -> None:
        self._desk.leave(self._voice_state())

    async def mute(self, on: bool = True) -> None:
        """Their own microphone."""
        state = self._voice_state()
        state.self_mute = on
        self._desk.tell(state)

    async def deafen(self, on: bool = True) -> None:
        """Their own headphones, and with them the microphone."""
        state = self._voice_state()
        state.self_deaf = state.self_mute = on
        self._desk.tell(state)

    async def server_mute(self, who: Account, guild: Guild, on: bool = True) -> None:
        """As a moderator."""
        state = self._state_of(who, guild, may.MUTE_MEMBERS)
        state.mute = on
        self._desk.tell(state)

    async def server_deafen(self, who: Account, guild: Guild, on: bool = True) -> None:
        state = self._state_of(who, guild, may.DEAFEN_MEMBERS)
        state.deaf = on
        self._desk.tell(state)

    async def let_speak(self, who: Account, guild: Guild, on: bool = True) -> None:
        """On a stage: up from the audience, or back to it."""
        state = self._state_of(who, guild, may.MUTE_MEMBERS)
        if state.channel.type != STAGE:
            raise ImpossibleError(f"{state.channel.name!r} is no stage")
        state.suppress, state.asked_to_speak_at = not on, None
        self._desk.tell(state)

    async def kick_from_voice(self, who: Account, guild: Guild) -> None:
        """What "Disconnect" in the menu of a member does."""
        self._desk.leave(self._state_of(who, guild, may.MOVE_MEMBERS))

    async def move(self, who: Account, to: Channel) -> Speaker | None:
        """Drags somebody into another channel; the bot, too. Gives what a moved person speaks with from then on."""
        assert to.guild is not None
        state = self._state_of(who, to.guild, may.MOVE_MEMBERS)
        desk = self._desk
        if state.speaker is None:
            desk.place(to, who, self_mute=state.self_mute, self_deaf=state.self_deaf, listener=state.listener)
            return None
        dave = state.speaker.dave
        desk.call(state.channel).leave(who.id)
        person = cast("Person", who)
        return person._enter(to, dave=dave, muted=state.self_mute, deafened=state.self_deaf)

    @property
    def voice(self) -> VoiceState | None:
        """Where they are, if anywhere."""
        person = cast("Person", self)
        return next((each for each in self._desk.states.values() if each.account is person), None)

    @property
    def _desk(self) -> VoiceDesk:
        return cast("Person", self).world.voice

    def _voice_state(self) -> VoiceState:
        state = self.voice
        if state is None:
            raise ImpossibleError(f"{cast('Person', self).name} is in no voice channel")
        return state

    def _state_of(self, who: Account, guild: Guild, permission: int) -> VoiceState:
        person = cast("Person", self)
        state = self._desk.state_of(guild, who)
        if state is None:
            raise ImpossibleError(f"{who.name} is in no voice channel")
        if not guild.permissions_of(person) & permission:
            raise ImpossibleError(f"{person.name} may not do that in {guild.name!r}")
        return state
