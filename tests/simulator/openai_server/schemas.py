"""JSON schemas of a request: whether strict mode takes them, and replies that obey them."""

from collections.abc import Sequence
from typing import Any

from tests.simulator.openai_server.minds import SeenPicture
from tests.simulator.openai_server.refusals import Refusal

_FORBIDDEN = ("allOf", "oneOf", "not", "if", "then", "else", "dependentRequired", "dependentSchemas", "default")
TIME_KEYS = ("at_seconds", "t", "time_seconds", "seconds")


def check_strict(name: str, schema: Any) -> None:
    """Raises Refusal unless strict mode takes the schema: every object closed, every property required."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        kind = schema.get("type") if isinstance(schema, dict) else None
        raise _invalid(name, (), f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'.")
    _check(name, schema, ())


def _check(name: str, schema: Any, path: tuple[str, ...]) -> None:
    if not isinstance(schema, dict):
        raise _invalid(name, path, "schema must be an object.")
    for word in _FORBIDDEN:
        if word in schema:
            raise _invalid(name, path, f"'{word}' is not permitted.")
    if not any(word in schema for word in ("type", "anyOf", "$ref", "enum", "const")):
        raise _invalid(name, path, "schema must have a 'type' key.")
    kinds = schema.get("type")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        if schema.get("additionalProperties") is not False:
            raise _invalid(name, path, "'additionalProperties' is required to be supplied and to be false.")
        properties = schema.get("properties", {})
        missing = [key for key in properties if key not in schema.get("required", ())]
        if missing:
            raise _invalid(
                name,
                path,
                "'required' is required to be supplied and to be an array including every key in properties. "
                f"Missing '{missing[0]}'.",
            )
        for key, value in properties.items():
            _check(name, value, (*path, "properties", key))
    if kinds == "array" or (isinstance(kinds, list) and "array" in kinds):
        if "items" not in schema:
            raise _invalid(name, path, "array schema missing items.")
        _check(name, schema["items"], (*path, "items"))
    for index, option in enumerate(schema.get("anyOf", ())):
        _check(name, option, (*path, "anyOf", str(index)))
    for key, value in schema.get("$defs", {}).items():
        _check(name, value, (*path, "$defs", key))


def _invalid(name: str, path: tuple[str, ...], what: str) -> Refusal:
    return Refusal(
        400,
        f"Invalid schema for response_format '{name}': In context={path!r}, {what}",
        param="response_format",
    )


def fill_schema(
    schema: dict[str, Any], *, answer: str, times: Sequence[float], pictures: Sequence[SeenPicture]
) -> dict[str, Any]:
    """An object that obeys `schema`: one item per picture where items carry a time, `answer` for every other
    text, zero, false, null or nothing for the rest."""
    return {
        key: _fill(value, answer=answer, times=times, pictures=pictures)
        for key, value in schema.get("properties", {}).items()
    }


def _fill(schema: dict[str, Any], *, answer: str, times: Sequence[float], pictures: Sequence[SeenPicture]) -> Any:
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _fill(schema["anyOf"][0], answer=answer, times=times, pictures=pictures)
    kinds = schema.get("type")
    kind = kinds[0] if isinstance(kinds, list) else kinds
    if kind == "array":
        items = schema["items"]
        if any(key in items.get("properties", {}) for key in TIME_KEYS):
            return [_fill_picture(items, at, seen) for at, seen in zip(times, pictures, strict=True)]
        return []
    if kind == "object":
        return fill_schema(schema, answer=answer, times=times, pictures=pictures)
    return {"string": answer, "number": 0, "integer": 0, "boolean": False}.get(kind or "null")


def _fill_picture(schema: dict[str, Any], at: float, seen: SeenPicture) -> dict[str, Any]:
    item: dict[str, Any] = {}
    caption: str = seen.caption
    for key, value in schema["properties"].items():
        kinds = value.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        kinds += [option.get("type") for option in value.get("anyOf", ())]
        if key in TIME_KEYS:
            item[key] = at
        elif "text" in key:
            text = seen.text_on_screen
            item[key] = ([text] if text else []) if "array" in kinds else text if "null" in kinds else text or ""
        elif "string" in kinds:
            item[key], caption = caption, ""
        else:
            item[key] = _fill(value, answer="", times=(), pictures=())
    return item
