"""Settings from the environment, from .env and from secret files."""

import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from dotenv.parser import parse_stream

from bot.config.layers import Entry, shown_path, take, text_of
from bot.config.names import (
    CONFIG_VARIABLE,
    FILE_VARIABLES,
    PREFIX,
    SECRETS,
    VARIABLES,
    Setting,
    closest,
    plugin_path_of,
    plugin_variable_meant,
    probably_meant,
)
from bot.config.plugins import PluginValue, is_secret_path
from bot.domain.errors import SettingsProblem

_ENVIRONMENT = "environment"
_LONGEST_SECRET_BYTES = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A name with its text, from the environment or a file that speaks its language; `place` is where it stands."""

    name: str
    text: str = field(repr=False)
    place: str


def read_variables(variables: Iterable[Variable], problems: list[SettingsProblem]) -> dict[Setting, Entry]:
    """The settings among some variables; misspelt ones of ours are added to `problems`.

    Foreign ones are left alone, and so are those of plugins.
    """
    entries: dict[Setting, Entry] = {}
    taken: dict[Setting, str] = {}
    for variable in variables:
        name = variable.name.upper()
        if plugin_path_of(name):
            continue
        setting = VARIABLES.get(name) or FILE_VARIABLES.get(name)
        if setting is None:
            problems.extend(_misspelt(variable, name))
            continue
        if not variable.text.strip():
            continue
        if setting in taken:
            what = f"{variable.name} and {taken[setting]} set the same thing."
            problems.append(SettingsProblem(where=variable.place, what=what, remedy="Keep one of them."))
            continue
        taken[setting] = variable.name
        text = variable.text
        if name in FILE_VARIABLES:
            read = _secret_of(Path(text.strip()), variable, problems)
            if read is None:
                continue
            text = read
        entries |= take(setting, text, place=variable.place, label=variable.name, problems=problems)
    return entries


def read_plugin_variables(variables: Iterable[Variable], problems: list[SettingsProblem]) -> Iterator[PluginValue]:
    """The settings of plugins among some variables; secret files are read by the name of their setting."""
    taken: dict[tuple[str, ...], str] = {}
    for variable in variables:
        path = plugin_path_of(variable.name)
        if path is None or not variable.text.strip():
            continue
        text: str | None = variable.text
        field_path = (*path[:-1], path[-1].removesuffix("_file"))
        if field_path != path and is_secret_path(field_path[1:]):
            path, text = field_path, _secret_of(Path(variable.text.strip()), variable, problems)
        if path in taken:
            what = f"{variable.name} and {taken[path]} set the same thing."
            problems.append(SettingsProblem(where=variable.place, what=what, remedy="Keep one of them."))
        elif text is not None:
            yield PluginValue(path=path, raw=text.strip(), place=variable.place, variable=variable.name)
        taken[path] = variable.name


def environment_variables(environ: Mapping[str, str]) -> Iterator[Variable]:
    """The environment, in order of name."""
    return (Variable(name=name, text=environ[name], place=_ENVIRONMENT) for name in sorted(environ))


def dotenv_variables(path: Path, problems: list[SettingsProblem]) -> Iterator[Variable]:
    """The variables of an .env file, none when there is none; values are taken literally, without ${...}."""
    if not path.exists():
        return
    shown = shown_path(path)
    text = text_of(path, shown, problems)
    last: dict[str, Variable] = {}
    for binding in parse_stream(StringIO(text or "")):
        place = f"{shown}, line {binding.original.line}"
        if binding.error:
            what, remedy = "This is not a NAME=value line.", "Check its quotes and the sign =."
            problems.append(SettingsProblem(where=place, what=what, remedy=remedy))
        elif binding.key is not None:
            last[binding.key] = Variable(name=binding.key, text=binding.value or "", place=place)
    yield from last.values()


def mounted_secrets(folder: Path, problems: list[SettingsProblem]) -> Iterator[Variable]:
    """Secret files mounted under the names of our variables, in either case; other files are not opened."""
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        name = path.name.upper()
        variable = Variable(name=path.name, text="", place=shown_path(folder))
        if VARIABLES.get(name) in SECRETS or is_secret_path((plugin_path_of(name) or ())[1:]):
            text = _secret_of(path, variable, problems)
            if text is not None:
                yield Variable(name=path.name, text=text, place=variable.place)
        elif name.startswith(PREFIX):
            yield variable


def _secret_of(path: Path, variable: Variable, problems: list[SettingsProblem]) -> str | None:
    """The content of a secret file; its path is not repeated, it might be the secret itself."""
    remedy = "Name a file that holds the secret and nothing else."
    try:
        path = path.expanduser()
        if not stat.S_ISREG(path.stat().st_mode):
            what = "does not name a file."
        elif path.stat().st_size > _LONGEST_SECRET_BYTES:
            what = "names a file too long for a secret."
        elif text := path.read_text(encoding="utf-8").strip():
            return text
        else:
            what = "names an empty file."
    except (FileNotFoundError, NotADirectoryError):
        what = "names a file that does not exist."
    except UnicodeDecodeError:
        what = "names a file that is not text."
    except (OSError, ValueError, RuntimeError):  # unreadable; an impossible path; no home for ~
        what = "names a file that cannot be read."
    problems.append(SettingsProblem(where=variable.place, what=f"{variable.name} {what}", remedy=remedy))
    return None


def _misspelt(variable: Variable, name: str) -> Iterator[SettingsProblem]:
    if name == CONFIG_VARIABLE:
        if variable.place != _ENVIRONMENT:
            what = f"{variable.name} has no effect here."
            yield SettingsProblem(where=variable.place, what=what, remedy="Set it in the environment itself.")
        return
    ours = name.startswith(PREFIX)
    meant = plugin_variable_meant(name)
    meant = meant or (closest(name, (*VARIABLES, *FILE_VARIABLES, CONFIG_VARIABLE)) if ours else probably_meant(name))
    if ours or meant:
        remedy = f"Did you mean {meant}?" if meant else "config.toml lists every setting."
        yield SettingsProblem(where=variable.place, what=f"{variable.name} is not a setting.", remedy=remedy)
