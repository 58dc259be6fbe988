"""/settings: language, voice, speaking, what is answered, how long is remembered, who may use what, for each place."""

from collections.abc import Mapping
from enum import Enum
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.discord_io.buttons import FORM_SECONDS
from bot.discord_io.client import KibitzClient
from bot.discord_io.gatekeeper import admit
from bot.discord_io.identity import settings_channel
from bot.discord_io.telling import told
from bot.domain.conversation import AnswersWhen, PlaceSettings, SpeakWhen
from bot.domain.errors import BotError
from bot.locales import Catalogue, catalogue, language_name
from bot.memory.store import Memory

Interaction = discord.Interaction[Any]

_LANGUAGES = ("en", "zh-CN", "zh-TW", "ja", "ko", "es", "pt-BR", "fr", "de", "it", "ru", "uk", "pl", "tr", "hi", "ar")
_AS_IT_COMES = "-"
_KEEP_DAYS = (1, 3, 7, 14, 30, 90, 180, 365)
_LONGEST_VOICE = 100
_CHANNEL_TYPES = (
    discord.ChannelType.text,
    discord.ChannelType.news,
    discord.ChannelType.voice,
    discord.ChannelType.stage_voice,
    discord.ChannelType.forum,
    discord.ChannelType.category,
)
_PANEL_SECONDS = 14 * 60


class SettingsCog(commands.Cog, name="Settings"):
    """The command and its panel."""

    def __init__(self, client: KibitzClient) -> None:
        self._memory: Memory = client.house.memory
        self._reads_all = client.house.settings.discord.message_content
        self._keep_days = client.house.settings.data.keep_days

    @app_commands.command(
        name=locale_str("settings"), description=locale_str("Language, voice, and who may use me, here or everywhere")
    )
    @app_commands.rename(where=locale_str("where"))
    @app_commands.describe(where=locale_str("For the whole server, or for this channel only"))
    @app_commands.choices(
        where=[
            app_commands.Choice(name=locale_str("The whole server"), value="server"),
            app_commands.Choice(name=locale_str("Only this channel"), value="channel"),
        ]
    )
    @app_commands.guild_only()
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.checks.has_permissions(manage_guild=True)
    async def settings(self, interaction: Interaction, where: str = "server") -> None:
        if interaction.guild_id is None or interaction.channel_id is None:
            raise BotError("server_only", "That works only in a server.")
        await interaction.response.defer(ephemeral=True, thinking=True)
        channel_id = settings_channel(interaction) if where == "channel" else None
        panel = _Panel(self._memory, interaction, channel_id, reads_all=self._reads_all, most_keep_days=self._keep_days)
        await panel.show(interaction)


class _Page(Enum):
    """What the panel shows: the choices, who may ask and listen, who may have files, and where."""

    FIRST = 1
    ASKING = 2
    FILES = 3
    CHANNELS = 4


