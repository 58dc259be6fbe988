"""Who talks where: what Discord hands over, as keys of our own."""

import discord

from bot.domain.conversation import ConversationKey, MessageRef

Place = discord.Message | discord.Interaction[discord.Client]

_ENGLISH = "en-US"


def key_of(place: Place) -> ConversationKey:
    """The conversation of a message or an interaction."""
    if isinstance(place, discord.Interaction):
        return ConversationKey(server_id=place.guild_id, channel_id=place.channel_id or 0)
    return ConversationKey(server_id=place.guild.id if place.guild else None, channel_id=place.channel.id)


def ref_of(message: discord.Message | discord.PartialMessage) -> MessageRef:
    """A message by its ids."""
    return MessageRef(channel_id=message.channel.id, message_id=message.id)


def locale_of(place: Place) -> str:
    """For a command the language of the person; for a message that of the server, English in a direct message."""
    if isinstance(place, discord.Interaction):
        return place.locale.value
    return place.guild.preferred_locale.value if place.guild else _ENGLISH


def settings_channel(place: Place) -> int:
    """The channel whose settings hold: a thread has those of the channel it hangs on."""
    channel = place.channel
    if isinstance(channel, discord.Thread):
        return channel.parent_id
    return channel.id if channel is not None else 0


def user_id(interaction: discord.Interaction[discord.Client]) -> int:
    """Whoever uses a command, for limits per person."""
    return interaction.user.id
