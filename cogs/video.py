"""Clips by command: /ask, /summarize, /transcribe, /timeline, /storyboard, and the menu of a message."""

from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.discord_io.attachments import source_of, sources_of
from bot.discord_io.buttons import FORM_SECONDS
from bot.discord_io.client import KibitzClient
from bot.discord_io.identity import ref_of
from bot.discord_io.reception import Reception, Wish
from bot.discord_io.telling import told
from bot.domain.ask import AskKind
from bot.domain.conversation import MediaSource
from bot.locales import catalogue
from bot.memory.store import Memory
from bot.services.chat import no_clip

Interaction = discord.Interaction[Any]

_FORMS = [
    app_commands.Choice(name=locale_str("Table (.md)"), value="md"),
    app_commands.Choice(name=locale_str("Subtitles (.srt)"), value="srt"),
    app_commands.Choice(name=locale_str("Web subtitles (.vtt)"), value="vtt"),
    app_commands.Choice(name=locale_str("Data (.json)"), value="json"),
]
_LONGEST_QUESTION = 1000


class Video(commands.Cog):
    """Commands about clips."""

    def __init__(self, client: KibitzClient) -> None:
        self._tree = client.tree
        self._reception: Reception = client.house.reception
        self._memory: Memory = client.house.memory
        self._menus = [
            app_commands.ContextMenu(name=locale_str("Ask about this"), callback=self.ask_about),
            app_commands.ContextMenu(name=locale_str("Transcribe"), callback=self.transcribe_this),
            app_commands.ContextMenu(name=locale_str("Summarize"), callback=self.summarize_this),
        ]

    async def cog_load(self) -> None:
        for menu in self._menus:
            self._tree.add_command(menu)

    async def cog_unload(self) -> None:
        for menu in self._menus:
            self._tree.remove_command(menu.name, type=menu.type)

    @app_commands.command(
        name=locale_str("ask"), description=locale_str("Ask about a clip, or go on asking about the last one")
    )
    @app_commands.rename(question=locale_str("question"), clip=locale_str("clip"), speak=locale_str("speak"))
    @app_commands.describe(
        question=locale_str("What do you want to know?"),
        clip=locale_str("A video, a sound or a picture; without one, the latest here is meant"),
        speak=locale_str("Also answer aloud, as a voice message"),
    )
    async def ask(
        self,
        interaction: Interaction,
        question: app_commands.Range[str, 1, _LONGEST_QUESTION],
        clip: discord.Attachment | None = None,
        speak: bool | None = None,
    ) -> None:
        wish = Wish(question=question, clips=_clips(interaction, clip), speak=speak)
        await self._reception.by_command(interaction, wish)

    @app_commands.command(name=locale_str("summarize"), description=locale_str("Sum up a clip in a few sentences"))
    @app_commands.rename(clip=locale_str("clip"), speak=locale_str("speak"))
    @app_commands.describe(
        clip=locale_str("A video, a sound or a picture; without one, the latest here is meant"),
        speak=locale_str("Also answer aloud, as a voice message"),
    )
    async def summarize(
        self, interaction: Interaction, clip: discord.Attachment | None = None, speak: bool | None = None
    ) -> None:
        wish = _summary(interaction, _clips(interaction, clip), speak=speak)
        await self._reception.by_command(interaction, wish)

    @app_commands.command(name=locale_str("transcribe"), description=locale_str("Write down what is said in a clip"))
    @app_commands.rename(clip=locale_str("clip"))
    @app_commands.describe(clip=locale_str("A video or a sound; without one, the latest here is meant"))
    async def transcribe(self, interaction: Interaction, clip: discord.Attachment | None = None) -> None:
        wish = Wish(kind=AskKind.TRANSCRIBE, clips=_clips(interaction, clip))
        await self._reception.by_command(interaction, wish)

    @app_commands.command(
        name=locale_str("timeline"), description=locale_str("Everything seen and heard in a clip, as a file")
    )
    @app_commands.rename(clip=locale_str("clip"), form=locale_str("format"))
    @app_commands.describe(
        clip=locale_str("A video, a sound or a picture; without one, the latest here is meant"),
        form=locale_str("The kind of file"),
    )
    @app_commands.choices(form=_FORMS)
    async def timeline(
        self, interaction: Interaction, clip: discord.Attachment | None = None, form: str = "md"
    ) -> None:
        wish = Wish(kind=AskKind.TIMELINE, clips=_clips(interaction, clip), form=form)
        await self._reception.by_command(interaction, wish)

    @app_commands.command(
        name=locale_str("storyboard"), description=locale_str("The frames of a clip with their times, as a picture")
    )
    @app_commands.rename(clip=locale_str("clip"))
    @app_commands.describe(clip=locale_str("A video or a picture; without one, the latest here is meant"))
    async def storyboard(self, interaction: Interaction, clip: discord.Attachment | None = None) -> None:
        wish = Wish(kind=AskKind.STORYBOARD, clips=_clips(interaction, clip))
        await self._reception.by_command(interaction, wish)

    async def ask_about(self, interaction: Interaction, message: discord.Message) -> None:
        """A form for the question; what the message has is known before it opens."""
        wish = await self._about(message, Wish())
        await interaction.response.send_modal(_Question(self._reception, wish, interaction))

    async def transcribe_this(self, interaction: Interaction, message: discord.Message) -> None:
        wish = await self._about(message, Wish(kind=AskKind.TRANSCRIBE))
        await self._reception.by_command(interaction, wish)

    async def summarize_this(self, interaction: Interaction, message: discord.Message) -> None:
        wish = await self._about(message, _summary(interaction, (), speak=None))
        await self._reception.by_command(interaction, wish)

    async def _about(self, message: discord.Message, wish: Wish) -> Wish:
        """The clips of a message; of an answer of ours, those it was about. Raises MediaError without any."""
        clips = sources_of(message)
        if message.author.bot or not clips:
            turn = await self._memory.turn_of_message(ref_of(message))
            if turn is not None:
                return wish.about(follows=turn.job_id)
        if not clips:
            raise no_clip()
        return wish.about(clips=clips)


class _Question(discord.ui.Modal):
    """Asks for a question; without one, the clip's own is answered, or what happens in it."""

    def __init__(self, reception: Reception, wish: Wish, interaction: Interaction) -> None:
        words = catalogue(interaction.locale.value)
        super().__init__(title=words("Ask about this"), timeout=FORM_SECONDS)
        self._reception = reception
        self._wish = wish
        self._question: discord.ui.TextInput[_Question] = discord.ui.TextInput(
            label=words("Your question"),
            placeholder=words("What happens here?"),
            style=discord.TextStyle.paragraph,
            required=False,
            max_length=_LONGEST_QUESTION,
        )
        self.add_item(self._question)

    async def on_submit(self, interaction: Interaction) -> None:
        async with told(interaction):
            await self._reception.by_command(interaction, self._wish.about(question=self._question.value))


def _clips(interaction: Interaction, clip: discord.Attachment | None) -> tuple[MediaSource, ...]:
    if clip is None:
        return ()
    return (source_of(clip, channel_id=interaction.channel_id or 0, author_id=interaction.user.id),)


def _summary(interaction: Interaction, clips: tuple[MediaSource, ...], *, speak: bool | None) -> Wish:
    words = catalogue(interaction.locale.value)
    question = words("Sum up this clip: what happens, what is said, what can be read?")
    return Wish(kind=AskKind.SUMMARIZE, question=question, clips=clips, speak=speak)


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(Video(client))
