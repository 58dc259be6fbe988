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
            text = str(raw).strip()
            is_list = get_origin(model.model_fields[name].annotation) is tuple
            checked = model.model_validate({name: listed(text) if is_list else text})
    except ValidationError as error:
        details = error.errors(include_input=False, include_url=False)[0]
        description = model.model_fields[name].description
        wanted = f"Wanted: {description}." if description else "See config.toml and .env.example."
        raise refusal(raw, details["type"], details.get("ctx", {}), wanted=wanted) from None
    return getattr(checked, name)


def listed(text: str) -> str | list[object]:
    """A list in a variable: JSON, or words with commas between them."""
    if text.startswith("["):
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return text
    return [word.strip() for word in text.split(",") if word.strip()]


def refusal(raw: object, kind: str, context: dict[str, Any], *, wanted: str) -> ValueRefusedError:
    """What pydantic says is wrong, in our words; `wanted` is the remedy where there is no nearer one."""
    if kind in {"literal_error", "enum"}:
        choices = tuple(re.findall(r"'([^']*)'", str(context.get("expected", ""))))
        meant = closest(raw.strip().casefold(), choices) if isinstance(raw, str) else None
        remedy = f'Did you mean "{meant}"?' if meant else f"Choose one of {', '.join(choices)}."
        return ValueRefusedError("is not one of the choices.", remedy)
    if kind == "value_error":
        return ValueRefusedError(str(context["error"]), wanted)
    return ValueRefusedError(_sentence(kind, context), wanted)


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
    "list": "is not a list in brackets.",
    "mapping": "is not a table.",
    "dict": "is not a table.",
    "model": "is not a table.",
}

_NUMBERS: frozenset[object] = frozenset({int, float})
_FILLED_NUMBERS = frozenset(
    (section, name) for section, name in FILLED if READABLE[section].model_fields[name].annotation in _NUMBERS
)
