"""Finds plugins: those that are shipped, those of installed packages, and files in the operator's folder."""

import importlib
import importlib.util
import inspect
import logging
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from importlib.machinery import SourceFileLoader
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from bot import __version__
from bot.config.plugins import PluginSettings, is_plugin_name
from bot.domain.errors import PluginError
from bot.domain.sentence import sentence
from bot.hooks.plugin import Plugin, RecordTable
from bot.hooks.values import Permission

log = logging.getLogger(__name__)

GROUP = "kibitz.plugins"
SHIPPED = ("clip_metadata", "emotion", "focus", "labels", "mcp", "translate", "web_voice")
"""Plugins that come with Kibitz: modules or packages of bot.plugins."""

_SHIPPED_ROOM = "bot.plugins"
_OWN_PREFIX = "kibitz_plugins_"
_OURS = frozenset({"bot", "cogs"})
_LONGEST_TEXT = 300
_NO_PLUGINS = ("test_", "conftest", "_", ".")
_TARGET = re.compile(r"([\w.]+):(\w+)")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_TEXT


def _all_of(box: type, kind: type) -> Callable[[object], bool]:
    def check(value: object) -> bool:
        return isinstance(value, box) and all(isinstance(one, kind) for one in cast("Iterable[object]", value))

    return check


_DECLARED: dict[str, Callable[[object], bool]] = {
    **dict.fromkeys(("name", "version", "requires", "summary", "keeps", "sends"), _is_text),
    "permissions": _all_of(frozenset, Permission),
    "tables": _all_of(tuple, RecordTable),
    "catalogue": lambda value: value is None or isinstance(value, Path),
    "settings_model": lambda value: isinstance(value, type) and issubclass(value, PluginSettings),
}


