"""Names of settings in the environment, and what a misspelt name probably meant."""

from collections.abc import Iterable
from difflib import SequenceMatcher, get_close_matches

from bot.config.fields import Key, Section, ServerAddress, is_secret
from bot.config.plugins import is_plugin_name
from bot.config.settings import SECTIONS

Setting = tuple[str, str]
"""Section and name."""


class SharedServer(Section):
    """The customary variables that every role without its own address or key uses."""

    base_url: ServerAddress | None = None
    api_key: Key | None = None


SHARED_ADDRESS: Setting = ("openai", "base_url")
SHARED_KEY: Setting = ("openai", "api_key")
TOKEN: Setting = ("discord", "token")

READABLE: dict[str, type[Section]] = {**SECTIONS, "openai": SharedServer}
"""Every section a layer may fill; the shared server is not part of the settings, only of the environment."""

CUSTOMARY: dict[str, Setting] = {
    "OPENAI_API_KEY": SHARED_KEY,
    "OPENAI_BASE_URL": SHARED_ADDRESS,
    "DISCORD_TOKEN": TOKEN,
    "DISCORD_BOT_TOKEN": TOKEN,
}

PREFIX = "KIBITZ_"
CONFIG_VARIABLE = "KIBITZ_CONFIG"
_PLUGINS = f"{PREFIX}plugins".lower()


def variable_of(setting: Setting) -> str:
    """The environment variable of a setting."""
    section, name = setting
    return f"{PREFIX}{section}__{name}".upper()


def plugin_variable_of(path: Iterable[str]) -> str:
    """The environment variable of a plugin's setting: the plugin, the field, and names of tables inside it."""
    return "__".join((_PLUGINS, *path)).upper()


def plugin_path_of(variable: str) -> tuple[str, ...] | None:
    """The reverse; None: it names nothing of a plugin."""
    first, *path = variable.lower().split("__")
    if first != _PLUGINS or len(path) < 2 or not is_plugin_name(path[0]):
        return None
    return tuple(path) if all(part and part.strip("_") == part for part in path) else None


SETTING_NAMES: dict[Setting, None] = {
    (section, name): None for section, model in SECTIONS.items() for name in model.model_fields
}
VARIABLES: dict[str, Setting] = {**{variable_of(setting): setting for setting in SETTING_NAMES}, **CUSTOMARY}
SECRETS: frozenset[Setting] = frozenset(
    (section, name)
    for section, model in READABLE.items()
    for name, field in model.model_fields.items()
    if is_secret(field.annotation)
)
FILE_VARIABLES: dict[str, Setting] = {
    f"{variable}_FILE": setting for variable, setting in VARIABLES.items() if setting in SECRETS
}
FILE_SETTINGS: dict[str, tuple[str, ...]] = {
    section: tuple(name for name in model.model_fields if (section, name) not in SECRETS)
    for section, model in SECTIONS.items()
}
"""What may stand in config.toml, by section."""

# Other tools' names for the same things, without underscores.
_RENAMED = {
    **dict.fromkeys(
        ("OPENAIAPIBASE", "OPENAIAPIURL", "OPENAIAPIBASEURL", "OPENAIURL", "OPENAIHOST"), "OPENAI_BASE_URL"
    ),
    **dict.fromkeys(("OPENAIKEY", "OPENAITOKEN", "OPENAIAPITOKEN", "OPENAISECRETKEY"), "OPENAI_API_KEY"),
    **dict.fromkeys(("DISCORDKEY", "DISCORDAPITOKEN", "DISCORDAPIKEY", "DISCORDBOTKEY"), "DISCORD_TOKEN"),
}


def probably_meant(variable: str) -> str | None:
    """The variable that a foreign one is a slip of: OPENAI_APIKEY, KIBTIZ_CHAT__EFFORT. None: it is not ours."""
    squeezed = variable.replace("_", "")
    if any(letter.isdigit() for letter in squeezed):
        return None
    if squeezed in _RENAMED:
        return _RENAMED[squeezed]
    for known in (*CUSTOMARY, *(name for name in FILE_VARIABLES if not name.startswith(PREFIX))):
        wanted = known.replace("_", "")
        if abs(len(wanted) - len(squeezed)) <= 1 and SequenceMatcher(None, wanted, squeezed).ratio() > 0.9:
            return known
    prefix, _, rest = variable.partition("_")
    if "__" in rest and get_close_matches(prefix, [PREFIX.rstrip("_")], cutoff=0.75):
        return closest(f"{PREFIX}{rest}", VARIABLES)
    return None


def plugin_variable_meant(variable: str) -> str | None:
    """The variable of a plugin's setting that this one is a slip of: KIBITZ_PLUGIN__FOCUS__OBJECTS. None: of none."""
    first, *path = variable.lower().split("__")
    meant = plugin_variable_of(path)
    return meant if get_close_matches(first, [_PLUGINS], cutoff=0.9) and plugin_path_of(meant) else None


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like this one, None when none is."""
    return next(iter(get_close_matches(name, tuple(known), n=1, cutoff=0.6)), None)
