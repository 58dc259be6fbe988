"""Which plugins were switched on and off by command, in a file of the data folder."""

import logging
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from bot.config import Settings
from bot.domain.errors import PluginError

log = logging.getLogger(__name__)

_SWITCHED = TypeAdapter(dict[str, bool])


class Switches:
    """By the names of plugins; one that is not named is as configured."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def read(self) -> dict[str, bool]:
        """What cannot be read is as if nothing had been switched."""
        try:
            return _SWITCHED.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValidationError) as error:
            log.warning("which plugins are switched on cannot be read: %s", type(error).__name__)
            return {}

    def wanted(self, enabled: Sequence[str]) -> list[str]:
        """Who should run, in the order in which they are asked: as configured, then those switched on by command."""
        state = self.read()
        names = [*enabled, *sorted(name for name, is_on in state.items() if is_on)]
        return [name for name in dict.fromkeys(names) if state.get(name, True)]

    def write(self, name: str, *, is_on: bool) -> None:
        """Raises PluginError."""
        switched = {**self.read(), name: is_on}
        fresh = self._file.with_suffix(".new")
        try:
            fresh.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_bytes(_SWITCHED.dump_json(switched))
            fresh.replace(self._file)
        except OSError as error:
            said = "Which plugins run could not be written down. Make room in the data folder."
            raise PluginError("plugin_state", said) from error


def switches_of(settings: Settings) -> Switches:
    """Those of a data folder."""
    return Switches(settings.data.directory / "plugins.json")