class Source(StrEnum):
    """Where a plugin comes from."""

    SHIPPED = "shipped"
    PACKAGE = "package"
    DIRECTORY = "directory"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A plugin that could be loaded. `where` is what the operator knows it by: a module, a package, a path. `load` runs
    its code; it raises PluginError, or whatever that code raises."""

    name: str
    source: Source
    where: str
    load: Callable[[], type[Plugin]]


Find = Callable[[Path | None], dict[str, Found]]


def find_plugins(directory: Path | None) -> dict[str, Found]:
    """By name; no code of theirs is run. What is shipped comes first, then packages, then the directory; of two with
    one name the first counts."""
    found: dict[str, Found] = {}
    for one in (*_shipped(), *_installed(), *_in_directory(directory)):
        found.setdefault(one.name, one)
    return found


def check_plugin(kind: type[Plugin], name: str) -> None:
    """Whether what a plugin says of itself holds together. Raises PluginError."""
    wrong = [attribute for attribute, is_right in _DECLARED.items() if not is_right(getattr(kind, attribute))]
    if wrong:
        raise PluginError(
            "plugin_declares",
            sentence(
                "The plugin {plugin} declares something of a wrong type: {what}. docs/plugins.md says what is wanted.",
                plugin=name,
                what=", ".join(wrong),
            ),
        )
    if kind.name != name or not is_plugin_name(name):
        raise PluginError(
            "plugin_name",
            sentence(
                "The plugin {plugin} calls itself {own}. Both must be the same: small letters, digits and underscores.",
                plugin=name,
                own=kind.name or "-",
            ),
        )
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415  # a start without plugins saves it

    try:
        suits = SpecifierSet(kind.requires).contains(__version__, prereleases=True)
    except InvalidSpecifier as error:
        raise PluginError(
            "plugin_requires",
            sentence(
                "The plugin {plugin} requires {what}, which is no version. Write it as >=0.1,<1.",
                plugin=name,
                what=kind.requires,
            ),
        ) from error
    if not suits:
        raise PluginError(
            "plugin_version",
            sentence(
                "The plugin {plugin} needs Kibitz {wanted}, and this is {version}. Update one of them.",
                plugin=name,
                wanted=kind.requires,
                version=__version__,
            ),
        )


def _shipped() -> Iterator[Found]:
    for name in SHIPPED:
        module = f"{_SHIPPED_ROOM}.{name}"
        yield Found(name=name, source=Source.SHIPPED, where=module, load=partial(_load_module, module, name))


def _installed() -> Iterator[Found]:
    for entry in entry_points(group=GROUP):
        package = entry.dist.name if entry.dist is not None else entry.module
        yield Found(name=entry.name, source=Source.PACKAGE, where=package, load=partial(_load_entry, entry, entry.name))


def _in_directory(directory: Path | None) -> Iterator[Found]:
    """NAME.py, NAME/__init__.py, or a project folder whose pyproject.toml has entry points of our group."""
    try:
        paths = sorted(directory.iterdir()) if directory is not None else []
    except OSError as error:
        log.warning("[plugins] directory cannot be read: %s", type(error).__name__)
        return
    for path in paths:
        if path.name.startswith(_NO_PLUGINS):
            continue
        if path.suffix == ".py" and path.is_file():
            yield _of_path(path.stem, path, path)
        elif (path / "__init__.py").is_file():
            yield _of_path(path.name, path, path / "__init__.py")
        elif (path / "pyproject.toml").is_file():
            yield from _of_project(path)


def _of_path(name: str, path: Path, file: Path) -> Found:
    return Found(name=name, source=Source.DIRECTORY, where=str(path), load=partial(_load_file, file, name))


def _of_project(path: Path) -> Iterator[Found]:
    try:
        project = tomllib.loads((path / "pyproject.toml").read_text(encoding="utf-8"))
        targets = cast("dict[str, str]", project["project"]["entry-points"][GROUP])
        entries = [(str(name), str(target)) for name, target in targets.items()]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError):
        return
    for name, target in entries:
        yield Found(
            name=name, source=Source.DIRECTORY, where=str(path), load=partial(_load_project, path, name, target)
        )


def _load_module(module: str, name: str) -> type[Plugin]:
    _forget_modules(module)
    return _plugin_in(importlib.import_module(module), name)


def _load_entry(entry: EntryPoint, name: str) -> type[Plugin]:
    return _load_target(entry.value, name)


def _load_target(target: str, name: str) -> type[Plugin]:
    parts = _TARGET.fullmatch(target.strip())
    if parts is None:
        raise _no_plugin(name)
    module, attribute = parts.groups()
    _forget_modules(module.partition(".")[0])
    importlib.invalidate_caches()
    kind = getattr(importlib.import_module(module), attribute, None)
    if not (inspect.isclass(kind) and issubclass(kind, Plugin)):
        raise _no_plugin(name)
    return kind


def _load_project(path: Path, name: str, target: str) -> type[Plugin]:
    for folder in (path, path / "src"):
        if str(folder) not in sys.path and folder.is_dir():
            sys.path.append(str(folder))
    return _load_target(target, name)


def _load_file(file: Path, name: str) -> type[Plugin]:
    """Under a name of its own, so that it hides no other module."""
    module_name = f"{_OWN_PREFIX}{name}"
    _forget_modules(module_name)
    folders = [str(file.parent)] if file.name == "__init__.py" else None
    loader = _Fresh(module_name, str(file))
    spec = importlib.util.spec_from_file_location(module_name, loader=loader, submodule_search_locations=folders)
    if spec is None or spec.loader is None:
        raise _no_plugin(name)
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        _forget_modules(module_name)
        raise
    return _plugin_in(module, name)


class _Fresh(SourceFileLoader):
    """Reads the file as it is: a compiled copy is compared by whole seconds only."""

    def path_stats(self, path: str) -> Mapping[str, Any]:
        raise OSError(path)


def _forget_modules(root: str) -> None:
    """So that it is read anew. What runs keeps the modules it has; those of the bot itself stay."""
    if root in _OURS:
        return
    for known in [known for known in sys.modules if known == root or known.startswith(f"{root}.")]:
        del sys.modules[known]


def _plugin_in(module: ModuleType, name: str) -> type[Plugin]:
    """The one plugin class that the module defines or takes from its own package."""
    kinds = {
        kind
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Plugin) and kind.__module__.startswith(module.__name__)
    }
    named = [kind for kind in kinds if kind.name == name] or list(kinds)
    if len(named) != 1:
        raise _no_plugin(name)
    return named[0]


def _no_plugin(name: str) -> PluginError:
    said = sentence("In the plugin {plugin} there is not exactly one class made from bot.hooks.Plugin.", plugin=name)
    return PluginError("plugin_none", said)
