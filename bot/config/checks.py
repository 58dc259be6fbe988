"""One value against its setting: the value as the settings want it, or what is wrong with it in our own words."""

import json
import re
from typing import Any, get_origin

from pydantic import ValidationError

from bot.config.names import READABLE, Setting, closest
from bot.config.presets import FILLED


class ValueRefusedError(Exception):
    """A value that a setting does not take; neither sentence repeats the value, which may be a secret."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def is_absent(setting: Setting, raw: object) -> bool:
    """Empty means: not set here. Zero does too, where a preset fills a number."""
    if isinstance(raw, str):
        return not raw.strip() or (setting in _FILLED_NUMBERS and raw.strip() == "0")
    return raw == [] or (setting in _FILLED_NUMBERS and raw == 0 and not isinstance(raw, bool))


def check(setting: Setting, raw: object, *, typed: bool) -> Any:
    """The value as the settings want it. `typed` values keep their type; the others are text to be read.

    Raises ValueRefusedError.
    """
    section, name = setting
    model = READABLE[section]
    try:
        if typed:
            checked = model.model_validate_json(json.dumps({name: raw}, default=str), strict=True)
        else:
            checked = model.model_validate({name: _listed(setting, str(raw).strip())})
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)[0]
        raise _refusal(setting, raw, details["type"], details.get("ctx", {})) from None
    return getattr(checked, name)


def _listed(setting: Setting, raw: str) -> str | list[object]:
    """A list in a variable: JSON, or words with commas between them."""
    section, name = setting
    if get_origin(READABLE[section].model_fields[name].annotation) is not tuple:
        return raw
    if raw.startswith("["):
        try:
            return json.loads(raw)
        except json.JSONDecodeError:
            return raw
    return [word.strip() for word in raw.split(",") if word.strip()]


def _refusal(setting: Setting, raw: object, kind: str, context: dict[str, Any]) -> ValueRefusedError:
    section, name = setting
    if kind in {"literal_error", "enum"}:
        choices = tuple(re.findall(r"'([^']*)'", str(context.get("expected", ""))))
        meant = closest(raw.strip().casefold(), choices) if isinstance(raw, str) else None
        remedy = f'Did you mean "{meant}"?' if meant else f"Choose one of {', '.join(choices)}."
        return ValueRefusedError("is not one of the choices.", remedy)
    field = READABLE[section].model_fields[name]
    remedy = f"Wanted: {field.description}." if field.description else "See config.toml and .env.example."
    if kind == "value_error":
        return ValueRefusedError(str(context["error"]), remedy)
    return ValueRefusedError(_sentence(kind, context), remedy)


def _sentence(kind: str, context: dict[str, Any]) -> str:
    match kind:
        case "greater_than_equal":
            return f"is below {context['ge']:g}, the least allowed."
        case "greater_than":
            return f"must be above {context['gt']:g}."
        case "less_than_equal":
            return f"is above {context['le']:g}, the most allowed."
        case "too_long" | "string_too_long":
            return f"is longer than {context['max_length']}."
        case "too_short" | "string_too_short":
            return "has nothing in it."
        case "string_pattern_mismatch":
            return "has a form that does not fit."
        case _:
            return next(
                (sentence for start, sentence in _KINDS.items() if kind.startswith(start)), "does not fit its setting."
            )


_KINDS = {
    "int": "is not a whole number.",
    "float": "is not a number.",
    "finite": "is not a number.",
    "bool": "is neither true nor false.",
    "string": "is not text in quotes.",
    "path": "is not a path in quotes.",
    "tuple": "is not a list in brackets.",
}

_NUMBERS: frozenset[object] = frozenset({int, float})
_FILLED_NUMBERS = frozenset(
    (section, name) for section, name in FILLED if READABLE[section].model_fields[name].annotation in _NUMBERS
)
