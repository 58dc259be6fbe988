"""Who is in a voice channel, as Discord tells of them; bots are not people."""

import logging

import discord

from bot.discord_io.voice_channel import VocalChannel
from bot.domain.voice import Listener

_MOST_ASKED_FOR = 16

_log = logging.getLogger(__name__)


class People:
    """Those in one server's channel. Without the members intent Discord tells who somebody is only with their voice
    state; of the few it does not tell of, it is asked once."""

    def __init__(self) -> None:
        self._members: dict[int, discord.Member | None] = {}

    def present(self, channel: VocalChannel) -> tuple[Listener, ...]:
        """Everybody there whom we know, in the order of their ids."""
        found: list[Listener] = []
        for person_id, state in sorted(channel.voice_states.items()):
            member = self._member(channel, person_id)
            if member is not None and not member.bot:
                is_deafened = state.deaf or state.self_deaf
                found.append(Listener(person_id=person_id, name=member.display_name, is_deafened=is_deafened))
        return tuple(found)

    async def get_to_know(self, channel: VocalChannel) -> bool:
        """Ask Discord about those whom nothing was told of; whether it told of somebody now."""
        there = channel.voice_states.keys()
        self._members = {person_id: member for person_id, member in self._members.items() if person_id in there}
        unknown = [person_id for person_id in there if channel.guild.get_member(person_id) is None]
        asked = [person_id for person_id in unknown if person_id not in self._members][:_MOST_ASKED_FOR]
        for person_id in asked:
            self._members[person_id] = await _fetched(channel, person_id)
        return any(self._members[person_id] is not None for person_id in asked)

    def _member(self, channel: VocalChannel, person_id: int) -> discord.Member | None:
        return channel.guild.get_member(person_id) or self._members.get(person_id)


async def _fetched(channel: VocalChannel, person_id: int) -> discord.Member | None:
    try:
        return await channel.guild.fetch_member(person_id)
    except (discord.DiscordException, OSError) as error:
        _log.warning("somebody in a voice channel stays unknown: %s", type(error).__name__)
        return None


def has_others(channel: VocalChannel) -> bool:
    """Whether anybody or anything else is in the call."""
    return bool(channel.voice_states.keys() - {channel.guild.me.id})


async def ask_to_speak(channel: VocalChannel) -> None:
    """On a stage one comes as a listener: step up where we may, else raise a hand. What is refused is no reason to
    leave, because we can still listen."""
    me = channel.guild.me
    if not isinstance(channel, discord.StageChannel) or me.voice is None or not me.voice.suppress:
        return
    try:
        if channel.permissions_for(me).mute_members:
            await me.edit(suppress=False)
        else:
            await me.request_to_speak()
    except (discord.DiscordException, OSError) as error:
        _log.warning("could not ask to speak on a stage: %s", type(error).__name__)
