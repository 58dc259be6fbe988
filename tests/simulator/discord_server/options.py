"""From what a person types and picks to the data of an interaction, held to the commands the bot registered."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.simulator.discord_server import payloads
from tests.simulator.discord_server.commands import GROUP, SLASH, SUBCOMMAND, names_of
from tests.simulator.discord_server.places import Channel, Role
from tests.simulator.discord_server.uploads import File, Upload, VoiceMessage
from tests.simulator.discord_server.world import Account, ImpossibleError, World

if TYPE_CHECKING:
    from tests.simulator.discord_server.people import Person

STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(3, 12)
_TYPES = {STRING: str, INTEGER: int, BOOLEAN: bool, NUMBER: (int, float)}


@dataclass(slots=True, kw_only=True)
class Resolved:
    """The things that ids in an interaction stand for."""

    world: World
    channel: Channel
    found: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: list[File] = field(default_factory=list)

    def add(self, thing: Any) -> str:
        """Resolves a person, role, channel or file, and gives its id."""
        if isinstance(thing, Path | Upload | VoiceMessage):
            file = self.world.keep([as_upload(thing)], self.channel, ephemeral=True)[0]
            self.files.append(file)
            self._put("attachments", file.id, payloads.file_json(self.world, file))
            return str(file.id)
        if isinstance(thing, Account):
            self._put("users", thing.id, payloads.user_json(thing))
            guild = self.channel.guild
            if guild is not None and thing.id in guild.members:
                member = payloads.member_json(guild.members[thing.id], with_user=False)
                permissions = str(self.channel.permissions_of(thing))
                self._put("members", thing.id, {**member, "permissions": permissions})
        elif isinstance(thing, Role):
            self._put("roles", thing.id, payloads.role_json(thing))
        elif isinstance(thing, Channel):
            permissions = thing.permissions_of_app()
            self._put("channels", thing.id, payloads.partial_channel_json(thing, permissions))
        else:
            raise ImpossibleError(f"nothing with an id: {thing!r}")
        return str(thing.id)

    def _put(self, kind: str, key: int, value: Any) -> None:
        self.found.setdefault(kind, {})[str(key)] = value

    def json(self) -> dict[str, Any]:
        return {"resolved": self.found} if self.found else {}


def as_upload(thing: "Path | Upload | VoiceMessage") -> Upload:
    if isinstance(thing, VoiceMessage):
        return thing.upload()
    return thing if isinstance(thing, Upload) else Upload.of(thing)


def find_command(
    world: World, person: "Person", channel: Channel, name: str, *, kind: int, user_install: bool
) -> dict[str, Any]:
    """The command that `name` means to this person in this place."""
    guild = channel.guild
    visible = world.commands.visible(guild.id if guild is not None else None)
    of_kind = [command for command in visible if command["type"] == kind]
    command = next((item for item in of_kind if name in names_of(item, person.locale)), None)
    if command is None:
        known = ", ".join(repr(item["name"]) for item in of_kind) or "none"
        raise ImpossibleError(f"the bot registered no {_KINDS[kind]} {name!r}; registered: {known}")
    context = 0 if guild else 1 if channel.is_direct else 2
    contexts = command["contexts"]
    if contexts is None:
        contexts = [0, 1] if command["dm_permission"] else [0]
        contexts = [*contexts, 2] if 1 in command["integration_types"] else contexts
    if context not in contexts:
        raise ImpossibleError(f"{name!r} is not offered in context {context}, only in {contexts}")
    if int(user_install) not in command["integration_types"]:
        how = "user" if user_install else "server"
        raise ImpossibleError(f"{name!r} cannot be installed for a {how}: {command['integration_types']}")
    needed = command["default_member_permissions"]
    if needed is not None and guild is not None:
        wanted, held = int(needed), channel.permissions_of(person)
        if not guild.permissions_of(person) & 8 and (wanted == 0 or held & wanted != wanted):
            raise ImpossibleError(f"{person.name} does not see {name!r}: it needs permissions {wanted}")
    return command


_KINDS = {SLASH: "slash command", 2: "user menu", 3: "message menu"}


def find_leaf(
    command: dict[str, Any], path: list[str], locale: str
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The (sub)command's options, and the groups and subcommands on the way to it."""
    options, way = command.get("options") or [], []
    for name in path:
        step = next(
            (item for item in options if item["type"] in {SUBCOMMAND, GROUP} and name in names_of(item, locale)), None
        )
        if step is None:
            known = ", ".join(repr(item["name"]) for item in options) or "none"
            raise ImpossibleError(f"/{command['name']} has no subcommand {name!r}; it has: {known}")
        way.append(step)
        options = step.get("options") or []
    if any(item["type"] in {SUBCOMMAND, GROUP} for item in options):
        known = ", ".join(repr(item["name"]) for item in options)
        raise ImpossibleError(f"/{command['name']} needs a subcommand: {known}")
    return options, way


