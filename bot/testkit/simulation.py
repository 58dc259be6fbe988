"""A whole bot on the simulated Discord that comes with a checkout of Kibitz."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from bot.testkit.bench import Bench

_RUNNING = "tests.simulator.running"
_NO_CHECKOUT = (
    "needs a checkout of Kibitz: the simulated Discord is in its tests/ folder. Run pytest with PYTHONPATH set to the "
    "checkout, and without a package tests of your own."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """`server` is the DiscordServer, `cloud` the OpenAIEmulator of tests/simulator; `bot` is the client, online."""

    server: Any
    cloud: Any
    bot: Any


def find_simulator() -> None:
    """Skips the test where there is no checkout."""
    try:
        import_module(_RUNNING)
    except ModuleNotFoundError as error:
        import_module("pytest").skip(f"{_NO_CHECKOUT} ({error.name} is missing)")


async def simulated(bench: Bench, plugins: Mapping[str, Mapping[str, object]], directory: Path | None) -> Simulation:
    """Open as long as the bench."""
    running = import_module(_RUNNING)
    server = await bench.keep(running.DiscordServer())
    cloud = await bench.keep(running.OpenAIEmulator())
    settings: dict[str, object] = {"PLUGINS__ENABLED": ",".join(plugins)}
    if directory is not None:
        settings["PLUGINS__DIRECTORY"] = directory
    for name, table in plugins.items():
        for key, value in table.items():
            text = value if isinstance(value, str) else json.dumps(value)
            settings[f"PLUGINS__{name.upper()}__{key.upper()}"] = text
    client = await bench.keep(running.running_bot(server, cloud, bench.folder / "discord", **settings))
    return Simulation(server=server, cloud=cloud, bot=client)
