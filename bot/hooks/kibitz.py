"""What a plugin may ask of the bot."""

import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any, Protocol

from bot.domain.answer import Usage
from bot.domain.conversation import ConversationKey
from bot.domain.errors import PluginError
from bot.domain.occasion import Occasion
from bot.domain.records import Record
from bot.domain.sentence import sentence
from bot.hooks.quarters import Quarters
from bot.hooks.values import Permission
from bot.locales import Catalogue, catalogue

UNDECLARED = "plugin_undeclared"
"""The code of the error for what a plugin uses and did not declare, which is a mistake of its author."""

_MOST_FOUND = 100


class KeepsRecords(Protocol):
    """Where records lie; see PluginRecords."""

    async def put(
        self,
        plugin: str,
        table: str,
        value: Mapping[str, object],
        *,
        version: int,
        key: ConversationKey | None = None,
        person_id: int | None = None,
        job_id: str | None = None,
        only: bool = False,
    ) -> Record | None: ...

    async def find(
        self,
        plugin: str,
        table: str,
        *,
        key: ConversationKey | None = None,
        person_id: int | None = None,
        job_id: str | None = None,
        limit: int = _MOST_FOUND,
    ) -> tuple[Record, ...]: ...

    async def drop(self, plugin: str, record_id: int) -> None: ...

    async def upgrade(
        self,
        plugin: str,
        table: str,
        version: int,
        change: Callable[[int, dict[str, object]], Awaitable[Mapping[str, object]]],
    ) -> int: ...


class Services(Protocol):
    """What the bot does for plugins, on its own event loop. `records` None: nothing is kept, as on the command line."""

    @property
    def records(self) -> KeepsRecords | None: ...

    async def complete(self, rules: str, text: str, occasion: Occasion) -> str: ...

    async def spent(self, usage: Usage, occasion: Occasion) -> None: ...


class Records:
    """What a plugin keeps: forgotten with the person, place or job it belongs to, exported and backed up with it."""

    def __init__(
        self, plugin: str, versions: Mapping[str, int], quarters: Quarters, keeper: KeepsRecords | None
    ) -> None:
        self._plugin = plugin
        self._versions = versions
        self._quarters = quarters
        self._keeper = keeper

    async def put(
        self,
        table: str,
        value: Mapping[str, object],
        *,
        key: ConversationKey | None = None,
        person_id: int | None = None,
        job_id: str | None = None,
        only: bool = False,
    ) -> Record | None:
        """Keep a value (JSON, at most 16 KiB). `only`: instead of others of the same table, place and person. None:
        nothing is kept, because the person wants it so or because nothing is kept here. Raises BotError."""
        version = self._version(table)
        if self._keeper is None:
            return None
        put = self._keeper.put(
            self._plugin, table, value, version=version, key=key, person_id=person_id, job_id=job_id, only=only
        )
        return await self._quarters.ask_home(put)

    async def find(
        self,
        table: str,
        *,
        key: ConversationKey | None = None,
        person_id: int | None = None,
        job_id: str | None = None,
        limit: int = _MOST_FOUND,
    ) -> tuple[Record, ...]:
        """The newest first. None: of any. Raises BotError."""
        self._version(table)
        if self._keeper is None:
            return ()
        find = self._keeper.find(self._plugin, table, key=key, person_id=person_id, job_id=job_id, limit=limit)
        return await self._quarters.ask_home(find)

    async def drop(self, record: Record) -> None:
        """Raises BotError."""
        if self._keeper is not None:
            await self._quarters.ask_home(self._keeper.drop(self._plugin, record.record_id))

    def _version(self, table: str) -> int:
        if table not in self._versions:
            raise _undeclared(self._plugin, f"tables with {table}")
        return self._versions[table]


class Kibitz:
    """The plugin's handle on the bot. Its methods are called on the plugin's own event loop. `folder` is the plugin's
    own; `log` must not be given anybody's words."""

    def __init__(
        self,
        name: str,
        *,
        permissions: frozenset[Permission],
        versions: Mapping[str, int],
        folder: Path,
        quarters: Quarters,
        services: Services,
        failed: Callable[[BaseException], None],
        offer_tools: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        self.name = name
        self.log = logging.getLogger(f"bot.plugins.{name}")
        self._permissions = permissions
        self._folder = folder
        self._quarters = quarters
        self._services = services
        self._failed = failed
        self._offer_tools = offer_tools
        self._records = Records(name, versions, quarters, services.records)

    @property
    def folder(self) -> Path:
        """Files of its own; made when it is asked for first. What is kept of people belongs into `records`."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._folder

    @property
    def records(self) -> Records:
        """Raises PluginError where the permission was not declared."""
        self._check(Permission.RECORDS)
        return self._records

    async def complete(self, rules: str, text: str, occasion: Occasion) -> str:
        """What the bot's chat model makes of a text by these rules; the text is data to it. The job pays for it. Raises
        ProviderError; PluginError where there is no chat model or the permission was not declared."""
        self._check(Permission.MODEL)
        return await self._quarters.ask_home(self._services.complete(rules, text, occasion))

    async def spent(self, usage: Usage, occasion: Occasion) -> None:
        """What the plugin itself paid for a job, such as a model it asked; counted with the rest of the job."""
        await self._quarters.ask_home(self._services.spent(usage, occasion))

    def words(self, locale: str | None) -> Catalogue:
        """Texts in the language of whoever reads them, from the plugin's catalogue as well."""
        return catalogue(locale)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> None:
        """Work in the background until the plugin stops; what it raises counts as a failure."""
        self._quarters.keep(work, name, self._failed)

    async def offer_tools(self) -> None:
        """What `register_tools` gives has changed: it is asked again. Raises BotError."""
        await self._quarters.ask_home(self._offer_tools())

    def _check(self, permission: Permission) -> None:
        if permission not in self._permissions:
            raise _undeclared(self.name, f"permissions with {permission.value}")


def _undeclared(plugin: str, what: str) -> PluginError:
    said = sentence("The plugin {plugin} must declare {what} first.", plugin=plugin, what=what)
    return PluginError(UNDECLARED, said)
