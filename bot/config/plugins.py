"""Which plugins run and how patient one is with them; what a plugin's own table is made of."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

from pydantic import AfterValidator, Field

from bot.config.fields import Folder, Section, Words, is_secret
from bot.config.secrets import SECRET_NAME

_NAME = re.compile(r"(?=.{2,32}$)[a-z][a-z0-9]*(_[a-z0-9]+)*")
_OFFER = (
    'Name of the offer that does this work; "": the first that a running plugin makes, else as configured; '
    "configured: never a plugin"
)


def is_plugin_name(name: str) -> bool:
    """2 to 32 lower-case letters, digits and single underscores, so that it can stand in a variable; no setting's."""
    return _NAME.fullmatch(name) is not None and name not in PluginsSettings.model_fields


def _plugin_names(value: tuple[str, ...]) -> tuple[str, ...]:
    if not all(map(is_plugin_name, value)):
        raise ValueError("holds what is no name of a plugin: lower-case letters, digits and single underscores.")
    return tuple(dict.fromkeys(value))


class PluginsSettings(Section):
    enabled: Annotated[tuple[str, ...], AfterValidator(_plugin_names)] = Field(
        default=(),
        max_length=100,
        description="Names of plugins that run, in the order in which they are asked; /plugins and "
        "`python -m bot plugins` change it for this data folder",
    )
    directory: Folder | None = Field(default=None, description='Folder with plugins of your own; "": none')
    timeout_seconds: float = Field(
        default=0,
        ge=0,
        le=120,
        description="Longest wait for one call of a plugin; 0: as docs/plugins.md says for each hook",
    )
    voice_seconds: float = Field(
        default=0.3, ge=0.05, le=5, description="Longest wait for one call while somebody waits for a spoken answer"
    )
    failures: int = Field(
        default=3, ge=1, le=100, description="Failures within ten minutes after which a plugin is switched off"
    )
    max_tool_calls: int = Field(default=4, ge=0, le=20, description="How often an answer may call tools of plugins")
    captions: Words | None = Field(default=None, description=_OFFER)
    transcripts: Words | None = Field(default=None, description=_OFFER)
    chat: Words | None = Field(default=None, description=_OFFER)
    speech: Words | None = Field(default=None, description=_OFFER)
    fusion: Words | None = Field(default=None, description=_OFFER)


class SettingsModelError(TypeError):
    """The settings of a plugin are declared so that they could not be kept safe; the text is for its author."""


class PluginSettings(Section):
    """The table of a plugin, [plugins.NAME] in config.toml; subclass it, one field for each setting.

    Each field can also be set as KIBITZ_PLUGINS__NAME__FIELD, and one of a table inside as …__FIELD__KEY. Empty values
    ("" and []) mean: not set. The description of a field is shown where a value does not fit; the text of a ValueError
    in a validator follows the name of the field ("holds a name twice."), and must not repeat the value. Tables inside
    are PluginSettings as well.

    A secret (`Key`) has a name that ends in key, token, secret, password or credentials, and nothing else has:
    by its name it is refused in config.toml, read from …_FILE and cut out of logs. Raises TypeError otherwise.
    """

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        for name, info in cls.model_fields.items():
            if is_secret(info.annotation) != is_secret_path((name.removesuffix("_file"),)):
                raise SettingsModelError(
                    f"{cls.__name__}.{name}: a secret is of the type Key and has a name that ends in key, token, "
                    "secret, password or credentials; nothing else has such a name, nor one with _file behind it."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginValue:
    """One value for a plugin's table as it was found: nobody here knows what it should be.

    `path` is the plugin, the field, and the names of tables inside it. `variable` is empty where the file has the
    value; what a variable has is text to be read.
    """

    path: tuple[str, ...]
    raw: object = field(repr=False)
    place: str
    variable: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginTable:
    """What all places set for one plugin; of two values for one path the later counts."""

    name: str
    values: tuple[PluginValue, ...]

    def secrets(self) -> Iterator[str]:
        """Every value in clear that is a secret by its name."""
        for value in self.values:
            text, is_named = str(value.raw), is_secret_path(value.path[1:])
            yield from secrets_in(text, is_named=is_named)
            yield from secrets_in(structure_of(text), is_named=is_named)


def is_secret_path(path: Iterable[str]) -> bool:
    """Whether a field, or a table around it, has the name of a secret."""
    return any(SECRET_NAME.search(name) for name in path)


def structure_of(text: str) -> dict[str, object] | list[object] | None:
    """The table or list that a text is in JSON, None when it is neither."""
    try:
        read = json.loads(text) if text.startswith(("{", "[")) else None
    except ValueError:
        return None
    return cast("dict[str, object] | list[object] | None", read)


def secrets_in(value: object, *, is_named: bool) -> Iterator[str]:
    """Texts below names of secrets, at any depth; all of them if the value itself has such a name."""
    if isinstance(value, str) and is_named:
        yield value
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from secrets_in(item, is_named=is_named)
    elif isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            yield from secrets_in(item, is_named=is_named or is_secret_path((name,)))
