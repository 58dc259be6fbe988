"""The application commands that the bot registered, and Discord's rules for registering them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.simulator.discord_server.records import Sync
from tests.simulator.discord_server.refusals import Form, Refusal

SLASH, USER_MENU, MESSAGE_MENU = 1, 2, 3
SUBCOMMAND, GROUP = 1, 2
_MOST = {SLASH: 100, USER_MENU: 15, MESSAGE_MENU: 15}
_DAILY_CREATES = 200
_NAME = re.compile(r"^[-_'\w\u0900-\u097F\u0E00-\u0E7F]{1,32}$")
_LOCALES = (
    "id, da, de, en-GB, en-US, es-ES, es-419, fr, hr, it, lt, hu, nl, no, pl, pt-BR, ro, fi, sv-SE, vi, tr, cs, el, "
    "bg, ru, uk, hi, th, zh-CN, ja, zh-TW, ko"
)


@dataclass(slots=True, kw_only=True)
class CommandRegistry:
    """Commands by scope: None for global ones, else the id of the server."""

    scopes: dict[int | None, list[dict[str, Any]]] = field(default_factory=dict)
    syncs: list[Sync] = field(default_factory=list)
    created: dict[int | None, int] = field(default_factory=dict)

    def overwrite(
        self, scope: int | None, wanted: Any, *, app_id: int, new_id: Any, at_seconds: float
    ) -> list[dict[str, Any]]:
        if not isinstance(wanted, list):
            raise Refusal(400, 50035, "Invalid Form Body")
        form = Form()
        for index, command in enumerate(wanted):
            check_command(form, str(index), command)
        form.raise_if_wrong()
        for kind, most in _MOST.items():
            if sum(command.get("type", SLASH) == kind for command in wanted) > most:
                raise Refusal(400, 30032, f"Maximum number of application commands reached ({most}).")
        keys = [(command.get("type", SLASH), command["name"]) for command in wanted]
        for index, key in enumerate(keys):
            if key in keys[:index]:
                unique = "Application command names must be unique"
                form.wrong(f"{index}.name", "APPLICATION_COMMANDS_DUPLICATE_NAME", unique)
        form.raise_if_wrong()
        known = {(command["type"], command["name"]): command for command in self.scopes.get(scope, ())}
        created = self.created.get(scope, 0) + sum(key not in known for key in keys)
        if created > _DAILY_CREATES:
            raise Refusal(
                400, 30034, f"Max number of daily application command creates has been reached ({_DAILY_CREATES})"
            )
        self.created[scope] = created
        kept = [self._filled(scope, command, known, app_id=app_id, new_id=new_id) for command in wanted]
        self.scopes[scope] = kept
        names = tuple(command["name"] for command in kept)
        self.syncs.append(Sync(guild_id=scope, names=names, at_seconds=at_seconds))
        return kept

    def _filled(
        self, scope: int | None, wanted: dict[str, Any], known: dict[Any, dict[str, Any]], *, app_id: int, new_id: Any
    ) -> dict[str, Any]:
        kind = wanted.get("type", SLASH)
        before = known.get((kind, wanted["name"]))
        body: dict[str, Any] = {
            "id": before["id"] if before else str(new_id()),
            "application_id": str(app_id),
            "version": str(new_id()),
            "type": kind,
            "name": wanted["name"],
            "name_localizations": wanted.get("name_localizations"),
            "description": wanted.get("description") or "",
            "description_localizations": wanted.get("description_localizations"),
            "default_member_permissions": wanted.get("default_member_permissions"),
            "dm_permission": wanted.get("dm_permission", True),
            "contexts": wanted.get("contexts"),
            "integration_types": wanted.get("integration_types") or [0],
            "nsfw": bool(wanted.get("nsfw")),
        }
        if body["default_member_permissions"] is not None:
            body["default_member_permissions"] = str(body["default_member_permissions"])
        if kind == SLASH:
            body["options"] = wanted.get("options") or []
        if scope is not None:
            body["guild_id"] = str(scope)
        return body

    def visible(self, guild_id: int | None) -> list[dict[str, Any]]:
        """Commands of a server before global ones of the same name."""
        own = self.scopes.get(guild_id, []) if guild_id is not None else []
        names = {(command["type"], command["name"]) for command in own}
        return own + [item for item in self.scopes.get(None, []) if (item["type"], item["name"]) not in names]

    def one(self, scope: int | None, command_id: int) -> dict[str, Any] | None:
        return next((command for command in self.scopes.get(scope, ()) if command["id"] == str(command_id)), None)


def names_of(item: dict[str, Any], locale: str) -> set[str]:
    """The names under which a command, an option or a choice is known to somebody with that locale."""
    localised = (item.get("name_localizations") or {}).get(locale)
    return {item["name"], *([localised] if localised else [])}


def check_command(form: Form, path: str, command: Any) -> None:
    if not isinstance(command, dict):
        form.wrong(path, "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
        return
    kind = command.get("type", SLASH)
    if kind not in _MOST:
        form.wrong(f"{path}.type", "BASE_TYPE_CHOICES", "Value must be one of {1, 2, 3}.")
        return
    if kind == SLASH:
        _check_names(form, path, command)
        _check_descriptions(form, path, command)
        _check_options(form, path, command.get("options") or [], depth=0)
        if _characters(command) > 8000:
            form.wrong(path, "APPLICATION_COMMAND_TOO_LARGE", "Command exceeds maximum size (8000)")
    else:
        form.text(f"{path}.name", command.get("name"), 32, shortest=1, required=True)
        if command.get("description"):
            form.wrong(f"{path}.description", "APPLICATION_COMMAND_DESCRIPTION", "Context menu commands have none")
        if command.get("options"):
            form.wrong(f"{path}.options", "APPLICATION_COMMAND_OPTIONS", "Context menu commands have none")
        _check_locales(form, path, command, "name_localizations", 32, None)
    for key, allowed in (("contexts", {0, 1, 2}), ("integration_types", {0, 1})):
        for index, value in enumerate(command.get(key) or []):
            if value not in allowed:
                form.wrong(f"{path}.{key}.{index}", "BASE_TYPE_CHOICES", f"Value must be one of {allowed}.")


def _check_names(form: Form, path: str, item: dict[str, Any]) -> None:
    form.text(f"{path}.name", item.get("name"), 32, shortest=1, required=True)
    _check_name(form, f"{path}.name", item.get("name"))
    _check_locales(form, path, item, "name_localizations", 32, _check_name)


def _check_name(form: Form, path: str, name: Any) -> None:
    if isinstance(name, str) and name and (not _NAME.match(name) or name != name.lower()):
        form.wrong(path, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _check_descriptions(form: Form, path: str, item: dict[str, Any]) -> None:
    form.text(f"{path}.description", item.get("description"), 100, shortest=1, required=True)
    _check_locales(form, path, item, "description_localizations", 100, None)


def _check_locales(form: Form, path: str, item: dict[str, Any], key: str, longest: int, check: Any) -> None:
    for locale, text in (item.get(key) or {}).items():
        where = f"{path}.{key}.{locale}"
        if locale not in _LOCALES.split(", "):
            form.wrong(f"{path}.{key}", "BASE_TYPE_CHOICES", f"Locale {locale!r} is not one that Discord has.")
        form.text(where, text, longest, shortest=1, required=True)
        if check is not None:
            check(form, where, text)


def _check_options(form: Form, path: str, options: list[Any], *, depth: int) -> None:
    form.count(f"{path}.options", options, 25)
    names: set[str] = set()
    optional_seen = False
    nests = {option.get("type") in {SUBCOMMAND, GROUP} for option in options}
    if len(nests) > 1:
        form.wrong(f"{path}.options", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Subcommands and options are mixed")
    for index, option in enumerate(options):
        where = f"{path}.options.{index}"
        _check_names(form, where, option)
        _check_descriptions(form, where, option)
        kind = option.get("type")
        if kind not in range(1, 12):
            form.wrong(f"{where}.type", "BASE_TYPE_CHOICES", "Value must be one of (1, …, 11).")
        if kind in {SUBCOMMAND, GROUP}:
            if depth >= 2 or (kind == GROUP and depth >= 1):
                form.wrong(f"{where}.type", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Nested too deep")
            _check_options(form, where, option.get("options") or [], depth=depth + 1)
            continue
        if option.get("name") in names:
            form.wrong(f"{where}.name", "APPLICATION_COMMAND_OPTIONS_NAME_INVALID", "Names must be unique")
        names.add(option.get("name"))
        if option.get("required") and optional_seen:
            message = "Required options must be placed before non-required options"
            form.wrong(where, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", message)
        optional_seen = optional_seen or not option.get("required")
        _check_choices(form, where, option)


def _check_choices(form: Form, path: str, option: dict[str, Any]) -> None:
    choices = option.get("choices") or []
    form.count(f"{path}.choices", choices, 25)
    if choices and option.get("autocomplete"):
        form.wrong(path, "APPLICATION_COMMAND_AUTOCOMPLETE_CHOICES", "Autocomplete and choices exclude each other")
    for index, choice in enumerate(choices):
        where = f"{path}.choices.{index}"
        form.text(f"{where}.name", choice.get("name"), 100, shortest=1, required=True)
        if isinstance(choice.get("value"), str):
            form.text(f"{where}.value", choice["value"], 100, shortest=1)
        _check_locales(form, where, choice, "name_localizations", 100, None)


def _characters(item: dict[str, Any]) -> int:
    """The size of a command as Discord counts it: its longest names, descriptions and values."""

    def longest(key: str) -> int:
        texts: Iterable[str] = [item.get(key) or "", *(item.get(f"{key}_localizations") or {}).values()]
        return max(len(str(text)) for text in texts)

    total = longest("name") + longest("description")
    total += sum(_characters(option) for option in item.get("options") or ())
    return total + sum(_characters(choice) + len(str(choice.get("value"))) for choice in item.get("choices") or ())
