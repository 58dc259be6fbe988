"""Tools in chat completions: what the API checks of them, and how calls are streamed."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tests.simulator.openai_server.refusals import Refusal, invalid_type, invalid_value, missing_parameter
from tests.simulator.openai_server.schemas import check_strict

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_PIECE_CHARACTERS = 5


@dataclass(frozen=True, slots=True)
class Made:
    """A call that a mind makes. `arguments`: JSON, or what it takes for JSON."""

    name: str
    arguments: str


def may_call(body: dict[str, Any], ignored: frozenset[str]) -> bool:
    """Whether tools are offered and the request leaves the choice to the model."""
    return bool(body.get("tools")) and ("tool_choice" in ignored or body.get("tool_choice", "auto") != "none")


def check_tools(body: dict[str, Any]) -> None:
    """Raises Refusal for tools the API does not take."""
    tools = body.get("tools")
    if tools is None:
        if body.get("tool_choice") is not None:
            raise Refusal(
                400,
                "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
                param="tool_choice",
            )
        return
    if not isinstance(tools, list):
        raise invalid_type("tools", "an array of objects", tools)
    if not tools:
        raise Refusal(400, "Invalid 'tools': empty array. Expected an array with minimum length 1.", param="tools")
    for index, tool in enumerate(tools):
        _check_tool(tool, f"tools[{index}]")
    choice = body.get("tool_choice")
    if isinstance(choice, str) and choice not in ("none", "auto", "required"):
        raise invalid_value("tool_choice", choice, ("none", "auto", "required"))


def _check_tool(tool: Any, where: str) -> None:
    if not isinstance(tool, dict):
        raise invalid_type(where, "an object", tool)
    if tool.get("type") != "function":
        raise invalid_value(f"{where}.type", tool.get("type"), ("function", "custom"))
    function = tool.get("function")
    if not isinstance(function, dict):
        raise missing_parameter(f"{where}.function")
    name = function.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise missing_parameter(f"{where}.function.name")
    if function.get("strict") is True:
        try:
            check_strict(name, function.get("parameters"))
        except Refusal as refusal:
            message = refusal.message.replace("response_format", "function")
            raise Refusal(
                400, message, param=f"{where}.function.parameters", code="invalid_function_parameters"
            ) from None


def check_order(messages: Sequence[dict[str, Any]]) -> None:
    """Raises Refusal unless each call is answered directly after the message that made it."""
    open_ids: list[str] = []
    asked_at = 0
    for index, message in enumerate(messages):
        if message["role"] == "tool":
            if message.get("tool_call_id") not in open_ids:
                raise Refusal(
                    400,
                    "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with "
                    "'tool_calls'.",
                    param=f"messages.[{index}].role",
                )
            open_ids.remove(message["tool_call_id"])
            continue
        _check_answered(open_ids, asked_at)
        open_ids, asked_at = _ids(message, index), index
    _check_answered(open_ids, asked_at)


def _check_answered(open_ids: list[str], asked_at: int) -> None:
    if open_ids:
        raise Refusal(
            400,
            "An assistant message with 'tool_calls' must be followed by tool messages responding to each "
            f"'tool_call_id'. The following tool_call_ids did not have response messages: {', '.join(open_ids)}",
            param=f"messages.[{asked_at}].role",
        )


def _ids(message: dict[str, Any], index: int) -> list[str]:
    """The ids of the calls of an assistant's message."""
    calls = message.get("tool_calls")
    if message["role"] != "assistant" or calls is None:
        if message["role"] == "assistant" and message.get("content") is None:
            raise Refusal(
                400,
                "Invalid value for 'content': expected a string, got null.",
                param=f"messages.[{index}].content",
            )
        return []
    ids: list[str] = []
    for place, call in enumerate(calls):
        where = f"messages[{index}].tool_calls[{place}]"
        function = call.get("function", {})
        if not isinstance(call.get("id"), str) or len(call["id"]) > 40:
            raise missing_parameter(f"{where}.id")
        if call.get("type") != "function":
            raise invalid_value(f"{where}.type", call.get("type"), ("function",))
        if not isinstance(function.get("name"), str):
            raise missing_parameter(f"{where}.function.name")
        if not isinstance(function.get("arguments"), str):
            raise invalid_type(f"{where}.function.arguments", "a string", function.get("arguments"))
        json.loads(function["arguments"])
        ids.append(call["id"])
    return ids


def call_deltas(made: Sequence[Made], ids: Sequence[str], *, whole: bool) -> Iterator[dict[str, Any]]:
    """The deltas of a stream: each call begins with its name, its arguments follow in pieces; or all at once."""
    for index, (call, call_id) in enumerate(zip(made, ids, strict=True)):
        start = {"index": index, "id": call_id, "type": "function"}
        if whole:
            yield {"tool_calls": [{**start, "function": {"name": call.name, "arguments": call.arguments}}]}
            continue
        yield {"tool_calls": [{**start, "function": {"name": call.name, "arguments": ""}}]}
        for at in range(0, len(call.arguments), _PIECE_CHARACTERS):
            piece = call.arguments[at : at + _PIECE_CHARACTERS]
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
