"""Who is in a voice channel, as Discord tells of them; bots are not people."""

import logging

import discord

from bot.domain.voice import Listener

VocalChannel = discord.VoiceChannel | discord.StageChannel

_MOST_ASKED_FOR = 32

_log = logging.getLogger(__name__)


def present_in(channel: VocalChannel) -> tuple[Listener, ...]:
    """Everybody there whom we know by name; in the order of their ids."""
    found: list[Listener] = []
    for person_id, state in sorted(channel.voice_states.items()):
        member = channel.guild.get_member(person_id)
        if member is not None and not member.bot and member != channel.guild.me:
            found.append(
                Listener(person_id=person_id, name=member.display_name, is_deafened=state.deaf or state.self_deaf)
            )
    return tuple(found)


def has_others(channel: VocalChannel) -> bool:
    """Whether anybody or anything else is in the call."""
    return bool(channel.voice_states.keys() - {channel.guild.me.id})


def strangers_in(channel: VocalChannel) -> list[int]:
    """Who is there without our knowing who they are."""
    return [person_id for person_id in channel.voice_states if channel.guild.get_member(person_id) is None]


async def get_to_know(channel: VocalChannel) -> None:
    """Ask Discord about those whose voice state came without who they are."""
    strangers = strangers_in(channel)[:_MOST_ASKED_FOR]
    if strangers:
        try:
            await channel.guild.query_members(user_ids=strangers, cache=True)
        except (TimeoutError, discord.DiscordException, OSError) as error:
            _log.warning("%d people in a voice channel stay unknown: %s", len(strangers), type(error).__name__)
