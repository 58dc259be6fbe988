"""/voice and /stop: come and go, who is heard, captions, notes; and what happens in voice channels and their chats."""

import logging
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.discord_io.attachments import sources_of
from bot.discord_io.client import KibitzClient
from bot.discord_io.confirmation import confirm
from bot.discord_io.desk import Desk
from bot.discord_io.gatekeeper import Gatekeeper
from bot.discord_io.identity import user_id
from bot.discord_io.private_page import show_page
from bot.discord_io.reception import person_of
from bot.discord_io.telling import told
from bot.discord_io.voice_channel import (
    VocalChannel,
    channel_of,
    check_is_there,
    check_may_call,
    check_may_join,
    meant_channel,
)
from bot.discord_io.voice_desk import Call, VoiceDesk
from bot.discord_io.voice_notes import note_files
from bot.discord_io.voice_notice import HearButton, heard_line
from bot.discord_io.voice_pages import joined_page, status_page
from bot.domain.conversation import AnswersWhen
from bot.domain.errors import BotError
from bot.locales import Catalogue, catalogue
from bot.memory.store import Memory
from bot.services.access import check_may_export, may_ask
from bot.services.gate import Gate
from bot.services.voice_notes import VoiceNotes

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]


class Voice(commands.Cog):
    """Talk in voice channels; nearly all it answers is for the person alone, the notice in the channel is for all."""

    voice = app_commands.Group(
        name=locale_str("voice"),
        description=locale_str("Talk with me in a voice channel"),
        guild_only=True,
        allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=False, private_channel=False),
        allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
    )
    mute = app_commands.Group(
        name=locale_str("mute"), description=locale_str("I do not hear you for now"), parent=voice
    )
    unmute = app_commands.Group(name=locale_str("unmute"), description=locale_str("I hear you again"), parent=voice)
    consent = app_commands.Group(
        name=locale_str("consent"), description=locale_str("Whether I may hear you in voice channels"), parent=voice
    )
    captions = app_commands.Group(
        name=locale_str("captions"), description=locale_str("What is said, as text in the channel's chat"), parent=voice
    )
    auto = app_commands.Group(
        name=locale_str("auto"), description=locale_str("Whether I come by myself when somebody does"), parent=voice
    )

    def __init__(self, client: KibitzClient) -> None:
        self._client = client
        self._voice: VoiceDesk = client.house.voice
        self._notes: VoiceNotes = client.house.voice_notes
        self._desk: Desk = client.house.desk
        self._memory: Memory = client.house.memory
        self._gate: Gate = client.house.gate
        self._keeper: Gatekeeper = client.house.keeper

    async def cog_load(self) -> None:
        self._client.add_dynamic_items(HearButton)

    async def cog_unload(self) -> None:
        self._client.remove_dynamic_items(HearButton)

    @voice.command(name=locale_str("join"), description=locale_str("I come into your voice channel and listen"))
    @app_commands.rename(channel=locale_str("channel"))
    @app_commands.describe(channel=locale_str("Which one; without it, the one you are in"))
    @app_commands.checks.cooldown(5, 60, key=user_id)
    async def join(
        self, interaction: Interaction, channel: discord.VoiceChannel | discord.StageChannel | None = None
    ) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        words, wanted = catalogue(interaction.locale.value), meant_channel(interaction, channel)
        check_may_call(interaction, wanted, await self._memory.settings_for(wanted.guild.id, wanted.id))
        check_may_join(wanted)
        call = self._voice.call_in(wanted.guild.id)

        async def come(*, moves: bool = True) -> str:
            await self._keeper.admit(interaction)
            return joined_page((await self._voice.join(wanted, moves=moves)).channel.mention, words)

        if call is None or call.channel == wanted:
            await show_page(interaction, await come(moves=False))
            return
        question = words(
            "I am in {channel} already. Shall I come over? The conversation there ends then.",
            channel=call.channel.mention,
        )
        await confirm(interaction, words, question=question, label=words("Come over"), work=come)

    @voice.command(name=locale_str("leave"), description=locale_str("I leave the voice channel and do not listen"))
    async def leave(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        call = self._call(interaction)
        check_is_there(interaction, call.channel)
        await self._voice.leave(call.channel.guild.id)
        words = catalogue(interaction.locale.value)
        await show_page(interaction, words("I left {channel}.", channel=call.channel.mention))

    @voice.command(
        name=locale_str("status"), description=locale_str("Who is heard, how fast I answer, how the connection is")
    )
    async def status(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        call = self._call(interaction)
        words = catalogue(interaction.locale.value)
        await show_page(interaction, status_page(call.session.status(), call.channel.mention, words))

    @voice.command(
        name=locale_str("notes"), description=locale_str("What was said so far, and a summary, as files for you")
    )
    @app_commands.rename(public=locale_str("public"))
    @app_commands.describe(public=locale_str("Show them to everybody in this channel; without it, only to you"))
    @app_commands.checks.cooldown(2, 60, key=user_id)
    async def notes(self, interaction: Interaction, public: bool = False) -> None:
        await interaction.response.defer(ephemeral=not public, thinking=True)
        call = self._call(interaction)
        check_is_there(interaction, call.channel)
        check_may_export(person_of(interaction.user), call.place)
        words = catalogue(interaction.locale.value)
        lines = await self._voice.lines_of(call)
        if all(line.person_id is None for line in lines):
            raise BotError(
                "nothing_said", "Nothing was said yet by anybody I may hear. Press “Hear me”, speak, and ask again."
            )
        summary = await self._notes.summary(lines, language=call.place.language)
        said, files = note_files(lines, summary, words)
        await show_page(interaction, said, name="notes.md", files=files)

    @mute.command(name=locale_str("me"), description=locale_str("I do not hear you in this conversation for now"))
    async def mute_me(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        self._call(interaction).session.mute(interaction.user.id)
        words = catalogue(interaction.locale.value)
        await show_page(interaction, words("I do not hear you for now. /voice unmute me changes that."))

    @unmute.command(name=locale_str("me"), description=locale_str("I hear you in this conversation again"))
    async def unmute_me(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        self._call(interaction).session.unmute(interaction.user.id)
        words = catalogue(interaction.locale.value)
        agreed = await self._memory.audible(interaction.user.id)
        said = words("I hear you again.") if agreed else heard_line(words, is_given=False)
        await show_page(interaction, said)

    @consent.command(name=locale_str("yes"), description=locale_str("I may hear you in voice channels"))
    async def consent_yes(self, interaction: Interaction) -> None:
        await self._choose(interaction, is_given=True)

    @consent.command(name=locale_str("no"), description=locale_str("I do not hear you, in any voice channel"))
    async def consent_no(self, interaction: Interaction) -> None:
        await self._choose(interaction, is_given=False)

    @captions.command(name=locale_str("on"), description=locale_str("Show what is said as text, with names"))
    async def captions_on(self, interaction: Interaction) -> None:
        await self._caption(interaction, is_on=True)

    @captions.command(name=locale_str("off"), description=locale_str("Show no captions any more"))
    async def captions_off(self, interaction: Interaction) -> None:
        await self._caption(interaction, is_on=False)

    @auto.command(name=locale_str("on"), description=locale_str("I come into this voice channel when somebody does"))
    @app_commands.rename(channel=locale_str("channel"))
    @app_commands.describe(channel=locale_str("Which one; without it, the one you are in"))
    async def auto_on(
        self, interaction: Interaction, channel: discord.VoiceChannel | discord.StageChannel | None = None
    ) -> None:
        await self._come_by_itself(interaction, channel, is_on=True)

    @auto.command(name=locale_str("off"), description=locale_str("I come only when I am called"))
    @app_commands.rename(channel=locale_str("channel"))
    @app_commands.describe(channel=locale_str("Which one; without it, the one you are in"))
    async def auto_off(
        self, interaction: Interaction, channel: discord.VoiceChannel | discord.StageChannel | None = None
    ) -> None:
        await self._come_by_itself(interaction, channel, is_on=False)

    @app_commands.command(
        name=locale_str("stop"), description=locale_str("I fall silent, and drop what you asked here")
    )
    async def stop(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        words, asker_id = catalogue(interaction.locale.value), interaction.user.id
        here = (interaction.channel_id, asker_id)  # what one person alone sees has their id for a place
        call = self._voice.call_in(interaction.guild_id)
        is_silenced = False
        if call is not None and (channel_of(interaction) == call.channel or person_of(interaction.user).is_moderator):
            is_silenced = call.session.stop()
        asked = [ask for ask in self._desk.in_flight() if ask.asker_id == asker_id and ask.key.channel_id in here]
        stopped = [ask for ask in asked if self._desk.cancel(ask.job_id)]
        if not (is_silenced or stopped):
            raise BotError("nothing_to_stop", "There is nothing of yours to stop here.")
        await show_page(interaction, words("Stopped."))

    @commands.Cog.listener()
    async def on_kibitz_hearing(self, interaction: Interaction, is_given: bool) -> None:
        async with told(interaction):
            if is_given:
                await self._keeper.admit(interaction)
            await self._choose(interaction, is_given=is_given)

    @commands.Cog.listener()
    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        await self._voice.moved(member, before.channel, after.channel)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """A clip posted in the chat of the channel can be asked about aloud, by the rules that hold for typing."""
        call = self._voice.call_in(message.guild.id if message.guild else None)
        if call is None or message.channel.id != call.channel.id or message.author.bot:
            return
        sources = tuple(source for source in sources_of(message) if not source.is_voice_message)
        place = call.place
        if await self._gate.is_kept_out(message.author.id):
            return
        if sources and place.answers is not AnswersWhen.NEVER and may_ask(person_of(message.author), place):
            self._voice.clip_posted(call, sources, person_id=message.author.id)

    def _call(self, interaction: Interaction) -> Call:
        call = self._voice.call_in(interaction.guild_id)
        if call is None:
            raise BotError("not_in_voice", "I am in no voice channel here. /voice join calls me.")
        return call

    async def _choose(self, interaction: Interaction, *, is_given: bool) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._voice.choose(interaction.user.id, is_given=is_given)
        await show_page(interaction, heard_line(catalogue(interaction.locale.value), is_given=is_given))

    async def _caption(self, interaction: Interaction, *, is_on: bool) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        channel = self._channel(interaction, None)
        check_is_there(interaction, channel)
        await self._voice.change(channel.guild.id, channel.id, {"captions": is_on})
        words = catalogue(interaction.locale.value)
        await show_page(interaction, _captions_line(channel, words, is_on=is_on))

    async def _come_by_itself(self, interaction: Interaction, chosen: VocalChannel | None, *, is_on: bool) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        if not interaction.permissions.manage_guild:
            raise BotError("not_allowed", "Only people who may manage this server can do that. Ask one of them.")
        channel = self._channel(interaction, chosen)
        if is_on:
            check_may_join(channel)
        await self._voice.change(channel.guild.id, channel.id, {"auto_join": is_on})
        words = catalogue(interaction.locale.value)
        said = (
            words(
                "From now on I come into {channel} when somebody does, and leave when nobody is there.",
                channel=channel.mention,
            )
            if is_on
            else words("I come into {channel} only when I am called.", channel=channel.mention)
        )
        await show_page(interaction, said)

    def _channel(self, interaction: Interaction, chosen: VocalChannel | None) -> VocalChannel:
        """The one that was named or is the caller's; else where the bot is."""
        call = self._voice.call_in(interaction.guild_id)
        if call is not None and chosen is None and channel_of(interaction) is None:
            return call.channel
        return meant_channel(interaction, chosen)


def _captions_line(channel: VocalChannel, words: Catalogue, *, is_on: bool) -> str:
    if is_on:
        return words(
            "What people say in {channel} who agreed to be heard now appears in its chat.", channel=channel.mention
        )
    return words("There are no captions in {channel} any more.", channel=channel.mention)


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(Voice(client))
