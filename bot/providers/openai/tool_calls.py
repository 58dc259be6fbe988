"""Calls of tools: put together from the pieces they are streamed in, and told to the model again afterwards."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.domain.answer import Tool, ToolCall, ToolResult
from bot.providers.openai.untyped import mapping, sequence, string

_MOST_CALLS = 16
_LONGEST_ARGUMENTS = 4_000


def definitions(tools: Iterable[Tool]) -> list[dict[str, object]]:
    """Tools as a request names them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
                "strict": tool.is_strict,
            },
        }
        for tool in tools
    ]


def messages(results: Sequence[ToolResult]) -> list[dict[str, object]]:
    """What was called and what came of it, one call after the other."""
    told: list[dict[str, object]] = []
    for result in results:
        call = result.call
        made = {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": _json(call)}}
        told.append({"role": "assistant", "content": result.said or None, "tool_calls": [made]})
        told.append({"role": "tool", "tool_call_id": call.call_id, "content": result.text})
    return told


def in_words(results: Sequence[ToolResult]) -> str:
    """The same for a model that calls nothing: what was found, and how far the answer is."""
    found = [result.text for result in results]
    said = "".join(result.said for result in results).strip()
    if said:
        found.append(f"Your answer begins with these words, which were sent already; go on after them: {said}")
    return "\n\n".join(found)


def _json(call: ToolCall) -> str:
    """Servers parse what they once wrote; what was no JSON then would be refused now."""
    try:
        json.loads(call.arguments)
    except (ValueError, RecursionError):
        return "{}"
    return call.arguments


@dataclass(slots=True)
class _Pieces:
    call_id: str
    name: str
    arguments: str


class CallReader:
    """Collects the calls of one stream. Pieces of one call share an index; servers that leave it out, or give the same
    to all, tell a new call by its id."""

    def __init__(self, tools: Iterable[Tool]) -> None:
        self._names = {tool.name for tool in tools}
        self._calls: list[_Pieces] = []
        self._by_index: dict[object, _Pieces] = {}

    def feed(self, deltas: object) -> None:
        """The `tool_calls` of one delta."""
        for delta in map(mapping, sequence(deltas)):
            function = mapping(delta.get("function"))
            call = self._call(delta, string(function.get("name")) or "")
            if call is not None:
                call.arguments = (call.arguments + _text(function.get("arguments")))[:_LONGEST_ARGUMENTS]

    @property
    def has_any(self) -> bool:
        """Something was called, whether or not there is such a tool."""
        return bool(self._calls)

    def finish(self) -> tuple[ToolCall, ...]:
        """The calls of tools there are, in the order they were begun."""
        return tuple(
            ToolCall(call_id=call.call_id or f"call_{place}", name=call.name, arguments=call.arguments)
            for place, call in enumerate(self._calls)
            if call.name in self._names
        )

    def _call(self, delta: Mapping[str, object], name: str) -> _Pieces | None:
        """The call this piece belongs to; None when there are too many."""
        index = delta.get("index")
        index = index if isinstance(index, int) else None
        call_id = string(delta.get("id")) or ""
        known = self._by_index.get(index) if index is not None else self._calls[-1] if self._calls else None
        has_other_id = known is not None and bool(call_id and known.call_id) and call_id != known.call_id
        begins = index is None and bool(name) and not call_id
        if known is not None and not has_other_id and not begins:
            known.call_id = known.call_id or call_id
            known.name = known.name or name
            return known
        if len(self._calls) == _MOST_CALLS:
            return None
        call = _Pieces(call_id, name, "")
        self._calls.append(call)
        self._by_index[index] = call
        return call


def _text(arguments: object) -> str:
    """A piece of JSON; some servers give the object itself."""
    return json.dumps(arguments) if isinstance(arguments, dict) else string(arguments) or ""
