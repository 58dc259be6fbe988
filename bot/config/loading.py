"""From a path and an environment to checked settings, or to every reason against them at once."""

import os
from collections import ChainMap
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import cast

from bot.config.layers import Entry, Layer, take
from bot.config.names import CONFIG_VARIABLE
from bot.config.plugins import PluginTable, PluginValue
from bot.config.presets import PRESETS
from bot.config.servers import Given, choose_preset, settle_roles
from bot.config.settings import Settings
from bot.config.shards import shard_problems
from bot.config.status_check import status_problems
from bot.config.toml_file import read_file
from bot.config.variables import (
    dotenv_variables,
    environment_variables,
    mounted_secrets,
    read_plugin_variables,
    read_variables,
)
from bot.domain.errors import SettingsError, SettingsProblem

SECRETS_FOLDER = Path("/run/secrets")

_PACKAGE = Path(__file__).parent.parent
_BESIDE_PACKAGE = _PACKAGE.parent / "config.toml"
_IN_PACKAGE = _PACKAGE / "config.toml"  # an installed wheel carries it here


def load_settings(
    config_path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    preset: str | None = None,
    secrets_folder: Path = SECRETS_FOLDER,
) -> Settings:
    """Read and check everything. What is nearer to the person wins: `preset`, environment, .env, mounted secrets, file.

    The file is `config_path`, else KIBITZ_CONFIG, else ./config.toml, else the one that came with the program.
    .env is read beside it, or in the current folder when the file is the one inside an installed package.
    Raises SettingsError with every problem found.
    """
    environ = os.environ if environ is None else environ
    path = _config_file(config_path, environ)
    dotenv = (Path.cwd() if path == _IN_PACKAGE else path.parent) / ".env"
    problems: list[SettingsProblem] = []
    argument: Given = {}
    if preset is not None:
        argument = take(("models", "preset"), preset, place="argument", label="--preset", problems=problems)
    spoken = (
        tuple(environment_variables(environ)),
        tuple(dotenv_variables(dotenv, problems)),
        tuple(mounted_secrets(secrets_folder, problems)),
    )
    plugin_values: list[PluginValue] = []
    layers: tuple[Given, ...] = (
        argument,
        *(read_variables(variables, problems) for variables in spoken),
        read_file(path, problems, plugin_values),
    )
    for variables in reversed(spoken):
        plugin_values.extend(read_plugin_variables(variables, problems))
    choice = choose_preset(_merged(layers))
    filled = {
        (section, name): Entry(value=value, source=f"preset {choice.name}")
        for section, names in PRESETS[choice.name].items()
        for name, value in names.items()
    }
    decided, statements = settle_roles(_merged((*layers, filled)), choice=choice, problems=problems)
    problems.extend(shard_problems(_merged(layers)))
    problems.extend(status_problems(_merged(layers)))
    if problems:
        raise SettingsError(tuple(problems))
    layers = (decided, *layers, filled)
    # The signature that the type checker makes from the fields hides the argument for sources.
    build = cast("Callable[..., Settings]", Settings)
    return build(_build_sources=(tuple(Layer(entries) for entries in layers), {})).with_origin(
        sources={f"{section}.{name}": entry.source for (section, name), entry in _merged(layers).items()},
        statements=statements,
        preset_reason=choice.reason,
        read_again=partial(load_settings, config_path, environ=environ, preset=preset, secrets_folder=secrets_folder),
        plugin_tables={
            name: PluginTable(name=name, values=tuple(value for value in plugin_values if value.path[0] == name))
            for name in dict.fromkeys(value.path[0] for value in plugin_values)
        },
    )


def _merged(layers: tuple[Given, ...]) -> Given:
    """The first layer that names a setting wins."""
    return ChainMap(*(dict(layer) for layer in layers))


def _config_file(config_path: Path | None, environ: Mapping[str, str]) -> Path:
    named = environ.get(CONFIG_VARIABLE, "").strip()
    if config_path is not None or named:
        return (config_path or Path(named)).expanduser()
    here = Path.cwd() / "config.toml"
    return next((path for path in (here, _BESIDE_PACKAGE, _IN_PACKAGE) if path.is_file()), here)
