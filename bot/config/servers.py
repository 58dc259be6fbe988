"""Which preset holds, and for each role which server is asked and with which key."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.config.fields import OFFLINE
from bot.config.layers import Entry
from bot.config.names import SHARED_ADDRESS, SHARED_KEY, Setting, variable_of
from bot.domain.errors import SettingsProblem
from bot.domain.role import Role

OPENAI_ADDRESS = "https://api.openai.com/v1"

Given = Mapping[Setting, Entry]

_PRESET: Setting = ("models", "preset")
_NEED_A_KEY = frozenset({"api.openai.com", "eu.api.openai.com", "us.api.openai.com", "openrouter.ai"})
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PresetChoice:
    """`automatic` says that nobody named it; `source` is the place that asked for it."""

    name: str
    automatic: bool
    reason: str
    source: str


def choose_preset(given: Given) -> PresetChoice:
    """The preset that was asked for; for auto, balanced as soon as there is a key or an address, else offline."""
    asked = given.get(_PRESET)
    if asked is not None and asked.value != "auto":
        return PresetChoice(name=asked.value, automatic=False, reason=f"set by {asked.source}", source=asked.source)
    servers = [SHARED_KEY, SHARED_ADDRESS, *((role.value, name) for role in Role for name in ("api_key", "base_url"))]
    found = next((given[setting] for setting in servers if setting in given), None)
    source = asked.source if asked else "default"
    if found is None:
        reason = "no key and no server address is set"
        return PresetChoice(name="offline", automatic=True, reason=reason, source=source)
    return PresetChoice(name="balanced", automatic=True, reason=f"{found.source} is set", source=source)


def settle_roles(
    given: Given, *, choice: PresetChoice, problems: list[SettingsProblem]
) -> tuple[dict[Setting, Entry], tuple[str, ...]]:
    """Address, key and models of each role, and what the operator should be told.

    OPENAI_BASE_URL serves every role without an address of its own or of its preset (local has its own, and stays
    local). OPENAI_API_KEY is only ever sent where OPENAI_BASE_URL, or OpenAI, is. A role that needs a key and has
    none is a problem; under a preset that nobody named, it works offline and a statement says so.
    """
    decided = {_PRESET: Entry(value=choice.name, source=f"{choice.source}: {choice.reason}")}
    keyless: list[Role] = []
    withheld: list[Role] = []
    for role in Role:
        if given[role.value, "models"].value == (OFFLINE,):
            continue
        address = _address(given, role)
        key = given.get((role.value, "api_key"))
        shared_key = given.get(SHARED_KEY)
        if key is None and shared_key is not None:
            if _origin(address.value) == _origin(_shared_address(given).value):
                key = shared_key
            elif _host(address.value) not in _THIS_MACHINE:
                withheld.append(role)
        if key is None and _host(address.value) in _NEED_A_KEY:
            keyless.append(role)
            decided[role.value, "models"] = Entry(value=(OFFLINE,), source="no key")
            continue
        decided[role.value, "base_url"] = address
        if key is not None:
            decided[role.value, "api_key"] = key
    if keyless and not choice.automatic:
        problems.append(_keyless_problem(keyless, choice))
    return decided, tuple(_statements(choice, keyless, withheld))


def _shared_address(given: Given) -> Entry:
    return given.get(SHARED_ADDRESS) or Entry(value=OPENAI_ADDRESS, source="default")


def _address(given: Given, role: Role) -> Entry:
    """Own address (or that of the preset), else the shared one."""
    own = given.get((role.value, "base_url"))
    if own is not None and own.value is not None:
        return own
    return _shared_address(given)


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port


def _host(address: str) -> str | None:
    return urlsplit(address).hostname


def _keyless_problem(keyless: list[Role], choice: PresetChoice) -> SettingsProblem:
    return SettingsProblem(
        where=choice.source,
        what=f"The preset {choice.name} needs a key for {_listed(keyless)}.",
        remedy=f"Set OPENAI_API_KEY (or {variable_of((keyless[0].value, 'api_key'))} and its like) in the environment "
        "or .env, or choose the preset local or offline.",
    )


def _statements(choice: PresetChoice, keyless: list[Role], withheld: list[Role]) -> list[str]:
    statements: list[str] = []
    if choice.automatic and choice.name == "offline":
        statements.append(
            "No key and no server address is set, so the preset offline is used: it reads text on screen, recognises "
            "English speech and answers with what was seen and heard. For more, set OPENAI_API_KEY or OPENAI_BASE_URL."
        )
    if choice.automatic and keyless:
        statements.append(f"There is no key for {_listed(keyless)}: done offline. Set OPENAI_API_KEY to change that.")
    if withheld:
        statements.append(
            f"OPENAI_API_KEY is not sent to the server of {_listed(withheld)}: it was not set for that address. "
            f"If that server wants a key, set {variable_of((withheld[0].value, 'api_key'))} and its like."
        )
    return statements


def _listed(roles: list[Role]) -> str:
    return ", ".join(f"[{role.value}]" for role in roles)
