"""What every Captioner must do."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from bot.domain.role import Role
from bot.domain.timeline import Caption
from bot.providers.base import Captioner, CaptionRequest
from tests.contracts.openers import CAPTIONERS
from tests.providers.material import frames

pytestmark = pytest.mark.parametrize("opener", CAPTIONERS, ids=lambda opener: opener.__name__)
Opener = Callable[[], AbstractAsyncContextManager[Captioner]]


async def test_captions_have_the_times_of_their_frames_in_order(opener: Opener) -> None:
    request = CaptionRequest(frames=frames(3))
    async with opener() as captioner:
        batch = await captioner.caption(request)
    at = [caption.at_seconds for caption in batch.captions]
    assert at, "something must be seen in three plain colours"
    assert at == sorted(set(at))
    since = {frame.at_seconds: frame.since_seconds for frame in request.frames}
    assert all(caption.since_seconds == since[caption.at_seconds] for caption in batch.captions)
    assert all(caption.text or caption.text_on_screen for caption in batch.captions)
    assert batch.usages
    assert all(usage.role is Role.CAPTIONS for usage in batch.usages)


async def test_batches_at_once_do_not_mix(opener: Opener) -> None:
    batches = [frames(6)[:2], frames(6)[2:4], frames(6)[4:]]
    async with opener() as captioner:
        replies = await asyncio.gather(*(captioner.caption(CaptionRequest(frames=batch)) for batch in batches))
    for batch, reply in zip(batches, replies, strict=True):
        assert {caption.at_seconds for caption in reply.captions} <= {frame.at_seconds for frame in batch}


async def test_a_caption_before_is_welcome(opener: Opener) -> None:
    before = Caption(at_seconds=0.0, since_seconds=0.0, text="A red card.")
    async with opener() as captioner:
        batch = await captioner.caption(CaptionRequest(frames=frames(2)[1:], previous=before))
    assert [caption.at_seconds for caption in batch.captions] == [1.5]


async def test_it_can_be_cancelled(opener: Opener) -> None:
    async with opener() as captioner:
        task = asyncio.create_task(captioner.caption(CaptionRequest(frames=frames(4))))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
