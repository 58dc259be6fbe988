"""What the API says when it refuses: status, and the error body with OpenAI's words and codes."""

from typing import Any


class Refusal(Exception):  # noqa: N818 - an answer of the server, not a failure of the emulator
    """A request is refused with `status` and an OpenAI error body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.kind = kind
        self.param = param
        self.code = code

    def error(self) -> dict[str, Any]:
        """The value of the body's `error` field."""
        return {"message": self.message, "type": self.kind, "param": self.param, "code": self.code}


def missing_parameter(name: str) -> Refusal:
    return Refusal(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def invalid_type(name: str, expected: str, value: object) -> Refusal:
    return Refusal(
        400,
        f"Invalid type for '{name}': expected {expected}, but got {_json_type(value)} instead.",
        param=name,
        code="invalid_type",
    )


def invalid_value(name: str, value: object, supported: tuple[str, ...]) -> Refusal:
    listed = ", ".join(f"'{item}'" for item in supported[:-1])
    listed = f"{listed}, and '{supported[-1]}'" if listed else f"'{supported[-1]}'"
    return Refusal(400, f"Invalid value: '{value}'. Supported values are: {listed}.", param=name, code="invalid_value")


def unknown_parameter(name: str) -> Refusal:
    return Refusal(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")


def unsupported_parameter(name: str, instead: str | None = None) -> Refusal:
    advice = f" Use '{instead}' instead." if instead else ""
    return Refusal(
        400,
        f"Unsupported parameter: '{name}' is not supported with this model.{advice}",
        param=name,
        code="unsupported_parameter",
    )


def unsupported_value(name: str, value: object, advice: str) -> Refusal:
    return Refusal(
        400,
        f"Unsupported value: '{name}' does not support {value!r} with this model. {advice}",
        param=name,
        code="unsupported_value",
    )


def model_not_found(model: str) -> Refusal:
    return Refusal(404, f"The model `{model}` does not exist or you do not have access to it.", code="model_not_found")


def unknown_url(method: str, path: str) -> Refusal:
    return Refusal(404, f"Invalid URL ({method} {path})", code=None)


def _json_type(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int():
            return "an integer"
        case float():
            return "a decimal"
        case str():
            return "a string"
        case list():
            return "an array"
        case _:
            return "an object"
