"""Settings from config.toml, each with its line."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from bot.config.layers import Entry, shown_path, take, text_of
from bot.config.names import FILE_SETTINGS, SECRETS, Setting, closest, plugin_variable_of, variable_of
from bot.config.plugins import PluginValue, is_plugin_name, is_secret_path, secrets_in
from bot.config.secrets import SECRET, SECRET_NAME
from bot.domain.errors import SettingsProblem

_MOVE_IT = (
    "Delete it here and put it into .env, the environment or a secret file{variable}; replace it if others read it."
)


def read_file(path: Path, problems: list[SettingsProblem], plugin_values: list[PluginValue]) -> dict[Setting, Entry]:
    """The settings of a TOML file; whatever is wrong with it is added to `problems`, tables of plugins to the other."""
    shown = shown_path(path)
    text = text_of(path, shown, problems)
    if text is None:
        return {}
    lines = text.split("\n")
    leaked = {number for number, line in enumerate(lines, start=1) if SECRET.search(line)}
    problems.extend(_leak(f"{shown}, line {number}", "looks like a secret.", "") for number in sorted(leaked))
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+)", str(error))
        line = int(found[1]) if found else len(lines)
        twice = "overwrite" in str(error) or "twice" in str(error)
        what = "A name or section stands here a second time." if twice else "This is not TOML."
        remedy = "Keep one of them." if twice else "Check quotes, brackets and the sign = on this line and before it."
        problems.append(SettingsProblem(where=f"{shown}, line {line}", what=what, remedy=remedy))
        return {}
    places = _lines_of(text)
    entries: dict[Setting, Entry] = {}
    tables: dict[str, object] = {}
    for section, value in document.items():
        table = cast("dict[str, Any]", value) if isinstance(value, dict) else None
        if (table is None or section not in FILE_SETTINGS) and places[section,] not in leaked:
            where = f"{shown}, line {places[section,]}"
            problems.append(_unknown_section(where, section, is_table=table is not None))
        for name, raw in (table or {}).items():
            where = f"{shown}, line {places[section, name]}"
            if places[section, name] in leaked:
                continue
            if name in FILE_SETTINGS.get(section, ()):
                label = f"[{section}] {name}"
                entries |= take((section, name), raw, place=where, label=label, problems=problems, typed=True)
            elif section == "plugins" and isinstance(raw, dict) and is_plugin_name(name):
                tables[name] = raw
            elif section in FILE_SETTINGS or SECRET_NAME.search(name):
                problems.append(_unknown_name(where, section, name, is_table=isinstance(raw, dict)))
    for names, raw in _leaves(tables):
        line = places["plugins", *names]
        if line not in leaked:
            plugin_values.extend(_plugin_value(names, raw, f"{shown}, line {line}", problems))
    return entries


def _plugin_value(
    path: tuple[str, ...], raw: object, where: str, problems: list[SettingsProblem]
) -> Iterator[PluginValue]:
    """The value, unless it is empty, which means: not set here; or a secret, which is added to `problems`."""
    is_named = is_secret_path(path[1:])
    if is_named or any(True for _ in secrets_in(raw, is_named=False)):
        what = f"[plugins.{'.'.join(path[:-1])}] {path[-1]} {'is' if is_named else 'holds'} a secret."
        problems.append(_leak(where, what, f" as {plugin_variable_of(path)}"))
    elif raw != [] and not (isinstance(raw, str) and not raw.strip()):
        yield PluginValue(path=path, raw=raw, place=where)


def _unknown_section(where: str, section: str, *, is_table: bool) -> SettingsProblem:
    if not is_table and SECRET_NAME.search(section):
        return _leak(where, f"{section} is a secret.", "")
    if section in FILE_SETTINGS:
        return SettingsProblem(
            where=where, what=f"{section} is a section.", remedy=f"Write [{section}] above its names."
        )
    homes = [home for home, names in FILE_SETTINGS.items() if section in names]
    if homes and not is_table:
        remedy = f"{section} belongs under [{'] or ['.join(homes)}]."
    elif meant := closest(section, FILE_SETTINGS):
        remedy = f"Did you mean [{meant}]?"
    else:
        remedy = f"The sections are {', '.join(name for name, names in FILE_SETTINGS.items() if names)}."
    return SettingsProblem(where=where, what=f"[{section}] is not a section.", remedy=remedy)


def _unknown_name(where: str, section: str, name: str, *, is_table: bool) -> SettingsProblem:
    if (section, name) in SECRETS:
        return _leak(where, f"[{section}] {name} is a secret.", f" as {variable_of((section, name))}")
    if SECRET_NAME.search(name):
        return _leak(where, f"[{section}] {name} looks like a secret.", "")
    homes = [home for home, names in FILE_SETTINGS.items() if name in names]
    if is_table and section == "plugins":
        remedy = "Names of plugins are lower-case letters, digits and single underscores."
    elif meant := closest(name, FILE_SETTINGS[section]):
        remedy = f"Did you mean {meant}?"
    elif homes:
        remedy = f"{name} belongs under [{'] or ['.join(homes)}]."
    else:
        remedy = f"Its names are: {', '.join(FILE_SETTINGS[section]) or 'none'}."
    return SettingsProblem(where=where, what=f"[{section}] {name} is not a setting.", remedy=remedy)


def _leak(where: str, what: str, variable: str) -> SettingsProblem:
    return SettingsProblem(where=where, what=what, remedy=_MOVE_IT.format(variable=variable))


@lru_cache(maxsize=4)
def _lines_of(text: str) -> Mapping[tuple[str, ...], int]:
    """The line on which each table and each value begins, by path. `text` must be valid TOML with \\n endings.

    Statement by statement: lines are gathered until they parse below the header they stand under.
    """
    places: dict[tuple[str, ...], int] = {}
    header = ""
    gathered: list[str] = []
    for number, line in enumerate(text.split("\n"), start=1):
        gathered.append(line)
        try:
            statement = tomllib.loads("\n".join((header, *gathered)))
        except tomllib.TOMLDecodeError:
            continue  # the value goes on in the next line
        begin = number - len(gathered) + 1
        if begin == number and line.lstrip().startswith("["):
            header = line
        for path in _paths(statement):
            places.setdefault(path, begin)
        gathered = []
    return places


def _paths(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, value in table.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from _paths(cast("dict[str, Any]", value), (*above, name))


def _leaves(table: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Every value that is no table, by path."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(cast("dict[str, Any]", value), (*above, name))
        else:
            yield (*above, name), value
