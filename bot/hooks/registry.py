"""Which plugins there are and which run: switching on and off, reloading, and what each of them has."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from bot.config import Settings
from bot.domain.errors import BotError, PluginError
from bot.domain.sentence import Sentence, sentence
from bot.hooks.caller import Hooks
from bot.hooks.guest import Guest
from bot.hooks.kibitz import Services
from bot.hooks.loader import Find, Found, Source, find_plugins
from bot.hooks.plugin import Plugin
from bot.hooks.specs import Specs
from bot.hooks.starting import Running, Starter, cannot_load, known_plugin, load_plugin
from bot.hooks.status import PluginStatus, status_of
from bot.hooks.switches import switches_of
from bot.hooks.values import SlashCommand
from bot.locales import contribute, withdraw
from bot.logs import cut_also

log = logging.getLogger(__name__)

_GOODBYE_SECONDS = 5.0
_LAST_CALLS_SECONDS = 60.0
_LAST = 1_000


class Plugins:
    """All plugins of one bot. `changed` is awaited after each change to commands and cogs, `told` gets a sentence for
    the operator whenever a plugin was switched off. On the event loop."""

    def __init__(self, settings: Settings, hooks: Hooks, services: Services, *, find: Find = find_plugins) -> None:
        self._settings = settings
        self._tables = settings  # where the tables of plugins are read from; read again before one is started by hand
        self._find = lambda: asyncio.to_thread(find, settings.plugins.directory)
        self._hooks = hooks
        self._offers = hooks.offers
        self._starter = Starter(settings, hooks, services)
        self._switches = switches_of(settings)
        self._running: dict[str, Running] = {}
        self._failed: dict[str, Sentence] = {}
        self._one_at_a_time = asyncio.Lock()
        self._starting: set[Guest] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self.changed: Callable[[], Awaitable[None]] | None = None
        self.told: list[Callable[[Sentence], None]] = []

    @property
    def hooks(self) -> Hooks:
        return self._hooks

    # The whole.

    async def start(self) -> None:
        """Start those that should run. One that cannot is left out, with the reason in the log and in `statuses`."""
        wanted, tables = self._wanted(), self._settings.plugin_tables
        if not wanted and not tables:
            return
        async with self._one_at_a_time:
            await self._start_all(wanted, tables)

    async def _start_all(self, wanted: Sequence[str], tables: Mapping[str, object]) -> None:
        found = await self._find()
        for name in tables.keys() - found.keys():
            log.warning("[plugins.%s] is set, but there is no such plugin", name)
        for name in wanted:
            try:
                await self._start(known_plugin(found, name))
            except BotError as error:
                self._could_not(name, error)
        for work, name in self._offers.missing():
            log.warning("[plugins] %s: no plugin that runs offers %s, so it is done as configured", work.value, name)

    async def aclose(self) -> None:
        """Stop all."""
        await asyncio.gather(*(guest.quarters.aclose() for guest in self._starting))
        await asyncio.gather(*(self._stop(running) for running in list(self._running.values())))
        self._running.clear()
        if self._ending:
            await asyncio.wait(self._ending, timeout=_GOODBYE_SECONDS)
            for task in self._ending:
                task.cancel()
            await asyncio.gather(*self._ending, return_exceptions=True)

    def _wanted(self) -> list[str]:
        """In the order in which they are asked: as configured, then those switched on by command."""
        return self._switches.wanted(self._settings.plugins.enabled)

    # One of them.

    async def enable(self, name: str) -> PluginStatus:
        """Start it with its settings as they stand by now, and from now on. Raises PluginError and SettingsError."""
        async with self._one_at_a_time:
            await self._read_tables()
            found = await self._find()
            one = known_plugin(found, name)
            if name not in self._running:
                await self._start(one)
            self._switches.write(name, is_on=True)
        await self._tell_changed()
        return self._status(one)

    async def disable(self, name: str) -> None:
        """Stop it, now and from now on. Raises PluginError for one that is not known."""
        async with self._one_at_a_time:
            running = self._running.pop(name, None)
            if running is None and name not in self._failed:
                found = await self._find()
                known_plugin(found, name)
            self._failed.pop(name, None)
            self._switches.write(name, is_on=False)
            if running is not None:
                await self._stop(running)
        await self._tell_changed()

    async def reload(self, name: str) -> PluginStatus:
        """Read its code and settings anew; the old one goes on until the new one runs, and if that fails. What is under
        way is not disturbed. Raises PluginError and SettingsError."""
        async with self._one_at_a_time:
            if name not in self._wanted():
                raise PluginError(
                    "plugin_not_on",
                    sentence("The plugin {plugin} is not switched on. Switch it on first.", plugin=name),
                )
            found = await self._find()
            one = known_plugin(found, name)
            await self._read_tables()
            old = self._running.get(name)
            await self._start(one, instead_of=old)
            if old is not None:
                self._end_later(old)
        await self._tell_changed()
        return self._status(one)

    async def look(self, name: str) -> PluginStatus:
        """What a plugin declares; its code is loaded for that, where it does not run. Raises PluginError."""
        found = known_plugin(await self._find(), name)
        if name in self._running:
            return self._status(found)
        guest = self._guest(name)
        try:
            kind = await load_plugin(guest, found)
        finally:
            await guest.quarters.aclose()
        return self._status(found, kind)

    async def statuses(self) -> tuple[PluginStatus, ...]:
        """All that were found, and those that should run and were not, by name."""
        found = await self._find()
        for name in self._wanted():
            if name not in found:
                found[name] = _missing(name)
        return tuple(self._status(found[name]) for name in sorted(found))

    async def _read_tables(self) -> None:
        self._tables = await asyncio.to_thread(self._settings.read_again)
        cut_also(self._tables.secrets())

    # What they have.

    def commands(self) -> tuple[tuple[Guest, SlashCommand], ...]:
        """Slash commands; of two with one name the first counts."""
        named: dict[str, tuple[Guest, SlashCommand]] = {}
        for running in self._running.values():
            for command in running.commands:
                named.setdefault(command.name, (running.guest, command))
        return tuple(named.values())

    def cogs(self) -> tuple[tuple[Guest, str], ...]:
        """Extensions that plugins bring, each with whose it is."""
        return tuple((running.guest, cog) for running in self._running.values() for cog in running.cogs)

    def failed(self) -> dict[str, Sentence]:
        """Those that should run and do not, and why."""
        return dict(self._failed)

    def kinds(self) -> tuple[Plugin, ...]:
        """Those that run, for what is told of them."""
        return tuple(running.plugin for running in self._running.values())

    # Starting.

    async def _start(self, found: Found, *, instead_of: Running | None = None) -> None:
        """Nobody hears of it before it has started."""
        guest = self._guest(found.name)
        self._starting.add(guest)
        try:
            kind = await load_plugin(guest, found)
            plugin = await self._starter.make(guest, kind, self._tables)
            Hooks().admit(plugin, found.name)  # what cannot hang there is not started
            if kind.catalogue is not None:
                contribute(found.name, kind.catalogue)
            running = await self._starter.begin(guest, plugin, found)
        except BaseException as error:
            self._offers.drop(guest)
            withdraw(found.name)
            if instead_of is not None and instead_of.plugin.catalogue is not None:
                with contextlib.suppress(BotError):
                    contribute(found.name, instead_of.plugin.catalogue)
            await guest.quarters.aclose()
            if isinstance(error, BotError) or not isinstance(error, Exception):
                raise
            raise PluginError("plugin_refused", cannot_load(found.name, error)) from error
        finally:
            self._starting.discard(guest)
        if instead_of is not None:
            self._offers.drop(instead_of.guest)
        self._hooks.dismiss(found.name)
        self._hooks.admit(plugin, found.name, guest=guest, place=self._place(found.name))
        self._failed.pop(found.name, None)
        self._running[found.name] = running
        log.info("plugin %s %s runs", found.name, plugin.version)

    def _guest(self, name: str) -> Guest:
        return Guest(name, most_failures=self._settings.plugins.failures, too_much=self._too_much)

    def _place(self, name: str) -> int:
        enabled = self._settings.plugins.enabled
        return enabled.index(name) if name in enabled else _LAST

    # Stopping.

    async def _stop(self, running: Running) -> None:
        name = running.found.name
        self._hooks.dismiss(name)
        self._offers.drop(running.guest)
        await self._say_goodbye(running)
        withdraw(name)

    async def _say_goodbye(self, running: Running) -> None:
        with contextlib.suppress(BotError):  # counted and logged by the guest
            await self._hooks.ask(running.guest, Specs.on_stop)
        await self._close(running)

    async def _close(self, running: Running) -> None:
        running.guest.is_off = True
        left = await running.guest.quarters.aclose()
        if left:
            log.warning("plugin %s left %d tasks running when it was stopped", running.found.name, left)

    def _end_later(self, running: Running) -> None:
        """After a reload its hooks hang no more; what it is doing may end."""

        async def end() -> None:
            await running.guest.quarters.settle(_LAST_CALLS_SECONDS)
            await self._say_goodbye(running)

        self._keep(asyncio.create_task(end(), name=f"plugin {running.found.name} ends"))

    def _too_much(self, guest: Guest) -> None:
        """It has failed too often: nobody hears of it from now on, but the operator."""
        running = self._running.get(guest.name)
        if running is None or running.guest is not guest:
            return
        del self._running[guest.name]
        why = guest.last_failure or Sentence.of("It failed.")
        self._failed[guest.name] = why
        self._hooks.dismiss(guest.name)
        self._offers.drop(guest)
        said = sentence("The plugin {plugin} failed too often and was switched off. {why}", plugin=guest.name, why=why)
        for told in self.told:
            asyncio.get_running_loop().call_soon(told, said)  # not among the callers of the hook

        async def end() -> None:
            await self._close(running)
            await self._tell_changed()

        self._keep(asyncio.create_task(end(), name=f"plugin {guest.name} is switched off"))

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _tell_changed(self) -> None:
        if self.changed is not None:
            await self.changed()

    def _could_not(self, name: str, error: BotError) -> None:
        self._failed[name] = error.public
        log.error("plugin %s does not run: %s", name, error.public)

    # What is told.

    def _status(self, found: Found, kind: type[Plugin] | None = None) -> PluginStatus:
        running = self._running.get(found.name)
        if running is None:
            return status_of(found, kind, why=self._failed.get(found.name))
        return status_of(found, type(running.plugin), guest=running.guest, offers=self._offers.names(running.guest))


def _missing(name: str) -> Found:
    def load() -> type[Plugin]:
        raise PluginError("plugin_unknown", cannot_load(name, ModuleNotFoundError()))

    return Found(name=name, source=Source.DIRECTORY, where="-", load=load)
