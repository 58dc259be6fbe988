"""Settings read again while the bot runs: what can hold at once does, of the rest it is said that it cannot."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from bot.config import Settings
from bot.config.settings import SECTIONS
from bot.logs import cut_also

Apply = Callable[[Settings], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """Names of settings: those that hold from now on, and all that differ from what the bot runs with."""

    applied: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()


class Reloading:
    """`settings` are those the bot was started with."""

    def __init__(self, settings: Settings) -> None:
        self._started = settings
        self._latest = settings
        self._live: dict[str, Apply] = {}
        self._one_at_a_time = asyncio.Lock()

    def add(self, prefix: str, apply: Apply) -> None:
        """Settings whose names begin so can hold at once; `apply` sees to it when one of them changed."""
        self._live[prefix] = apply

    async def reload(self) -> Reloaded:
        """Raises SettingsError, and everything stays as it is."""
        async with self._one_at_a_time:
            new = await asyncio.to_thread(self._started.read_again)
            cut_also(new.secrets())
            applied = [name for name in _differing(self._latest, new) if self._applier(name) is not None]
            for apply in dict.fromkeys(filter(None, map(self._applier, applied))):
                apply(new)
            self._latest = new
            waiting = [name for name in _differing(self._started, new) if self._applier(name) is None]
            return Reloaded(applied=tuple(applied), waiting=tuple(waiting))

    def _applier(self, name: str) -> Apply | None:
        return next((apply for prefix, apply in self._live.items() if name.startswith(prefix)), None)


def _differing(old: Settings, new: Settings) -> list[str]:
    """In the order of config.toml; those of plugins by the names of their tables."""
    found = [
        f"{section}.{name}"
        for section, model in SECTIONS.items()
        for name in model.model_fields
        if getattr(getattr(old, section), name) != getattr(getattr(new, section), name)
    ]
    plugins = dict(old.plugin_tables) | dict(new.plugin_tables)
    return found + [f"plugins.{name}" for name in plugins if old.plugin_tables.get(name) != new.plugin_tables.get(name)]