class _Panel(discord.ui.View):
    """What holds, and selects to change it; each change is kept at once."""

    def __init__(
        self,
        memory: Memory,
        interaction: Interaction,
        channel_id: int | None,
        *,
        reads_all: bool,
        most_keep_days: int,
    ) -> None:
        super().__init__(timeout=_PANEL_SECONDS)
        self._memory = memory
        self._server_id = interaction.guild_id
        self._channel_id = channel_id
        self._reads_all = reads_all
        self._most_keep_days = most_keep_days
        self._locale = interaction.locale.value
        self._holds = PlaceSettings()
        self._page = _Page.FIRST

    @property
    def words(self) -> Catalogue:
        return catalogue(self._locale)

    async def _fill(self) -> None:
        """Read what holds and lay out the page."""
        self._holds = await self._memory.settings_for(self._server_id, self._channel_id or 0)
        self.clear_items()
        pages = {
            _Page.FIRST: self._choices,
            _Page.ASKING: self._asking,
            _Page.FILES: self._files,
            _Page.CHANNELS: self._channels,
        }
        for item in pages[self._page]():
            self.add_item(item)

    def _text(self) -> str:
        """What holds, in words."""
        words, holds = self.words, self._holds
        if self._page is _Page.ASKING:
            return words("Who may ask me, and who may have answers spoken? Nobody chosen: everyone.")
        if self._page is _Page.FILES:
            return words("Who may have words written down, and files made? Nobody chosen: everyone.")
        if self._page is _Page.CHANNELS:
            return words("Where may I be used? Nothing chosen: everywhere. A category stands for all its channels.")
        head = words("Settings of this channel") if self._channel_id else words("Settings of this server")
        lines = [
            f"**{head}**",
            words("Language of answers: {language}", language=self._language(holds.language)),
            words("Voice: {voice}", voice=f"`{holds.voice}`" if holds.voice else words("as configured")),
            words("Spoken answers: {when}", when=self._speaking()[holds.speak]),
            words("I answer: {when}", when=self._answering()[holds.answers]),
            words("I remember: {how_long}", how_long=self._keeping(holds.keep_days)),
            words("May ask: {roles}", roles=self._named(holds.ask_roles)),
            words("May have it spoken: {roles}", roles=self._named(holds.speak_roles)),
            *self._limits(),
        ]
        if holds.auto_join:
            lines.append(words("I come into this voice channel by myself; /voice auto off ends it."))
        if holds.captions:
            lines.append(words("I show captions here; /voice captions off ends it."))
        if holds.answers is AnswersWhen.ALWAYS and not self._reads_all:
            lines.append(
                "⚠️ "
                + words(
                    "To answer every message I must be allowed to read them: whoever runs this bot switches "
                    "message_content on. Until then only mentions, replies and commands reach me."
                )
            )
        return "\n".join(lines)

    async def change(self, interaction: Interaction, changes: Mapping[str, object]) -> None:
        """Keep a change and show what holds now."""
        async with told(interaction):
            if not interaction.permissions.manage_guild:
                raise BotError("not_allowed", "Only people who may manage this server can do that. Ask one of them.")
            await admit(interaction)
            await interaction.response.defer()
            await self._memory.change_settings(self._server_id, self._channel_id, changes)
            await self.show(interaction)

    async def turn_to(self, interaction: Interaction, page: "_Page") -> None:
        """Show one of the pages."""
        async with told(interaction):
            await interaction.response.defer()
            self._page = page
            await self.show(interaction)

    async def show(self, interaction: Interaction) -> None:
        """Show what holds, in place of what the interaction has shown so far."""
        await self._fill()
        await interaction.edit_original_response(content=self._text(), view=self)

    def _choices(self) -> list[discord.ui.Item["_Panel"]]:
        words, holds = self.words, self._holds
        languages = {_AS_IT_COMES: self._language(None), **{tag: self._language(tag) for tag in _LANGUAGES}}
        return [
            _Choice("language", words("Language of answers"), languages, holds.language or _AS_IT_COMES),
            _Choice("speak", words("Spoken answers"), self._speaking(), holds.speak),
            _Choice("answers", words("I answer"), self._answering(), holds.answers),
            _Choice("keep_days", words("I remember"), self._keepings(), self._kept(holds.keep_days)),
            _VoiceButton(words("Voice…")),
            _PageButton(words("Who may use me…"), _Page.ASKING),
            *self._of_place(),
            _ResetButton(words("Back to the defaults")),
        ]

    def _of_place(self) -> list[discord.ui.Item["_Panel"]]:
        """What is set for a whole server alone, or for a channel alone."""
        if self._channel_id is None:
            return [_PageButton(self.words("Where…"), _Page.CHANNELS)]
        label = self.words("No news here") if self._holds.news else self.words("News here")
        return [_NewsButton(label, is_on=not self._holds.news)]

    def _asking(self) -> list[discord.ui.Item["_Panel"]]:
        words, holds = self.words, self._holds
        return [
            _Roles("ask_roles", words("May ask"), holds.ask_roles),
            _Roles("speak_roles", words("May have it spoken"), holds.speak_roles),
            _Roles("join_roles", words("May call me into voice channels"), holds.join_roles),
            _PageButton(words("Back"), _Page.FIRST),
            _PageButton(words("More…"), _Page.FILES),
        ]

    def _files(self) -> list[discord.ui.Item["_Panel"]]:
        words, holds = self.words, self._holds
        return [
            _Roles("transcribe_roles", words("May have words written down"), holds.transcribe_roles),
            _Roles("export_roles", words("May have files made"), holds.export_roles),
            _PageButton(words("Back"), _Page.ASKING),
        ]

    def _channels(self) -> list[discord.ui.Item["_Panel"]]:
        words, holds = self.words, self._holds
        return [
            _Channels("open_channels", words("Only here"), holds.open_channels),
            _Channels("closed_channels", words("Not here"), holds.closed_channels),
            _PageButton(words("Back"), _Page.FIRST),
        ]

    def _limits(self) -> list[str]:
        """What is narrowed down further, where it is."""
        words, holds = self.words, self._holds
        narrowed = (
            (holds.join_roles, words("May call me into voice channels: {roles}", roles=self._named(holds.join_roles))),
            (
                holds.transcribe_roles,
                words("May have words written down: {roles}", roles=self._named(holds.transcribe_roles)),
            ),
            (holds.export_roles, words("May have files made: {roles}", roles=self._named(holds.export_roles))),
            (holds.open_channels, words("Only in: {channels}", channels=_linked(holds.open_channels))),
            (holds.closed_channels, words("Not in: {channels}", channels=_linked(holds.closed_channels))),
            (holds.news and self._channel_id, words("News of whoever runs this bot are posted here.")),
        )
        return [line for is_set, line in narrowed if is_set]

    def _language(self, tag: str | None) -> str:
        return self.words("that of the question") if tag is None else language_name(tag, self.words)

    def _speaking(self) -> dict[str, str]:
        words = self.words
        return {
            SpeakWhen.ALWAYS: words("always"),
            SpeakWhen.ASKED: words("when asked for"),
            SpeakWhen.NEVER: words("never"),
        }

    def _answering(self) -> dict[str, str]:
        words = self.words
        return {
            AnswersWhen.ASKED: words("when called: mention, reply, command"),
            AnswersWhen.ALWAYS: words("every message"),
            AnswersWhen.NEVER: words("commands only"),
        }

    def _kept(self, days: int | None) -> str:
        """The choice that holds. What is longer than the operator allows, because that was changed, is no choice."""
        return str(days) if days is not None and str(days) in self._keepings() else _AS_IT_COMES

    def _keepings(self) -> dict[str, str]:
        """Nobody keeps longer than whoever runs the bot."""
        shorter = [days for days in _KEEP_DAYS if days < self._most_keep_days]
        return {_AS_IT_COMES: self._keeping(None), **{str(days): self._keeping(days) for days in shorter}}

    def _keeping(self, days: int | None) -> str:
        if days is None or days >= self._most_keep_days:
            return self.words.plural("{n} day, as configured", "{n} days, as configured", self._most_keep_days)
        return self.words.plural("{n} day", "{n} days", days)

    def _named(self, roles: tuple[int, ...]) -> str:
        return " ".join(f"<@&{role}>" for role in roles) or self.words("everyone")


