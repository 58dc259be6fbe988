"""Calls of tools over a socket: asked for, answered, refused, and told again."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.domain.answer import Prompt, Tool, ToolCall, ToolResult
from bot.domain.role import Role
from bot.providers.base import AnswerDelta, AnswerEnd, ChatModel, FinishReason
from bot.providers.fallback import Chain, FallbackChatModel
from bot.providers.openai.chat import OpenAIChatModel
from bot.providers.openai.tool_calls import CallReader, in_words
from tests.providers.material import QUICK, connected, prompt
from tests.simulator.openai_server import ChatCall, HonestMind, Made, OpenAIEmulator, Status, flavours
from tests.simulator.openai_server.flavours import Flavour

TOOL = Tool(
    name="look",
    description="Look again.",
    parameters={
        "type": "object",
        "additionalProperties": False,
        "required": ["start"],
        "properties": {"start": {"type": "number"}},
    },
)
REFUSALS = (
    '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
    "registry.ollama.ai/library/gemma3:4b does not support tools",
    "Unrecognized request argument supplied: tools",
)


class CallingMind(HonestMind):
    """Calls what it is told, once for each list, and answers then."""

    def __init__(self, *calls: Sequence[Made]) -> None:
        super().__init__(answers="It was blue.")
        self._calls = list(calls)

    def act(self, call: ChatCall) -> tuple[Made, ...]:
        return tuple(self._calls.pop(0)) if self._calls else ()


def asked(**fields: object) -> Prompt:
    return replace(prompt(), tools=(TOOL,), **fields)  # type: ignore[arg-type]


def result(call: ToolCall, text: str = "[0:03] SEEN blue", said: str = "") -> ToolResult:
    return ToolResult(call=call, text=text, said=said)


async def run(model: ChatModel, wanted: Prompt) -> tuple[str, list[ToolCall], AnswerEnd]:
    items = [item async for item in model.answer(wanted)]
    assert isinstance(items[-1], AnswerEnd)
    words = "".join(item.text for item in items if isinstance(item, AnswerDelta))
    return words, [item for item in items if isinstance(item, ToolCall)], items[-1]


@pytest.mark.parametrize("flavour", [flavours.OPENAI, flavours.OLLAMA], ids=["in-pieces", "whole"])
async def test_calls_come_whole_and_their_results_go_back(flavour: Flavour) -> None:
    mind = CallingMind([Made("look", '{"start": 3.25}'), Made("look", '{"start": 8}')])
    model_name = flavour.models[0] if flavour.models else "gpt-6-luna"
    async with OpenAIEmulator(mind=mind, flavour=flavour) as server, connected(server, Role.CHAT) as link:
        model = OpenAIChatModel(link, model=model_name, retry=QUICK)
        words, calls, end = await run(model, asked())
        assert (words, end.reason) == ("", FinishReason.TOOLS)
        assert [(call.name, json.loads(call.arguments)) for call in calls] == [
            ("look", {"start": 3.25}),
            ("look", {"start": 8}),
        ]
        assert len({call.call_id for call in calls}) == 2
        told = asked(results=(result(calls[0], said="Well, "), result(calls[1])), may_call=False)
        words, calls, end = await run(model, told)
        assert (words, calls, end.reason) == ("It was blue.", [], FinishReason.COMPLETE)
        last = server.answers[-1]
        assert [message["role"] for message in last.messages] == ["system", "user", *["assistant", "tool"] * 2]
        assert last.messages[2]["content"] == "Well, "
        assert last.body["tool_choice"] == "none"
        assert last.body["tools"] == server.answers[0].body["tools"]


@pytest.mark.parametrize("words", REFUSALS)
async def test_a_server_without_tools_answers_without_and_it_is_remembered(words: str) -> None:
    chat = replace(flavours.VLLM.chat, tools_refusal=words)
    flavour = replace(flavours.VLLM, chat=chat)
    async with OpenAIEmulator(mind=CallingMind(), flavour=flavour) as server, connected(server, Role.CHAT) as link:
        model = OpenAIChatModel(link, model="Qwen/Qwen3-VL-8B-Instruct", retry=QUICK)
        for _ in range(2):
            assert (await run(model, asked()))[0] == "It was blue."
        assert ["tools" in call.body for call in server.answers] == [True, False, False]


async def test_tools_of_others_that_a_server_refuses_are_left_out() -> None:
    theirs = Tool(name="odd", description="Odd.", parameters={"type": "odd"}, is_strict=False)
    async with OpenAIEmulator(mind=CallingMind()) as server, connected(server, Role.CHAT) as link:
        body = json.dumps({"error": {"message": "Invalid schema for function 'odd'", "type": "invalid_request_error"}})
        server.fail("answers", Status(status=400, body=body))
        model = OpenAIChatModel(link, model="gpt-6-luna", retry=QUICK)
        wanted = replace(prompt(), tools=(TOOL, theirs))
        assert (await run(model, wanted))[0] == "It was blue."
        names = [[tool["function"]["name"] for tool in call.body["tools"]] for call in server.answers]
        assert names[-1] == ["look"]


async def test_another_model_goes_on_in_the_middle_with_or_without_tools() -> None:
    call = ToolCall(call_id="call_of_another", name="look", arguments='{"start": ')
    wanted = asked(results=(result(call, said="I look."),))
    chat = replace(flavours.VLLM.chat, tools_refusal=REFUSALS[0])
    async with (
        OpenAIEmulator() as dead,
        OpenAIEmulator(mind=CallingMind(), flavour=replace(flavours.VLLM, chat=chat)) as alive,
        connected(dead, Role.CHAT) as one,
        connected(alive, Role.CHAT) as other,
    ):
        dead.fail("answers", Status(status=500, body="{}"), always=True)
        hired = [
            OpenAIChatModel(one, model="gpt-6-luna", retry=QUICK),
            OpenAIChatModel(other, model="Qwen/Qwen3-VL-8B-Instruct", retry=QUICK),
        ]
        words, _, _ = await run(FallbackChatModel(Chain(Role.CHAT, hired)), wanted)
        assert words == "It was blue."
        assert alive.answers[0].messages[2]["tool_calls"][0]["function"]["arguments"] == "{}"
        assert [message["role"] for message in alive.answers[-1].messages] == ["system", "user"]
        assert "[0:03] SEEN blue" in alive.answers[-1].text
        assert "I look." in alive.answers[-1].text


async def test_a_model_that_calls_what_it_may_not_is_asked_once_more_without() -> None:
    mind = CallingMind([Made("look", "{}")])
    async with OpenAIEmulator(mind=mind, flavour=flavours.OLLAMA) as server, connected(server, Role.CHAT) as link:
        model = OpenAIChatModel(link, model="qwen3-vl:8b", retry=QUICK)
        call = ToolCall(call_id="a", name="look", arguments="{}")
        words, calls, end = await run(model, asked(results=(result(call),), may_call=False))
        assert (words, calls, end.usage.requests) == ("It was blue.", [], 2)
        assert "[0:03] SEEN blue" in server.answers[-1].text


async def test_a_tool_that_nobody_offered_is_not_called() -> None:
    mind = CallingMind([Made("delete_everything", "{}")])
    async with OpenAIEmulator(mind=mind) as server, connected(server, Role.CHAT) as link:
        words, calls, _ = await run(OpenAIChatModel(link, model="gpt-6-luna", retry=QUICK), asked())
        assert (words, calls) == ("It was blue.", [])


def piece(name: str = "", arguments: object = "", **fields: object) -> dict[str, object]:
    return {**fields, "function": {**({"name": name} if name else {}), "arguments": arguments}}


@pytest.mark.parametrize(
    ("deltas", "calls"),
    [
        ([piece("look", "", index=0, id="a"), piece("", '{"a"', index=0), piece("", ":1}", index=0)], ['{"a":1}']),
        (
            [piece("look", '{"a":1}', index=0, id="a"), piece("look", '{"a":2}', index=0, id="b")],
            ['{"a":1}', '{"a":2}'],
        ),
        ([piece("look", '{"a":1}'), piece("look", '{"a":2}')], ['{"a":1}', '{"a":2}']),
        ([piece("look", {"a": 1}, index=0)], ['{"a": 1}']),
        (
            [piece("look", "{", index=1, id="b"), piece("look", "[", index=0, id="a"), piece("", "}", index=1)],
            ["{}", "["],
        ),
        ([piece("other", "{}", index=0), "nonsense", {"function": 3}], []),
    ],
    ids=["pieces", "one-index", "no-index", "an-object", "interleaved", "nonsense"],
)
def test_pieces_of_calls_are_put_together(deltas: list[object], calls: list[str]) -> None:
    reader = CallReader([TOOL])
    for delta in deltas:
        reader.feed([delta])
    assert [call.arguments for call in reader.finish()] == calls


def test_calls_without_end_are_bounded() -> None:
    reader = CallReader([TOOL])
    for number in range(100):
        reader.feed([piece("look", "x" * 10_000, index=number, id=str(number))])
    found = reader.finish()
    assert len(found) == 16
    assert all(len(call.arguments) == 4_000 for call in found)


def test_nothing_found_says_nothing() -> None:
    assert in_words(()) == ""
