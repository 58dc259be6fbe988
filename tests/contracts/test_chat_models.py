"""What every ChatModel must do."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

import pytest

from bot.domain.answer import Prompt, Question, QuestionSource, Tool, ToolCall, ToolResult
from bot.domain.role import Role
from bot.domain.timeline import Caption, Notice, Timeline
from bot.providers.base import AnswerDelta, AnswerEnd, ChatModel, FinishReason
from tests.contracts.openers import CHAT_MODELS

pytestmark = pytest.mark.parametrize("opener", CHAT_MODELS, ids=lambda opener: opener.__name__)
Opener = Callable[[], AbstractAsyncContextManager[ChatModel]]

PROMPT = Prompt(
    rules="Answer from the evidence alone.",
    evidence="[00:00-00:05] VISUAL a red square",
    question=Question(source=QuestionSource.TYPED, text="What colour is the square?", language="en"),
    timeline=Timeline.weave(
        duration_seconds=5.0, captions=[Caption(at_seconds=0.0, since_seconds=0.0, text="a red square")]
    ),
)


async def test_words_then_one_end(opener: Opener) -> None:
    async with opener() as model:
        items = [item async for item in model.answer(PROMPT)]
    *before, end = items
    assert isinstance(end, AnswerEnd)
    assert end.reason is FinishReason.COMPLETE
    assert end.usage.role is Role.CHAT
    assert all(isinstance(item, AnswerDelta | Notice) for item in before)
    deltas = [item.text for item in before if isinstance(item, AnswerDelta)]
    assert all(deltas)
    assert "red" in "".join(deltas) or "test" in "".join(deltas)


async def test_two_answers_at_once(opener: Opener) -> None:
    async def text(model: ChatModel) -> str:
        return "".join([item.text async for item in model.answer(PROMPT) if isinstance(item, AnswerDelta)])

    async with opener() as model:
        one, other = await asyncio.gather(text(model), text(model))
    assert one == other != ""


async def test_it_can_be_left_early(opener: Opener) -> None:
    async with opener() as model:
        stream = model.answer(PROMPT)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]


async def test_tools_may_be_offered_and_their_results_told(opener: Opener) -> None:
    schema = {"type": "object", "additionalProperties": False, "required": [], "properties": {}}
    offered = replace(PROMPT, tools=(Tool(name="look", description="Look again.", parameters=schema),))
    call = ToolCall(call_id="call_1", name="look", arguments="not even JSON")
    told = replace(offered, results=(ToolResult(call=call, text="Nothing new.", said="Well. "),), may_call=False)
    async with opener() as model:
        for wanted in (offered, told):
            *before, end = [item async for item in model.answer(wanted)]
            assert isinstance(end, AnswerEnd)
            assert end.reason is FinishReason.COMPLETE
            assert any(isinstance(item, AnswerDelta) for item in before)
