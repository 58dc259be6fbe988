"""/plugins: which plugins there are, what they do, and switching them; for whoever runs the bot."""

import logging
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.discord_io.client import KibitzClient
from bot.discord_io.confirmation import confirm
from bot.discord_io.operator import Operator
from bot.discord_io.plugin_fittings import PluginFittings
from bot.discord_io.plugin_pages import enabling_text, list_page, plugin_choice, problem_text, show_text
from bot.discord_io.private_page import show_page
from bot.discord_io.safe_text import safe
from bot.domain.errors import BotError, SettingsError
from bot.hooks.registry import Plugins
from bot.hooks.status import PluginState
from bot.locales import Catalogue, catalogue

log = logging.getLogger(__name__)

Interaction = discord.Interaction[Any]

_MOST_CHOICES = 25


@app_commands.default_permissions(administrator=True)
class PluginsCog(
    commands.GroupCog,
    name="Plugins",
    group_name=locale_str("plugins"),
    group_description=locale_str("Plugins of this bot, for whoever runs it"),
):
    """Only the person who asks sees the answers, and only whoever runs the bot gets them."""

    def __init__(self, client: KibitzClient) -> None:
        self._plugins: Plugins = client.house.plugins
        self._fittings: PluginFittings = client.fittings
        self._operator: Operator = client.operator

    @commands.Cog.listener()
    async def on_interaction(self, interaction: Interaction) -> None:
        """The operator is told of failures in the language they were last seen to use."""
        self._operator.speaks(interaction.user.id, interaction.locale.value)

    async def _open(self, interaction: Interaction) -> Catalogue:
        """Raises BotError for anybody else."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        if interaction.user.id not in self._operator.ids():
            raise BotError("not_operator", "Only whoever runs this bot can see and switch its plugins.")
        return catalogue(interaction.locale.value)

    @app_commands.command(name=locale_str("list"), description=locale_str("Which plugins there are, and which run"))
    async def list_all(self, interaction: Interaction) -> None:
        words = await self._open(interaction)
        page = list_page(await self._plugins.statuses(), self._fittings.refused, words)
        await show_page(interaction, page, name="plugins.md")

    @app_commands.command(
        name=locale_str("show"), description=locale_str("What a plugin does, may do, keeps and sends")
    )
    @app_commands.rename(plugin=locale_str("plugin"))
    @app_commands.describe(plugin=locale_str("Name of the plugin"))
    async def show(self, interaction: Interaction, plugin: str) -> None:
        words = await self._open(interaction)
        status = await self._plugins.look(plugin.strip())
        await show_page(interaction, show_text(status, self._fittings.refused, words), name="plugin.md")

    @app_commands.command(name=locale_str("enable"), description=locale_str("Switch a plugin on, now and from now on"))
    @app_commands.rename(plugin=locale_str("plugin"))
    @app_commands.describe(plugin=locale_str("Name of the plugin"))
    async def enable(self, interaction: Interaction, plugin: str) -> None:
        words = await self._open(interaction)
        status = await self._plugins.look(plugin.strip())
        if status.state is PluginState.ON:
            await show_page(interaction, words("The plugin {plugin} runs already.", plugin=safe(status.name)))
            return

        async def work() -> str:
            try:
                await self._plugins.enable(status.name)
            except SettingsError as error:
                return problem_text(error, status.name, words)
            return self._ran(status.name, words)

        await confirm(
            interaction,
            words,
            question=enabling_text(status, words),
            label=words("Switch on"),
            work=work,
            back=words("Leave it off"),
        )

    @app_commands.command(
        name=locale_str("disable"), description=locale_str("Switch a plugin off, now and from now on")
    )
    @app_commands.rename(plugin=locale_str("plugin"))
    @app_commands.describe(plugin=locale_str("Name of the plugin"))
    async def disable(self, interaction: Interaction, plugin: str) -> None:
        words = await self._open(interaction)
        await self._plugins.disable(plugin.strip())
        await show_page(interaction, words("The plugin {plugin} is switched off.", plugin=safe(plugin.strip())))

    @app_commands.command(name=locale_str("reload"), description=locale_str("Read its code and settings anew"))
    @app_commands.rename(plugin=locale_str("plugin"))
    @app_commands.describe(plugin=locale_str("Name of the plugin"))
    async def reload(self, interaction: Interaction, plugin: str) -> None:
        words = await self._open(interaction)
        try:
            status = await self._plugins.reload(plugin.strip())
        except SettingsError as error:
            await show_page(interaction, problem_text(error, plugin.strip(), words))
            return
        await show_page(interaction, self._ran(status.name, words))

    def _ran(self, name: str, words: Catalogue) -> str:
        """That it runs, and what of it is not there."""
        refused = (f"⚠️ {safe(words.of(why))}" for why in self._fittings.refused.get(name, ()))
        return "\n".join([words("The plugin {plugin} runs.", plugin=safe(name)), *refused])

    @show.autocomplete("plugin")
    async def _offer_all(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return await self._offer(interaction, typed, set(PluginState))

    @enable.autocomplete("plugin")
    async def _offer_idle(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return await self._offer(interaction, typed, {PluginState.OFF, PluginState.FAILED})

    @disable.autocomplete("plugin")
    @reload.autocomplete("plugin")
    async def _offer_running(self, interaction: Interaction, typed: str) -> list[app_commands.Choice[str]]:
        return await self._offer(interaction, typed, {PluginState.ON, PluginState.FAILED})

    async def _offer(
        self, interaction: Interaction, typed: str, states: set[PluginState]
    ) -> list[app_commands.Choice[str]]:
        if interaction.user.id not in self._operator.ids():
            return []
        words = catalogue(interaction.locale.value)
        offered = [
            app_commands.Choice(name=plugin_choice(status, words), value=status.name)
            for status in await self._plugins.statuses()
            if status.state in states and typed.strip().casefold() in status.name
        ]
        return offered[:_MOST_CHOICES]


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(PluginsCog(client))
