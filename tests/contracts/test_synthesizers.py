"""What every Synthesizer must do."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.timeline import Notice
from bot.providers.base import SpeechEnd, SpeechRequest, Synthesizer
from tests.contracts.openers import SYNTHESIZERS

pytestmark = pytest.mark.parametrize("opener", SYNTHESIZERS, ids=lambda opener: opener.__name__)
Opener = Callable[[], AbstractAsyncContextManager[Synthesizer]]

SENTENCE = SpeechRequest(text="The square is red.", language="en")


async def test_sound_then_one_end(opener: Opener) -> None:
    async with opener() as synthesizer:
        items = [item async for item in synthesizer.speak(SENTENCE)]
    *before, end = items
    assert isinstance(end, SpeechEnd)
    assert end.usage.role is Role.SPEECH
    assert all(isinstance(item, AudioChunk | Notice) for item in before)
    chunks = [item for item in before if isinstance(item, AudioChunk)]
    assert len({chunk.rate_hz for chunk in chunks}) == 1
    assert all(chunk.pcm and len(chunk.pcm) % 2 == 0 for chunk in chunks)
    assert 0.2 < sum(chunk.duration_seconds for chunk in chunks) < 10
    assert any(any(chunk.pcm) for chunk in chunks), "not silence"


async def test_two_sentences_at_once(opener: Opener) -> None:
    async def seconds(synthesizer: Synthesizer) -> float:
        items = [item async for item in synthesizer.speak(SENTENCE)]
        return sum(item.duration_seconds for item in items if isinstance(item, AudioChunk))

    async with opener() as synthesizer:
        one, other = await asyncio.gather(seconds(synthesizer), seconds(synthesizer))
    assert one == pytest.approx(other, rel=0.2)


async def test_it_can_be_left_early(opener: Opener) -> None:
    async with opener() as synthesizer:
        stream = synthesizer.speak(SENTENCE)
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]
