"""What every StreamingTranscriber must do."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise

import pytest

from bot.domain.role import Role
from bot.providers.base import StreamingTranscriber, StreamRequest, TranscriptPiece
from tests.contracts.openers import STREAMING_TRANSCRIBERS
from tests.providers.material import tone

pytestmark = pytest.mark.parametrize("opener", STREAMING_TRANSCRIBERS, ids=lambda opener: opener.__name__)
Opener = Callable[[], AbstractAsyncContextManager[StreamingTranscriber]]
REQUEST = StreamRequest(keywords=("Ada",), language="en")


def assert_inside(piece: TranscriptPiece, seconds: float) -> None:
    segments = piece.transcript.segments
    assert all(0 <= s.start_seconds <= s.end_seconds <= seconds + 1e-6 for s in segments)
    assert all(one.start_seconds <= other.start_seconds for one, other in pairwise(segments))
    assert all(segment.text.strip() for segment in segments)


async def test_a_stream_is_fed_settled_and_goes_on(opener: Opener) -> None:
    live: list[str] = []
    async with opener() as transcriber:
        stream = transcriber.open(REQUEST, live.append)
        for _ in range(4):
            stream.feed(tone(0.5).pcm)
            await asyncio.sleep(0)
        first = await stream.settle()
        again = await stream.settle()
        stream.feed(tone(2.0).pcm)
        second = await stream.settle()
        await stream.aclose()
        told = len(live)
        await asyncio.sleep(0)
        await stream.aclose()
    assert_inside(first, 2.0)
    assert_inside(second, 4.0)
    assert first.usages
    assert all(usage.role is Role.TRANSCRIPTS for usage in (*first.usages, *second.usages))
    assert again.transcript == first.transcript
    assert again.usages == (), "nothing is counted twice"
    assert len(live) == told


async def test_a_settle_may_be_cancelled(opener: Opener) -> None:
    async with opener() as transcriber:
        stream = transcriber.open(REQUEST, lambda _text: None)
        stream.feed(tone(1.0).pcm)
        for turns in range(3):
            settling = asyncio.create_task(stream.settle())
            for _ in range(turns):
                await asyncio.sleep(0)
            settling.cancel()
            await asyncio.wait([settling])
        piece = await stream.settle()
        await stream.aclose()
    assert_inside(piece, 1.0)


async def test_where_nothing_was_fed_nothing_was_said(opener: Opener) -> None:
    async with opener() as transcriber:
        stream = transcriber.open(REQUEST, lambda _text: None)
        piece = await stream.settle()
        await stream.aclose()
    assert (piece.transcript.segments, piece.usages) == ((), ())
