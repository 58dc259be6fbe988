"""A layer of settings from one place, and what all places share: reading text, checking a value."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import PydanticBaseSettingsSource

from bot.config.checks import ValueRefusedError, check, is_absent
from bot.config.names import CONFIG_VARIABLE, Setting
from bot.config.settings import Settings
from bot.domain.errors import SettingsProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One checked value; `source` is where a person finds it."""

    value: Any = field(repr=False)
    source: str


class Layer(PydanticBaseSettingsSource):
    """What one place sets; pydantic-settings lays the layers over each other."""

    def __init__(self, entries: Mapping[Setting, Entry]) -> None:
        super().__init__(Settings)
        self.entries = entries

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        names = {name: entry.value for (section, name), entry in self.entries.items() if section == field_name}
        return names or None, field_name, False

    def __call__(self) -> dict[str, Any]:
        values = {name: self.get_field_value(field, name)[0] for name, field in Settings.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


def take(
    setting: Setting, raw: object, *, place: str, label: str, problems: list[SettingsProblem], typed: bool = False
) -> dict[Setting, Entry]:
    """The setting as a layer of one, or of none when it is empty or refused; a refusal is added to `problems`.

    `label` names the setting where it stands, `place` is that place; `typed` as for `check`.
    """
    if is_absent(setting, raw):
        return {}
    try:
        value = check(setting, raw, typed=typed)
    except ValueRefusedError as refused:
        problems.append(SettingsProblem(where=place, what=f"{label} {refused.what}", remedy=refused.remedy))
        return {}
    return {setting: Entry(value=value, source=place if typed else f"{label} ({place})")}


def text_of(path: Path, shown: str, problems: list[SettingsProblem]) -> str | None:
    """The text of a file with \\n line ends; None when it cannot be read, which is added to `problems`."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        what, remedy = "The file is not UTF-8.", "Save it as UTF-8."
    except IsADirectoryError:
        what, remedy = "This is a folder.", "Name a file."
    except FileNotFoundError:
        what, remedy = "The file does not exist.", f"Create it, or correct {CONFIG_VARIABLE} or --config."
    except OSError:
        what, remedy = "The file cannot be read.", "Check who may read it."
    problems.append(SettingsProblem(where=shown, what=what, remedy=remedy))
    return None


def shown_path(path: Path) -> str:
    """The path as a person would type it from here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