class _Choice(discord.ui.Select[_Panel]):
    """One setting with a few values."""

    def __init__(self, name: str, label: str, values: Mapping[str, str], holds: str) -> None:
        options = [
            discord.SelectOption(label=f"{label}: {shown}"[:100], value=value, default=value == holds)
            for value, shown in values.items()
        ]
        super().__init__(options=options)
        self._name = name

    async def callback(self, interaction: Interaction) -> None:
        if self.view is not None:
            chosen = self.values[0]
            await self.view.change(interaction, {self._name: None if chosen == _AS_IT_COMES else chosen})


class _Roles(discord.ui.RoleSelect[_Panel]):
    """Which roles may do something; none: everyone."""

    def __init__(self, name: str, label: str, holds: tuple[int, ...]) -> None:
        chosen = [discord.SelectDefaultValue(id=role, type=discord.SelectDefaultValueType.role) for role in holds]
        super().__init__(placeholder=label, min_values=0, max_values=25, default_values=chosen)
        self._name = name

    async def callback(self, interaction: Interaction) -> None:
        if self.view is not None:
            await self.view.change(interaction, {self._name: tuple(role.id for role in self.values) or None})


class _Channels(discord.ui.ChannelSelect[_Panel]):
    """Channels and categories; none: nothing is narrowed down."""

    def __init__(self, name: str, label: str, holds: tuple[int, ...]) -> None:
        chosen = [discord.SelectDefaultValue(id=one, type=discord.SelectDefaultValueType.channel) for one in holds]
        super().__init__(
            placeholder=label, min_values=0, max_values=25, default_values=chosen, channel_types=list(_CHANNEL_TYPES)
        )
        self._name = name

    async def callback(self, interaction: Interaction) -> None:
        if self.view is not None:
            await self.view.change(interaction, {self._name: tuple(one.id for one in self.values) or None})


class _NewsButton(discord.ui.Button[_Panel]):
    """Whether words of whoever runs the bot are posted in this channel."""

    def __init__(self, label: str, *, is_on: bool) -> None:
        super().__init__(label=label, row=4)
        self._is_on = is_on

    async def callback(self, interaction: Interaction) -> None:
        if self.view is not None:
            await self.view.change(interaction, {"news": self._is_on or None})


class _VoiceButton(discord.ui.Button[_Panel]):
    """Opens a form: which voices there are depends on who speaks."""

    def __init__(self, label: str) -> None:
        super().__init__(label=label, row=4)

    async def callback(self, interaction: Interaction) -> None:
        if self.view is not None:
            await interaction.response.send_modal(_VoiceForm(self.view))


class _VoiceForm(discord.ui.Modal):
    def __init__(self, panel: _Panel) -> None:
        words = panel.words
        super().__init__(title=words("Voice"), timeout=FORM_SECONDS)
        self._panel = panel
        self._voice: discord.ui.TextInput[_VoiceForm] = discord.ui.TextInput(
            label=words("Name of the voice; nothing: as configured"),
            required=False,
            max_length=_LONGEST_VOICE,
        )
        self.add_item(self._voice)

    async def on_submit(self, interaction: Interaction) -> None:
        await self._panel.change(interaction, {"voice": self._voice.value.strip() or None})


class _PageButton(discord.ui.Button[_Panel]):
    def __init__(self, label: str, page: _Page) -> None:
        super().__init__(label=label, row=4)
        self._page = page

    async def callback(self, interaction: Interaction) -> None:
        if self.view is not None:
            await self.view.turn_to(interaction, self._page)


class _ResetButton(discord.ui.Button[_Panel]):
    """Nothing is set here any more."""

    def __init__(self, label: str) -> None:
        super().__init__(label=label, row=4, style=discord.ButtonStyle.danger)

    async def callback(self, interaction: Interaction) -> None:
        if self.view is not None:
            await self.view.change(interaction, dict.fromkeys(PlaceSettings.__dataclass_fields__))


def _linked(channels: tuple[int, ...]) -> str:
    return " ".join(f"<#{channel}>" for channel in channels)


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(SettingsCog(client))
