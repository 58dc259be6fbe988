"""Starting one plugin: its code, its checks, its settings and records, and what it offers."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from bot.config import Settings
from bot.config.plugin_check import plugin_settings
from bot.config.plugins import PluginSettings, SettingsModelError
from bot.domain.errors import BotError, PluginError, SettingsError
from bot.domain.sentence import Sentence, sentence
from bot.hooks.caller import Hooks
from bot.hooks.checks import NonsenseError, check_all, check_offers
from bot.hooks.guest import Guest, name_of, place_of, told_of
from bot.hooks.kibitz import Kibitz, Services
from bot.hooks.loader import Found, check_plugin
from bot.hooks.offers import HOOK_OF_WORK
from bot.hooks.plugin import Plugin, RecordTable
from bot.hooks.specs import DOORS, Specs
from bot.hooks.status import hooks_of
from bot.hooks.values import ModelTool, Permission, SlashCommand

log = logging.getLogger(__name__)

_LOAD_SECONDS = 20.0


@dataclass(eq=False, slots=True, kw_only=True)
class Running:
    """A plugin that runs, and what it brought."""

    found: Found
    guest: Guest
    plugin: Plugin
    commands: Sequence[SlashCommand] = ()
    cogs: Sequence[str] = ()


async def load_plugin(guest: Guest, found: Found) -> type[Plugin]:
    """Its class, from its code; checked. Raises PluginError."""
    try:
        kind = await guest.quarters.run(found.load, _LOAD_SECONDS)
    except BotError:
        raise
    except Exception as error:
        log.warning("plugin %s: loading: %s", found.name, told_of(error))
        raise PluginError("plugin_broken", cannot_load(found.name, error)) from error
    if not (isinstance(kind, type) and issubclass(kind, Plugin)):
        raise PluginError("plugin_none", cannot_load(found.name, TypeError()))
    check_plugin(kind, found.name)
    check_permissions(kind)
    return kind


class Starter:
    """For the plugins of one bot."""

    def __init__(self, settings: Settings, hooks: Hooks, services: Services) -> None:
        self._settings = settings
        self._hooks = hooks
        self._services = services

    async def make(self, guest: Guest, kind: type[Plugin], tables: Settings) -> Plugin:
        """With its settings, which `tables` hold, checked and its records brought up to date. Raises PluginError and
        SettingsError."""
        settings: PluginSettings = plugin_settings(tables, kind.name, kind.settings_model)
        for table in kind.tables:
            await self._upgrade(guest, kind.name, table)
        kibitz = Kibitz(
            kind.name,
            permissions=kind.permissions,
            versions={table.name: table.version for table in kind.tables},
            folder=self._settings.data.directory / "plugins" / kind.name,
            quarters=guest.quarters,
            services=self._services,
            failed=lambda error: _count(guest, error),
            offer_tools=partial(self._offer_tools, guest),
        )
        plugin = await guest.run("start", partial(kind, kibitz, settings), _LOAD_SECONDS, keeps_tasks=True)
        if not isinstance(plugin, Plugin):
            raise PluginError("plugin_none", cannot_load(kind.name, TypeError()))
        guest.plugin = plugin
        return plugin

    async def _upgrade(self, guest: Guest, name: str, table: RecordTable) -> None:
        """All of its records or none."""
        keeper, upgrade = self._services.records, table.upgrade
        if keeper is None:
            return

        async def change(version: int, value: dict[str, object]) -> dict[str, object]:
            if upgrade is None:
                return value
            changed = await guest.run("upgrade", partial(upgrade, version, value), _LOAD_SECONDS)
            if not isinstance(changed, dict):
                raise PluginError("plugin_upgrade", cannot_load(name, TypeError()))
            return {str(key): one for key, one in changed.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # checked as JSON when it is kept

        await keeper.upgrade(name, table.name, table.version, change)

    async def begin(self, guest: Guest, plugin: Plugin, found: Found) -> Running:
        """Start it and take what it offers. Raises PluginError and NonsenseError."""
        await self._hooks.ask(guest, Specs.on_start, keeps_tasks=True)
        for work, hook in HOOK_OF_WORK.items():
            if (offered := await self._hooks.ask(guest, getattr(Specs, hook))) is not None:
                self._hooks.offers.add(work, check_offers(offered), guest)
        await self._offer_tools(guest)
        commands = await self._hooks.ask(guest, Specs.register_commands)
        cogs = await self._hooks.ask(guest, Specs.register_cogs)
        return Running(
            found=found,
            guest=guest,
            plugin=plugin,
            commands=check_all(commands or (), SlashCommand),
            cogs=check_all(cogs or (), str),
        )

    async def _offer_tools(self, guest: Guest) -> None:
        tools = await self._hooks.ask(guest, Specs.register_tools)
        self._hooks.offers.set_tools(check_all(tools or (), ModelTool), guest)


def known_plugin(found: Mapping[str, Found], name: str) -> Found:
    """Raises PluginError (code plugin_unknown) with the names there are."""
    if name not in found:
        said = sentence(
            "There is no plugin {plugin}. There are: {names}.", plugin=name, names=", ".join(sorted(found)) or "-"
        )
        raise PluginError("plugin_unknown", said)
    return found[name]


def check_permissions(kind: type[Plugin]) -> None:
    """Raises PluginError."""
    needed = {permission for hook in hooks_of(kind) for permission in DOORS[hook].needs}
    missing = sorted(needed - kind.permissions)
    if kind.tables and Permission.RECORDS not in kind.permissions:
        missing.append(Permission.RECORDS)
    if missing:
        said = sentence(
            "The plugin {plugin} uses hooks that need {missing}, which it does not declare. Add them to its "
            "permissions.",
            plugin=kind.name,
            missing=", ".join(missing),
        )
        raise PluginError("plugin_permissions", said)


def _count(guest: Guest, error: BaseException) -> None:
    guest.fail("background work", error)


def cannot_load(name: str, error: BaseException) -> Sentence:
    """Why a plugin does not run, for the operator."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return sentence(
            "The plugin {plugin} needs the Python package {package}. Install it, then switch the plugin on again.",
            plugin=name,
            package=error.name,
        )
    if isinstance(error, SettingsError):
        return error.public
    if isinstance(error, NonsenseError):
        return sentence("The plugin {plugin} {what}.", plugin=name, what=str(error))
    if isinstance(error, SettingsModelError):
        return sentence("The plugin {plugin} has settings that cannot be: {what}", plugin=name, what=str(error))
    return sentence(
        "The plugin {plugin} could not be loaded: {error} at {place}.",
        plugin=name,
        error=name_of(error),
        place=place_of(error),
    )


def check_hooks(kind: type[Plugin]) -> None:
    """Whether its hooks are hooks, without starting it. Raises PluginError."""
    Hooks().admit(object.__new__(kind), kind.name)
