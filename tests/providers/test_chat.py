"""Answers over a socket: the stream, its end, and how it breaks."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from bot.domain.answer import Prompt
from bot.domain.errors import ProviderCategory, ProviderError, QuotaError
from bot.domain.role import Role
from bot.domain.timeline import Notice, NoticeCode
from bot.providers.base import AnswerDelta, AnswerEnd, FinishReason
from bot.providers.openai.chat import OpenAIChatModel
from bot.providers.openai.connection import Connection
from bot.providers.openai.endpoint import Flavour
from tests.providers.material import QUICK, connected, frames, prompt, until_it_breaks
from tests.simulator.openai_server import (
    Cut,
    HonestMind,
    OpenAIEmulator,
    Reset,
    Rewrite,
    Stall,
    Status,
    StreamError,
    flavours,
)
from tests.simulator.openai_server import faults as make

ANSWER = "The square is red. It stays red until the end."


@pytest.fixture
async def emulator() -> AsyncIterator[OpenAIEmulator]:
    async with OpenAIEmulator(mind=HonestMind(answers=ANSWER)) as server:
        yield server


@pytest.fixture
async def connection(emulator: OpenAIEmulator) -> AsyncIterator[Connection]:
    async with connected(emulator, Role.CHAT) as link:
        yield link


@pytest.fixture
def model(connection: Connection) -> OpenAIChatModel:
    return OpenAIChatModel(connection, model="gpt-6-luna", retry=QUICK)


async def answer(model: OpenAIChatModel, asked: Prompt) -> tuple[str, AnswerEnd, list[Notice]]:
    items = [item async for item in model.answer(asked)]
    assert isinstance(items[-1], AnswerEnd)
    text = "".join(item.text for item in items if isinstance(item, AnswerDelta))
    return text, items[-1], [item for item in items if isinstance(item, Notice)]


async def test_an_answer_streams(emulator: OpenAIEmulator, model: OpenAIChatModel) -> None:
    text, end, notices = await answer(model, prompt())
    assert (text, end.reason, notices) == (ANSWER, FinishReason.COMPLETE, [])
    (call,) = emulator.answers
    assert call.stream
    assert call.body["stream_options"] == {"include_usage": True}
    assert call.body["max_completion_tokens"] == 700
    assert [message["role"] for message in call.messages] == ["system", "user"]
    assert end.usage.output_tokens == call.output_tokens
    assert end.usage.input_tokens == call.text_tokens
    assert end.usage.cost_usd is not None


async def test_words_arrive_before_the_end(emulator: OpenAIEmulator, model: OpenAIChatModel) -> None:
    emulator.fail("answers", Stall(seconds=30.0, after=5))
    stream = model.answer(prompt())
    async with asyncio.timeout(10):
        first = await anext(stream)
    assert isinstance(first, AnswerDelta)
    assert ANSWER.startswith(first.text)
    await stream.aclose()  # type: ignore[attr-defined]


async def test_frames_stand_between_evidence_and_question(emulator: OpenAIEmulator, model: OpenAIChatModel) -> None:
    asked = prompt("Which colour comes second?", frames=frames(3))
    _, end, _ = await answer(model, asked)
    await answer(model, replace(asked, question=replace(asked.question, text="And the third?")))

    first, second = (call.messages for call in emulator.answers)
    content = first[1]["content"]
    assert content[0]["text"] == asked.evidence
    assert content[-1]["text"] == "Which colour comes second?"
    assert [part["text"] for part in content[1:-1] if part["type"] == "text"] == ["t=00:00.0", "t=00:01.5", "t=00:03.0"]
    assert first[1]["content"][:-1] == second[1]["content"][:-1], "the prefix must be the same to the byte"
    assert end.usage.image_tokens == emulator.answers[0].image_tokens


async def test_an_answer_at_its_limit(model: OpenAIChatModel) -> None:
    text, end, _ = await answer(model, prompt(limit=4))
    assert end.reason is FinishReason.LENGTH
    assert ANSWER.startswith(text)
    assert 0 < len(text) < len(ANSWER)


async def test_a_filtered_answer(emulator: OpenAIEmulator, model: OpenAIChatModel) -> None:
    emulator.fail("answers", make.filtered())
    text, end, _ = await answer(model, prompt())
    assert (text, end.reason) == ("", FinishReason.FILTERED)
    assert len(emulator.answers) == 1


@pytest.mark.parametrize(
    ("flavour", "model", "kind"),
    [
        (flavours.OLLAMA, "qwen3-vl:8b", Flavour.OLLAMA),
        (flavours.LLAMA_CPP, "qwen3-vl-8b", Flavour.LLAMACPP),
        (flavours.VLLM, "Qwen/Qwen3-VL-8B-Instruct", Flavour.VLLM),
        (flavours.LOCAL_AI, "any", Flavour.AUTO),
        (flavours.OPENROUTER, "openai/gpt-6-luna", Flavour.OPENROUTER),
        (flavours.GROQ, "any", Flavour.AUTO),
        (flavours.PLAIN, "any", Flavour.AUTO),
    ],
    ids=lambda value: value.name if isinstance(value, flavours.Flavour) else "",
)
async def test_compatible_servers(flavour: flavours.Flavour, model: str, kind: Flavour) -> None:
    async with (
        OpenAIEmulator(flavour=flavour, mind=HonestMind(answers=ANSWER)) as server,
        connected(server, Role.CHAT, flavour=kind) as link,
    ):
        text, end, _ = await answer(OpenAIChatModel(link, model=model, retry=QUICK), prompt())
        assert (text, end.reason) == (ANSWER, FinishReason.COMPLETE)
        assert end.usage.cost_usd is None or kind is Flavour.OPENROUTER


async def test_too_many_frames_are_thinned_evenly() -> None:
    few = flavours.replace(flavours.VLLM, chat=flavours.replace(flavours.VLLM.chat, max_images=3))
    async with (
        OpenAIEmulator(flavour=few, mind=HonestMind(answers=ANSWER)) as server,
        connected(server, Role.CHAT) as link,
    ):
        model = OpenAIChatModel(link, model="Qwen/Qwen3-VL-8B-Instruct", retry=QUICK)
        for requests in (2, 3):
            text, _, notices = await answer(model, prompt(frames=frames(7)))
            assert text == ANSWER
            assert [notice.code for notice in notices] == [NoticeCode.FRAMES_DROPPED]
            assert "3 of 7" in notices[0].public
            assert len(server.answers) == requests
        assert [image.before for image in server.answers[-1].images] == ["t=00:00.0", "t=00:04.5", "t=00:09.0"]


@pytest.mark.parametrize("parameter", ["stream_options", "max_completion_tokens"])
async def test_a_refused_parameter_is_dropped_and_remembered(
    emulator: OpenAIEmulator, model: OpenAIChatModel, parameter: str
) -> None:
    error = {"message": f"Unsupported parameter: '{parameter}'.", "param": parameter, "code": "unsupported_parameter"}
    emulator.fail("answers", Status(status=400, body=json.dumps({"error": error})))
    if parameter == "max_completion_tokens":
        model = OpenAIChatModel(model._connection, model="gpt-4o", retry=QUICK)
        model._learner.current = replace(model.capabilities, token_params=("max_completion_tokens", "max_tokens"))
    for _ in range(2):
        assert (await answer(model, prompt()))[0] == ANSWER
    assert [call.status for call in emulator.answers] == [400, 200, 200]
    assert all(parameter not in call.body for call in emulator.answers[1:])


@pytest.mark.parametrize(
    "fault", [Cut(after=6), StreamError(after=6), Stall(seconds=30, after=6)], ids=["cut", "error event", "stall"]
)
async def test_broken_off_after_words(emulator: OpenAIEmulator, fault: Cut) -> None:
    async with connected(emulator, Role.CHAT, idle_seconds=0.3) as link:
        emulator.fail("answers", fault)
        model = OpenAIChatModel(link, model="gpt-6-luna", retry=QUICK)
        items, error = await until_it_breaks(model.answer(prompt()))
    said = "".join(item.text for item in items if isinstance(item, AnswerDelta))
    assert said
    assert ANSWER.startswith(said)
    assert error.category is ProviderCategory.INTERRUPTED
    assert not error.retryable
    assert len(emulator.answers) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Reset(),
        Cut(after=0),
        StreamError(after=1),
        Stall(seconds=30),
        make.server_error(),
        make.bad_gateway(),
        make.overloaded(),
        make.rate_limited(0.01),
        make.empty_reply(),
    ],
    ids=lambda fault: type(fault).__name__,
)
async def test_nothing_is_lost_when_it_breaks_before_words(emulator: OpenAIEmulator, fault: Cut) -> None:
    async with connected(emulator, Role.CHAT, idle_seconds=0.3) as link:
        emulator.fail("answers", fault, fault)
        text, _, _ = await answer(OpenAIChatModel(link, model="gpt-6-luna", retry=QUICK), prompt())
    assert text == ANSWER
    assert len(emulator.answers) == 3


async def test_three_attempts_are_enough(emulator: OpenAIEmulator, model: OpenAIChatModel) -> None:
    emulator.fail("answers", make.server_error(), always=True)
    with pytest.raises(ProviderError) as raised:
        await answer(model, prompt())
    assert raised.value.category is ProviderCategory.SERVER
    assert len(emulator.answers) == 3


async def test_no_credit_is_not_asked_twice(emulator: OpenAIEmulator, model: OpenAIChatModel) -> None:
    emulator.fail("answers", make.insufficient_quota(), always=True)
    with pytest.raises(QuotaError):
        await answer(model, prompt())
    assert len(emulator.answers) == 1


async def test_html_is_a_wrong_address(emulator: OpenAIEmulator, model: OpenAIChatModel) -> None:
    emulator.fail("answers", make.captive_portal(), always=True)
    with pytest.raises(ProviderError) as raised:
        await answer(model, prompt())
    assert raised.value.category is ProviderCategory.WRONG_ADDRESS
    assert raised.value.public == "chat: 127.0.0.1 is not an OpenAI endpoint, check base_url."
    assert len(emulator.answers) == 1


async def test_thoughts_alone_are_no_answer(emulator: OpenAIEmulator, model: OpenAIChatModel) -> None:
    emulator.fail("answers", Rewrite(lambda _: "<think>hm, red or blue", finish_reason="length"))
    with pytest.raises(ProviderError) as raised:
        await answer(model, prompt())
    assert raised.value.code == "no_room"


async def test_walking_away_closes_the_request(emulator: OpenAIEmulator, model: OpenAIChatModel) -> None:
    emulator.fail("answers", Stall(seconds=30.0, after=5))
    heard = asyncio.Event()

    async def listen() -> None:
        async for _ in model.answer(prompt()):
            heard.set()

    task = asyncio.create_task(listen())
    async with asyncio.timeout(10):
        await heard.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
