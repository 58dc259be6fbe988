"""/help and /privacy, and the same in short when I come into a server: what I can do, and what happens with it."""

import logging
from collections.abc import Sequence
from typing import Any

import aiohttp
import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.config import Settings
from bot.discord_io.client import KibitzClient
from bot.discord_io.permissions import READ, SEND, missing_in
from bot.discord_io.plugin_pages import privacy_lines
from bot.discord_io.posting import NO_MENTIONS
from bot.discord_io.private_page import show_page
from bot.discord_io.receivers import hearers, receiver, roles_at_work
from bot.domain.role import Role
from bot.locales import Catalogue, catalogue
from bot.memory.store import Memory

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]


class Help(commands.Cog):
    """Answers that only the person sees."""

    def __init__(self, client: KibitzClient) -> None:
        self._client = client
        self._settings = client.house.settings
        self._memory: Memory = client.house.memory

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Where the server greets people, and the bot may write."""
        channel = guild.system_channel
        if channel is None or missing_in(channel, wanted=READ | SEND):
            return
        said = _welcome(catalogue(guild.preferred_locale.value), self._client.user, self._settings)
        try:
            await channel.send(said, allowed_mentions=NO_MENTIONS, suppress_embeds=True, silent=True)
        except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
            log.info("a server was not greeted: %s", type(error).__name__)

    @app_commands.command(name=locale_str("help"), description=locale_str("What I can do, and how to ask"))
    async def help(self, interaction: Interaction) -> None:
        words = catalogue(interaction.locale.value)
        said = _help(words, interaction.client.user, reads_all=self._settings.discord.message_content)
        await interaction.response.send_message(said, ephemeral=True)

    @app_commands.command(
        name=locale_str("privacy"), description=locale_str("What happens with what you send, and who runs this bot")
    )
    async def privacy(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        words = catalogue(interaction.locale.value)
        is_heard = bool(await self._memory.audible(interaction.user.id))
        of_plugins = privacy_lines(self._client.house.plugins.kinds(), words)
        said = _privacy(words, self._settings, of_plugins, is_heard=is_heard)
        await show_page(interaction, said, name="privacy.md")


def _help(words: Catalogue, me: discord.ClientUser | None, *, reads_all: bool) -> str:
    name = f"@{me.name}" if me else "@Kibitz"
    replying = ["- " + words("Reply to anybody's clip or voice message and mention me.")] if reads_all else []
    return "\n".join(
        [
            words("I watch clips, listen to them and answer questions about them, in text and aloud."),
            "- " + words("Post a clip and mention me with your question: {name} what does the sign say?", name=name),
            "- " + words("Reply to my answer to ask on. No need to send the clip again."),
            *replying,
            "- " + words("Open the menu of a message, choose Apps: Ask about this, Transcribe, Summarize."),
            "- " + words("Commands: /ask, /summarize, /transcribe, /timeline, /storyboard, /settings, /privacy."),
            "- " + words("In a voice channel: /voice join, press “Hear me”, say my name and ask. /stop silences me."),
            "- " + words("What I remember: /memory, /forget, /export, /optout."),
            "- " + words("Send me a direct message, or a voice message: that one I answer aloud."),
            words(
                "A link to a message with a clip works as well. Times such as 0:42 count from the start of the clip."
            ),
        ]
    )


def _privacy(words: Catalogue, settings: Settings, of_plugins: Sequence[str], *, is_heard: bool) -> str:
    operator = settings.discord.operator
    whose = (
        words("This bot is run by {operator}.", operator=operator)
        if operator
        else words("This bot is run by somebody who has not left a name; ask the people who look after this server.")
    )
    return "\n".join(
        [
            _looked_at(words, settings),
            words("To answer, parts of it go to:"),
            *(f"- {line}" for line in _receivers(words, settings)),
            *of_plugins,
            words(
                "I keep questions, answers and what was seen and heard in a clip, in words, for up to {days} days, so "
                "that you can ask on. What was said in a place comes back in that place only. Facts that people pin "
                "stay until they are taken back.",
                days=settings.data.keep_days,
            ),
            *([words("The chat model makes summaries of older ones.")] if settings.memory.summaries else []),
            _files(words, settings),
            words(
                "In voice channels I hear only people who agreed. Their speech becomes text at once ({receivers}), the "
                "sound is never kept, and what everybody else says is dropped before it is decoded.",
                receivers=hearers(words, settings),
            ),
            words("You agreed to be heard; /voice consent no ends it.")
            if is_heard
            else words("You did not agree to be heard; /voice consent yes changes it."),
            words(
                "Edit or delete your message, and it is edited or forgotten here, too. /forget forgets you, a clip or "
                "a channel, /export gives you what I keep of you, and after /optout I keep nothing of you."
            ),
            words("Nothing is used to train models by me. What a provider keeps is that provider's policy."),
            whose,
        ]
    )


def _files(words: Catalogue, settings: Settings) -> str:
    """What becomes of clips themselves."""
    if settings.data.cache_minutes <= 0 or settings.data.cache_megabytes <= 0:
        return words("Clips, frames and sounds are deleted when the answer is there.")
    return words(
        "Frames and sounds are deleted when the answer is there; a clip stays for {minutes:g} minutes after it was "
        "last used, in case I have to look again.",
        minutes=settings.data.cache_minutes,
    )


def _looked_at(words: Catalogue, settings: Settings) -> str:
    if settings.discord.message_content:
        return words(
            "I look at what you send me: clips, questions, voice messages, and the message you reply to. A question "
            "without a clip also makes me look for one in the latest messages here; where I am set to answer every "
            "message, I read every message."
        )
    return words("I look only at what you send me: clips, questions, voice messages, and the message you reply to.")


def _receivers(words: Catalogue, settings: Settings) -> list[str]:
    """Who gets what, by the configuration."""
    what = {
        Role.CAPTIONS: words("Frames of a clip"),
        Role.TRANSCRIPTS: words("Its sound"),
        Role.CHAT: words("Your question and what was seen and heard"),
        Role.SPEECH: words("The text of a spoken answer"),
        Role.EMBEDDINGS: words("What I remember and your question, to find it by its meaning"),
    }
    return [f"{what[role]}: {receiver(words, settings, role)}" for role in roles_at_work(settings)]


def _welcome(words: Catalogue, me: discord.ClientUser | None, settings: Settings) -> str:
    name = f"@{me.name}" if me else "@Kibitz"
    hosts = {receiver(words, settings, role) for role in roles_at_work(settings)}
    return "\n".join(
        [
            words("Hello! Post a clip and mention me with your question: {name} what does the sign say?", name=name),
            words(
                "What I am asked goes to {receivers}, and I remember it in words, for up to {days} days, where it was "
                "said. /privacy says more, /forget and /optout end it, /help shows what I can do.",
                receivers=", ".join(sorted(hosts)),
                days=settings.data.keep_days,
            ),
        ]
    )


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(Help(client))
