"""What is expected of a server before the first call, and what a rejection teaches."""

import pytest

from bot.domain.errors import ProviderCategory
from bot.domain.role import Role
from bot.providers.openai.capabilities import Capabilities, Learner, drop_parameter, guess
from bot.providers.openai.endpoint import Flavour
from bot.providers.openai.errors import RejectionError
from tests.providers.material import endpoint

OPENAI = "https://api.openai.com/v1"
LOCAL = "http://127.0.0.1:1234/v1"


def rejection(parameter: str | None) -> RejectionError:
    error = RejectionError("bad_request", "public", category=ProviderCategory.BAD_REQUEST)
    error.parameter = parameter
    return error


@pytest.mark.parametrize(
    ("base_url", "flavour", "model", "name"),
    [
        (OPENAI, Flavour.AUTO, "gpt-4o", "max_completion_tokens"),
        (OPENAI, Flavour.AUTO, "gpt-6-luna", "max_completion_tokens"),
        (LOCAL, Flavour.AUTO, "gpt-6-luna", "max_completion_tokens"),
        (LOCAL, Flavour.AUTO, "qwen3-vl:8b", "max_tokens"),
        (LOCAL, Flavour.OLLAMA, "gpt-5-lookalike", "max_tokens"),
        ("https://openrouter.ai/api/v1", Flavour.AUTO, "openai/gpt-6-luna", "max_completion_tokens"),
    ],
)
def test_the_name_of_the_output_limit(base_url: str, flavour: Flavour, model: str, name: str) -> None:
    assert guess(endpoint(base_url, Role.CHAT, flavour=flavour), model).token_params[0] == name


@pytest.mark.parametrize(
    ("base_url", "model", "asks"),
    [
        (OPENAI, "whisper-1", True),
        (OPENAI, "gpt-transcribe", False),
        (OPENAI, "gpt-4o-mini-transcribe", False),
        (LOCAL, "gpt-transcribe", True),
        (LOCAL, "parakeet", True),
    ],
)
def test_whether_times_are_asked_for(base_url: str, model: str, asks: bool) -> None:
    assert guess(endpoint(base_url, Role.TRANSCRIPTS), model).timestamps is asks


async def call(learner: Learner, *refused: str | None) -> list[Capabilities]:
    tried: list[Capabilities] = []
    left = list(refused)

    async def attempt(capabilities: Capabilities) -> None:
        tried.append(capabilities)
        if left:
            raise rejection(left.pop(0))

    await learner.call(attempt, drop_parameter)
    return tried


async def test_each_parameter_is_dropped_once_and_for_good() -> None:
    learner = Learner(Capabilities())
    tried = await call(learner, "temperature", "max_tokens")
    assert [capabilities.accepts("temperature") for capabilities in tried] == [True, False, False]
    assert tried[-1].token_params == ("max_completion_tokens",)
    assert learner.current == tried[-1]


async def test_what_does_not_help_is_raised_and_not_remembered() -> None:
    learner = Learner(Capabilities())
    with pytest.raises(RejectionError):
        await call(learner, "temperature", "temperature")
    with pytest.raises(RejectionError):
        await call(learner, None)
    assert learner.current == Capabilities()
