"""What the bot may do where, in the words of Discord's own settings."""

from collections.abc import Sequence
from functools import reduce

import discord

from bot.domain.sentence import Sentence, sentence

READ = discord.Permissions(view_channel=True, read_message_history=True)
SEND = discord.Permissions(send_messages=True, send_messages_in_threads=True)
WRITE = READ | SEND
FILES = discord.Permissions(attach_files=True)
VOICE = discord.Permissions(send_voice_messages=True)
_JOIN = discord.Permissions(connect=True)
REACT = discord.Permissions(read_message_history=True, add_reactions=True)
TALK = discord.Permissions(view_channel=True, connect=True, speak=True)
"""What it takes to be in a voice channel with a voice."""

NEEDED = WRITE | FILES | VOICE | REACT | TALK | discord.Permissions(use_voice_activation=True)
"""What the invitation asks for."""

_NAMES: dict[str, Sentence] = {
    "view_channel": sentence("View Channels"),
    "read_message_history": sentence("Read Message History"),
    "send_messages": sentence("Send Messages"),
    "send_messages_in_threads": sentence("Send Messages in Threads"),
    "attach_files": sentence("Attach Files"),
    "add_reactions": sentence("Add Reactions"),
    "send_voice_messages": sentence("Send Voice Messages"),
    "connect": sentence("Connect"),
    "speak": sentence("Speak (voice channels)"),
    "use_voice_activation": sentence("Use Voice Activity"),
}


def reading(place: object) -> discord.Permissions:
    """What it takes to read there: in the chat of a voice channel also the right to join it."""
    return READ | _JOIN if isinstance(place, discord.VoiceChannel | discord.StageChannel) else READ


def missing_of(held: discord.Permissions, wanted: discord.Permissions) -> tuple[Sentence, ...]:
    """The names of what is wanted and not held."""
    lacking = wanted & ~held
    return tuple(name for flag, name in _NAMES.items() if getattr(lacking, flag))


def missing_in(place: object, *, wanted: discord.Permissions) -> tuple[Sentence, ...]:
    """What the bot itself lacks in a channel or thread; nothing where nobody sets permissions.

    In a thread the right to write is another one than in a channel, so only the one that counts is looked at.
    """
    if not isinstance(place, discord.abc.GuildChannel | discord.Thread):
        return ()
    unused = {"send_messages" if isinstance(place, discord.Thread) else "send_messages_in_threads": False}
    counted = discord.Permissions(wanted.value)
    counted.update(**unused)
    return missing_of(place.permissions_for(place.guild.me), counted)


def listed(names: Sequence[Sentence]) -> Sentence:
    """At least one name, as one text that can still be translated."""
    return reduce(lambda some, more: sentence("{some}, {more}", some=some, more=more), names)