def slash_data(
    command: dict[str, Any],
    path: list[str],
    given: dict[str, Any],
    *,
    locale: str,
    resolved: Resolved,
    focus: str | None = None,
) -> dict[str, Any]:
    """`focus`: the option that is being typed (autocomplete); then nothing else has to be filled in."""
    options, way = find_leaf(command, path, locale)
    given = {name: value for name, value in given.items() if value is not None}
    filled: list[dict[str, Any]] = []
    for option in options:
        names = names_of(option, locale)
        name = next((key for key in given if key in names), None)
        if name is None:
            if option.get("required") and focus is None:
                raise ImpossibleError(f"/{command['name']}: the option {option['name']!r} is required")
            continue
        value = given.pop(name)
        item: dict[str, Any] = {"name": option["name"], "type": option["type"]}
        if focus in names:
            if not option.get("autocomplete"):
                raise ImpossibleError(f"the option {option['name']!r} has no autocomplete")
            item |= {"value": value, "focused": True}
        else:
            item["value"] = _value(option, value, locale, resolved)
        filled.append(item)
    if given:
        known = ", ".join(repr(option["name"]) for option in options) or "none"
        raise ImpossibleError(f"/{command['name']} has no option {', '.join(map(repr, given))}; it has: {known}")
    for step in reversed(way):
        filled = [{"name": step["name"], "type": step["type"], "options": filled}]
    return {"id": command["id"], "name": command["name"], "type": SLASH, "options": filled, **resolved.json()}


def _value(option: dict[str, Any], value: Any, locale: str, resolved: Resolved) -> Any:
    kind, name = option["type"], option["name"]
    if kind in {USER, CHANNEL, ROLE, MENTIONABLE, ATTACHMENT}:
        wanted: dict[int, Any] = {
            USER: Account,
            CHANNEL: Channel,
            ROLE: Role,
            MENTIONABLE: Account | Role,
            ATTACHMENT: Path | Upload | VoiceMessage,
        }
        if not isinstance(value, wanted[kind]):
            raise ImpossibleError(f"the option {name!r} takes {wanted[kind]}, not {value!r}")
        if kind == CHANNEL and option.get("channel_types") and value.type not in option["channel_types"]:
            raise ImpossibleError(f"the option {name!r} takes channels of types {option['channel_types']}")
        return resolved.add(value)
    choices = option.get("choices")
    if choices:
        for choice in choices:
            if value == choice["value"] or value in names_of(choice, locale):
                return choice["value"]
        raise ImpossibleError(f"the option {name!r} takes one of {[choice['name'] for choice in choices]}")
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != BOOLEAN):
        raise ImpossibleError(f"the option {name!r} takes {_TYPES[kind]}, not {value!r}")
    size = len(value) if kind == STRING else value
    least, most = ("min_length", "max_length") if kind == STRING else ("min_value", "max_value")
    lowest, highest = option.get(least), option.get(most)
    if (lowest is not None and size < lowest) or (highest is not None and size > highest):
        raise ImpossibleError(f"the option {name!r} takes {lowest} to {highest}, not {size}")
    return value
