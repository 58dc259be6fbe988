"""Voice channels and who is in them: which one is meant, and what keeps the bot or a person out."""

from typing import Any

import discord

from bot.discord_io.permissions import SEND, listed, missing_in
from bot.discord_io.reception import person_of
from bot.domain.conversation import PlaceSettings, SpeakWhen
from bot.domain.errors import BotError, VoiceError
from bot.domain.sentence import sentence
from bot.services.access import Person, check_may_ask, check_may_call_in, may_ask, may_hear

VocalChannel = discord.VoiceChannel | discord.StageChannel


def people_in(channel: VocalChannel) -> list[int]:
    """Everybody who is there and known to be no bot."""
    guild = channel.guild
    found = ((person_id, guild.get_member(person_id)) for person_id in channel.voice_states)
    return [person_id for person_id, member in found if member is None or not member.bot]


def channel_of(interaction: discord.Interaction[Any]) -> VocalChannel | None:
    """Where whoever uses a command is to be heard; None: in no voice channel of this server."""
    user = interaction.user
    return user.voice.channel if isinstance(user, discord.Member) and user.voice is not None else None


def meant_channel(interaction: discord.Interaction[Any], chosen: VocalChannel | None) -> VocalChannel:
    """The one that was named, else the caller's, else the one in whose chat the command was used. Raises BotError."""
    channel = chosen or channel_of(interaction)
    if channel is None and isinstance(interaction.channel, discord.VoiceChannel | discord.StageChannel):
        channel = interaction.channel
    if channel is None:
        raise BotError("no_voice_channel", "You are in no voice channel. Go into one, or name it in the command.")
    return channel


def check_may_join(channel: VocalChannel) -> None:
    """Raises BotError, with the remedy, where the bot cannot come in, speak, or say in the chat that it listens."""
    speaks = discord.Permissions(speak=not isinstance(channel, discord.StageChannel))  # on a stage one is asked to
    steps = (discord.Permissions(view_channel=True), discord.Permissions(connect=True), SEND | speaks)
    missing = next(filter(None, (missing_in(channel, wanted=wanted) for wanted in steps)), ())
    if missing:  # without the first of them there are none of the others
        raise VoiceError(
            "voice_missing_permission",
            sentence(
                "I cannot talk in {channel}: I lack {permissions}. Someone who manages this server can grant it in the "
                "settings of the channel, under Permissions.",
                channel=channel.mention,
                permissions=listed(missing),
            ),
        )
    me = channel.guild.me
    held = channel.permissions_for(me)
    is_full = bool(channel.user_limit) and len(channel.voice_states) >= channel.user_limit
    if is_full and me.id not in channel.voice_states and not (held.move_members or held.administrator):
        raise VoiceError(
            "voice_full",
            sentence(
                "{channel} is full. Raise its user limit, or call me when somebody leaves.", channel=channel.mention
            ),
        )


def check_may_call(interaction: discord.Interaction[Any], channel: VocalChannel, place: PlaceSettings) -> None:
    """Raises BotError for somebody who may not ask in that channel, call the bot, have answers spoken, or go there."""
    person = person_of(interaction.user)
    check_may_ask(person, place)
    check_may_call_in(person, place)
    if place.speak is SpeakWhen.NEVER:
        raise BotError(
            "voice_switched_off",
            "Spoken answers are switched off here, so I do not join. Someone who manages this server can switch them "
            "on with /settings.",
        )
    if not may_hear(person, place):
        raise BotError(
            "not_spoken_to",
            "Here only people with certain roles may have answers spoken. Ask one of them, or a moderator.",
        )
    user = interaction.user
    if isinstance(user, discord.Member):
        held = channel.permissions_for(user)
        if not (held.view_channel and held.connect):
            raise BotError("voice_closed", "You may not go into that channel yourself, so I do not go there for you.")


def check_is_there(interaction: discord.Interaction[Any], channel: VocalChannel) -> None:
    """Raises BotError for somebody who is neither in the channel nor a moderator."""
    if channel_of(interaction) != channel and not person_of(interaction.user).is_moderator:
        raise BotError("not_there", "Only people in that voice channel, and moderators, can do that.")


def may_talk(channel: VocalChannel, person_id: int, place: PlaceSettings) -> bool:
    """Whether somebody who is there may ask and be answered aloud; of whom Discord told nothing, they have no roles."""
    member = channel.guild.get_member(person_id)
    if member is not None and member.bot:
        return False
    person = Person(person_id=person_id) if member is None else person_of(member)
    return may_ask(person, place) and may_hear(person, place)
