"""What plugins have on Discord: their cogs and commands, there as long as the plugins run."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from discord import app_commands
from discord.ext import commands

from bot.config import Settings
from bot.discord_io.plugin_commands import command_of, flaw_of, in_all_languages
from bot.domain.sentence import Sentence, sentence
from bot.hooks.guest import Guest
from bot.hooks.registry import Plugins
from bot.hooks.values import SlashCommand
from bot.memory.store import Memory

log = logging.getLogger(__name__)

_COG_SECONDS = 20.0

Bot = commands.Bot | commands.AutoShardedBot


class PluginFittings:
    """Of one client, whose own cogs are loaded before. Nothing that a plugin brings stops anything else."""

    def __init__(self, bot: Bot, plugins: Plugins, memory: Memory, settings: Settings) -> None:
        self._bot = bot
        self._tree: app_commands.CommandTree[Any] = bot.tree
        self._plugins = plugins
        self._memory = memory
        self._language = settings.answer.language
        self._cogs: dict[str, Guest] = {}
        self._commands: dict[str, tuple[Guest, SlashCommand]] = {}
        self._refused: dict[str, list[Sentence]] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def refused(self) -> Mapping[str, list[Sentence]]:
        """By plugin, what of it is not there, and why."""
        return self._refused

    async def renew(self) -> None:
        """Take down what is there no more, put up what is new or was reloaded; what stays is not touched."""
        async with self._one_at_a_time:
            self._refused = {}
            wanted = {command.name: (guest, command) for guest, command in self._plugins.commands()}
            for name, (guest, command) in list(self._commands.items()):
                if name not in wanted or wanted[name][0] is not guest or wanted[name][1] is not command:
                    self._tree.remove_command(name)
                    del self._commands[name]
            await self._renew_cogs()
            for guest, command in wanted.values():
                if command.name not in self._commands:
                    self._put_up(guest, command)

    async def _renew_cogs(self) -> None:
        wanted: dict[str, Guest] = {}
        for guest, cog in self._plugins.cogs():
            wanted.setdefault(cog, guest)
        for cog in self._cogs.keys() - wanted.keys():
            await self._change(self._cogs.pop(cog), cog, is_wanted=False)
        for cog, guest in wanted.items():
            if self._cogs.get(cog) is not guest and await self._change(guest, cog):
                self._cogs[cog] = guest

    async def _change(self, guest: Guest, cog: str, *, is_wanted: bool = True) -> bool:
        """Load or reload an extension, or unload it; False: it failed."""
        change = self._bot.reload_extension if cog in self._cogs else self._bot.load_extension
        try:
            async with asyncio.timeout(_COG_SECONDS):
                await (change if is_wanted else self._bot.unload_extension)(cog)
        except Exception as error:  # noqa: BLE001 - the code of a plugin, which must stop nothing
            cause = getattr(error, "original", error)
            log.warning("plugin %s: an extension failed: %s", guest.name, type(cause).__name__)
            self._refuse(
                guest,
                sentence("The extension {cog} failed: {error}.", cog=cog, error=type(cause).__name__),
            )
            return False
        return True

    def _put_up(self, guest: Guest, command: SlashCommand) -> None:
        taken = {said for one in self._tree.get_commands() for said in in_all_languages(one.name)}
        flaw = flaw_of(command, taken)
        try:
            if flaw is None:
                self._tree.add_command(command_of(guest, command, self._memory, language=self._language))
        except app_commands.CommandLimitReached:
            flaw = sentence("/{command} is left out: Discord takes no more than 100 commands.", command=command.name)
        except (app_commands.AppCommandError, TypeError, ValueError) as error:
            log.warning("plugin %s: a command is impossible", guest.name, exc_info=error)
            flaw = sentence("/{command} is left out: Discord does not take it.", command=command.name)
        if flaw is not None:
            self._refuse(guest, flaw)
            return
        self._commands[command.name] = (guest, command)

    def _refuse(self, guest: Guest, why: Sentence) -> None:
        log.warning("plugin %s: %s", guest.name, why)
        self._refused.setdefault(guest.name, []).append(why)
