"""What a plugin is: its name, what it declares, how it is set up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from bot.config.plugins import PluginSettings
from bot.domain.occasion import Occasion
from bot.hooks.kibitz import Kibitz
from bot.hooks.values import Permission

RecordValue = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordTable:
    """A kind of records. When its shape changes, raise `version`: `upgrade` is given the version a record has and its
    value, and returns the value in the shape of this version; called at the start, for all or none."""

    name: str
    version: int = 1
    upgrade: Callable[[int, RecordValue], RecordValue] | None = None


class Plugin:
    """The base of every plugin. Subclass it, give it a name, mark its hooks with `@hookimpl`.

    `requires` is a PEP 440 specifier of versions of Kibitz. `keeps` and `sends` say in a sentence each what it keeps of
    people and where it sends what; empty: nothing. `catalogue` is a folder with translations of its texts.
    """

    name: ClassVar[str] = ""
    version: ClassVar[str] = "0"
    requires: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    permissions: ClassVar[frozenset[Permission]] = frozenset()
    keeps: ClassVar[str] = ""
    sends: ClassVar[str] = ""
    settings_model: ClassVar[type[PluginSettings]] = PluginSettings
    tables: ClassVar[tuple[RecordTable, ...]] = ()
    catalogue: ClassVar[Path | None] = None

    def __init__(self, kibitz: Kibitz, settings: PluginSettings) -> None:
        self.kibitz = kibitz
        self.settings = settings

    async def vary(self, occasion: Occasion) -> str:
        """What its work on a clip depends on there besides its version and settings, such as the focus of a channel.
        Clips are understood anew where this changes."""
        return ""
