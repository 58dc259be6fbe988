"""The table of a plugin against the model its author wrote: settings, or every reason against them at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from bot.config.checks import listed, refusal
from bot.config.names import closest, plugin_variable_of
from bot.config.plugins import PluginSettings, PluginValue, is_secret_path, structure_of
from bot.config.settings import Settings
from bot.domain.errors import SettingsError, SettingsProblem

Model = TypeVar("Model", bound=PluginSettings)
Part = str | int

_LISTS: frozenset[object] = frozenset({tuple, list, set, frozenset, Sequence})
_TABLES: frozenset[object] = frozenset({dict, Mapping})
_UNIONS: frozenset[object] = frozenset({Union, UnionType})
_SCALARS: dict[object, tuple[str, tuple[type, ...]]] = {
    bool: ("bool_type", (bool,)),
    int: ("int_type", (int,)),
    float: ("float_type", (float, int)),
}


def plugin_settings(settings: Settings, name: str, model: type[Model]) -> Model:
    """The settings of a plugin as its model wants them. Raises SettingsError with every problem found."""
    table = settings.plugin_tables.get(name)
    check = _Check(name, model)
    for value in table.values if table else ():
        check.take(value)
    checked: Model | None = None
    try:
        checked = model.model_validate_json(json.dumps(check.tree, default=str))
    except ValidationError as error:
        for details in error.errors(include_input=False, include_url=False):
            check.refuse(details["loc"], details["type"], details.get("ctx", {}))
    if checked is None or check.problems:
        raise SettingsError(tuple(check.problems.values()))
    return checked


class _Check:
    """Lays values over each other, and finds the value again that pydantic complains of."""

    def __init__(self, name: str, model: type[PluginSettings]) -> None:
        self.tree: dict[str, Any] = {}
        self.problems: dict[tuple[str, str], SettingsProblem] = {}
        self._name = name
        self._model = model
        self._values: list[PluginValue] = []

    def take(self, value: PluginValue) -> None:
        """Set a value in place of what is there; a variable finds the table my-server as MY_SERVER."""
        node = self.tree
        path: list[str] = []
        for part in value.path[1:]:
            known = (key for key in node if value.variable and key.casefold().replace("-", "_") == part)
            path.append(next(known, part))
            if len(path) < len(value.path) - 1:
                if not isinstance(node.get(path[-1]), dict):
                    node[path[-1]] = {}
                node = node[path[-1]]
        kinds = _kinds(self._model, path)
        kind = kinds[-1] if len(kinds) > len(path) else None
        node[path[-1]] = _read(kind, str(value.raw)) if value.variable else value.raw
        self._values.append(replace(value, path=tuple(path)))
        # What the file says keeps its type, as in every other section: pydantic would read "3" as 3.
        is_scalar = isinstance(kind, type) and kind in _SCALARS
        if is_scalar and not value.variable and type(value.raw) not in _SCALARS[kind][1]:
            self.refuse(tuple(path), _SCALARS[kind][0], {})

    def refuse(self, path: tuple[Part, ...], kind: str, context: dict[str, Any]) -> None:
        """Tell what pydantic found at a path; of one value only the first."""
        kinds = _kinds(self._model, path)
        # Behind what is known, pydantic names the choices of a union; only a name that was or is wanted is more.
        known = len(kinds) - 1
        path = (*path[:known], *(path[known:][-1:] if kind in {"extra_forbidden", "missing"} else ()))
        value = next((value for value in reversed(self._values) if _touch(value.path, path)), None)
        if not path or value is None or (kind == "missing" and len(value.path) >= len(path)):
            where, label = self._header(path[:-1]), "".join(map(str, path[-1:]))
        else:
            where, label = value.place, self._label(value, path)
        description = _description(self._model, path)
        wanted = f"Wanted: {description}." if description else "See the description of the plugin."
        if kind == "missing":
            what, remedy = "is missing.", self._where_to_set(path)
        elif kind == "extra_forbidden":
            names = _fields(kinds[-1])
            what, remedy = "is not a setting.", f"Its names are: {', '.join(names)}." if names else wanted
            if meant := closest(str(path[-1]).casefold(), names):
                is_variable = is_secret_path((meant,)) or (value is not None and bool(value.variable))
                by_variable = plugin_variable_of((self._name, *map(str, path[:-1]), meant))
                remedy = f"Did you mean {by_variable if is_variable else meant}?"
        else:
            refused = refusal(value.raw if value and value.path == path else None, kind, context, wanted=wanted)
            what, remedy = refused.what, refused.remedy
        problem = SettingsProblem(where=where, what=f"{label} {what}".lstrip(), remedy=remedy)
        self.problems.setdefault((where, label), problem)

    def _header(self, path: Sequence[Part]) -> str:
        return f"[{'.'.join(('plugins', self._name, *map(str, path)))}]"

    def _label(self, value: PluginValue, path: tuple[Part, ...]) -> str:
        """The name of a value, and behind it what in it is meant: "[plugins.mcp] servers, item 2, url"."""
        own = path[: len(value.path)]
        inside = (f", item {part + 1}" if isinstance(part, int) else f", {part}" for part in path[len(own) :])
        return (value.variable or f"{self._header(own[:-1])} {own[-1]}") + "".join(inside)

    def _where_to_set(self, path: tuple[Part, ...]) -> str:
        if any(isinstance(part, int) for part in path):
            return "Set it there."
        names = tuple(map(str, path))
        variable = plugin_variable_of((self._name, *names))
        if is_secret_path(names):
            return f"Set {variable} in the environment, .env or a secret file."
        return f"Set it in config.toml, or {variable} in the environment."


def _touch(one: tuple[Part, ...], other: tuple[Part, ...]) -> bool:
    """Whether one path leads to the other or into it."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _read(kind: object, text: str) -> object:
    """Text of a variable: a list as everywhere, a table as JSON, anything else as it is."""
    origin = get_origin(kind) or kind
    if origin in _LISTS:
        return listed(text)
    choices = get_args(kind) if origin in _UNIONS else (kind,)
    if any((get_origin(choice) or choice) in _TABLES or _fields(choice) for choice in choices):
        structure = structure_of(text)
        return text if structure is None else structure
    return text


def _kinds(kind: object, path: Sequence[Part]) -> list[object]:
    """The types on the way along a path, the outermost first, as far as they are known."""
    kinds = [_bare(kind)]
    for part in path:
        origin, arguments = get_origin(kinds[-1]), get_args(kinds[-1])
        if info := _fields(kinds[-1]).get(str(part)):
            inner: object = info.annotation
        elif origin in _TABLES and isinstance(part, str):
            inner = arguments[1]
        elif origin in _LISTS and isinstance(part, int):
            inner = arguments[0]
        else:
            break
        kinds.append(_bare(inner))
    return kinds


def _bare(kind: object) -> object:
    """A type without what is said about it, and without None."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in _UNIONS:
        others = [other for other in get_args(kind) if other is not type(None)]
        return _bare(others[0]) if len(others) == 1 else kind
    return kind


def _fields(kind: object) -> Mapping[str, FieldInfo]:
    """The fields of a model, none of anything else."""
    return kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}


def _description(model: object, path: Sequence[Part]) -> str | None:
    """What is said about the innermost thing on a path that anything is said about."""
    kinds = _kinds(model, path)
    infos = (_fields(kind).get(str(part)) for kind, part in zip(kinds, path, strict=False))
    return next((info.description for info in reversed(list(infos)) if info and info.description), None)
