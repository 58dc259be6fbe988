"""What the rooms tell the tally: each where it happens, with its label."""

from collections.abc import Iterator

import pytest

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.role import Role
from bot.domain.voice_session import TurnTimings
from bot.media.child import run_child
from bot.media.limits import MediaLimits
from bot.providers.fallback import Chain
from bot.providers.retry import Retry
from bot.services.voice.measures import Measures
from bot.tally import Figure, hearing

Heard = list[tuple[Figure, float, str]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    found: Heard = []
    with hearing(lambda figure, value, label: found.append((figure, value, label))):
        yield found


def failing(*, retryable: bool = True) -> ProviderError:
    return ProviderError("server_error", "It failed.", category=ProviderCategory.SERVER, retryable=retryable)


async def test_each_call_that_is_made_once_more(heard: Heard) -> None:
    left = [failing(), failing()]

    async def attempt() -> str:
        if left:
            raise left.pop()
        return "done"

    patient = Retry(attempts=3, first_wait_seconds=0.001, longest_wait_seconds=0.001, jitter_seconds=0, role="chat")
    assert await patient.call(attempt) == "done"
    assert heard == [(Figure.RETRIES, 1.0, "chat")] * 2


async def test_a_provider_that_rests_and_works_again(heard: Heard) -> None:
    works = {"first": False, "second": True}

    async def call(provider: str) -> str:
        if works[provider]:
            return provider
        raise failing(retryable=False)

    chain = Chain(Role.CHAT, ["first", "second"], rest_seconds=60)
    assert (await chain.first(call))[0] == "second"
    assert heard == [(Figure.REST_SECONDS, 60.0, "chat/0")]
    works["first"], works["second"] = True, False
    heard.clear()
    assert (await chain.first(call))[0] == "first"
    assert heard[-1] == (Figure.REST_SECONDS, 0.0, "chat/0")


async def test_a_program_on_files(heard: Heard) -> None:
    await run_child(
        ["ffmpeg", "-nostdin", "-f", "lavfi", "-i", "testsrc=d=1", "-f", "null", "-"],
        readable=[],
        limits=MediaLimits(),
        wall_seconds=30,
    )
    (seconds,) = [value for figure, value, label in heard if (figure, label) == (Figure.FFMPEG_SECONDS, "ffmpeg")]
    assert seconds > 0
    assert all(value > 2**20 for figure, value, _ in heard if figure is Figure.FFMPEG_RSS_BYTES)


def test_a_spoken_answer_in_each_step_it_came_to(heard: Heard) -> None:
    Measures().timed(TurnTimings(endpoint=0.4, first_token=0.9, first_audio=1.5))
    assert heard == [
        (Figure.VOICE_SECONDS, 0.4, "endpoint"),
        (Figure.VOICE_SECONDS, 0.9, "first_token"),
        (Figure.VOICE_SECONDS, 1.5, "first_audio"),
    ]
