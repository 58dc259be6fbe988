"""/usage: what was spent today and what is left; for whoever runs the bot, on what and where."""

from datetime import timedelta
from typing import Any

import discord
from discord import app_commands
from discord.app_commands import locale_str
from discord.ext import commands

from bot.discord_io.client import KibitzClient
from bot.discord_io.identity import user_id
from bot.discord_io.private_page import show_page
from bot.discord_io.reception import is_public, person_of
from bot.discord_io.usage_page import report_lines, usage_page
from bot.domain.clock import utc_now
from bot.domain.money import Account
from bot.locales import catalogue

Interaction = discord.Interaction[Any]

_DAYS = 30


class UsageCog(commands.Cog, name="Usage"):
    """Only the person who asks sees the answer."""

    def __init__(self, client: KibitzClient) -> None:
        self._client = client
        self._ledger = client.house.ledger

    @app_commands.command(name=locale_str("usage"), description=locale_str("What was spent today, and what is left"))
    @app_commands.checks.cooldown(5, 30, key=user_id)
    async def usage(self, interaction: Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        words, person = catalogue(interaction.locale.value), person_of(interaction.user)
        server_id = interaction.guild_id if is_public(interaction) else None
        is_operator = person.person_id in self._client.operator.ids()
        page = usage_page(
            await self._ledger.allowances(Account(person_id=person.person_id, server_id=server_id)),
            words,
            sees_server=person.is_moderator,
            sees_all=is_operator,
        )
        if is_operator:
            spent = await self._ledger.report(utc_now() - timedelta(days=_DAYS))
            page = "\n".join([page, *report_lines(spent, words, days=_DAYS, name_of=self._name_of)])
        await show_page(interaction, page, name="usage.md")

    def _name_of(self, server_id: int) -> str | None:
        server = self._client.get_guild(server_id)
        return None if server is None else server.name


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(UsageCog(client))
