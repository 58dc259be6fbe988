"""The one place where an error of a command becomes a message."""

import asyncio
import math
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot.discord_io.client import KibitzClient
from bot.discord_io.telling import tell
from bot.domain.errors import BotError
from bot.domain.sentence import counted

_ANSWERED_BY_SECONDS = 1.5


class Errors(commands.Cog):
    """Hangs itself into the command tree."""

    def __init__(self, client: KibitzClient) -> None:
        self._tree = client.tree
        self._before = client.tree.on_error

    async def cog_load(self) -> None:
        self._tree.on_error = on_command_error

    async def cog_unload(self) -> None:
        self._tree.on_error = self._before

    @commands.Cog.listener()
    async def on_interaction(self, interaction: discord.Interaction[Any]) -> None:
        """A form or menu that nobody answers for, as after a restart, is answered here before Discord gives up."""
        if interaction.type not in {discord.InteractionType.component, discord.InteractionType.modal_submit}:
            return
        await asyncio.sleep(_ANSWERED_BY_SECONDS)
        if not interaction.response.is_done():
            await tell(
                interaction,
                BotError("panel_old", "This is from before I was restarted. Open it again with its command."),
            )


async def on_command_error(interaction: discord.Interaction[Any], error: app_commands.AppCommandError) -> None:
    """Tell the person; what only Discord and the library know is put into our words."""
    match error:
        case app_commands.CommandInvokeError():
            await tell(interaction, error.original)
        case app_commands.MissingPermissions():
            await tell(
                interaction,
                BotError("not_allowed", "Only people who may manage this server can do that. Ask one of them."),
            )
        case app_commands.NoPrivateMessage():
            await tell(interaction, BotError("server_only", "That works only in a server."))
        case app_commands.CommandOnCooldown():
            seconds = math.ceil(error.retry_after)
            await tell(
                interaction,
                BotError(
                    "too_often",
                    counted(
                        "That was often enough for now. Try again in {n} second.",
                        "That was often enough for now. Try again in {n} seconds.",
                        seconds,
                    ),
                ),
            )
        case app_commands.CommandNotFound() | app_commands.CommandSignatureMismatch():
            await tell(
                interaction,
                BotError("command_old", "This command has changed. Restart Discord, or try again in a minute."),
            )
        case _:
            await tell(interaction, error)


async def setup(client: KibitzClient) -> None:
    """Called by the library when the extension is loaded."""
    await client.add_cog(Errors(client))
