"""What every Transcriber must do."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from itertools import pairwise

import pytest

from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.providers.base import Transcriber, TranscriptPiece, TranscriptRequest
from tests.contracts.openers import TRANSCRIBERS
from tests.providers.material import tone

pytestmark = pytest.mark.parametrize("opener", TRANSCRIBERS, ids=lambda opener: opener.__name__)
Opener = Callable[[], AbstractAsyncContextManager[Transcriber]]


def assert_inside(piece: TranscriptPiece, chunk: AudioChunk) -> None:
    segments = piece.transcript.segments
    end = chunk.offset_seconds + chunk.duration_seconds
    assert all(chunk.offset_seconds <= s.start_seconds <= s.end_seconds <= end + 1e-6 for s in segments)
    assert all(one.start_seconds <= other.start_seconds for one, other in pairwise(segments))
    assert all(segment.text.strip() for segment in segments)


async def test_segments_stay_inside_their_piece(opener: Opener) -> None:
    chunk = tone(2.0, offset_seconds=61.5)
    async with opener() as transcriber:
        piece = await transcriber.transcribe(TranscriptRequest(chunk=chunk, previous_text="before", keywords=("Ada",)))
    assert_inside(piece, chunk)
    assert piece.usages
    assert all(usage.role is Role.TRANSCRIPTS for usage in piece.usages)
    assert sum(usage.audio_seconds for usage in piece.usages) == pytest.approx(2.0)


async def test_pieces_at_once_do_not_mix(opener: Opener) -> None:
    chunks = [tone(1.0, hertz=300 + 200 * n, offset_seconds=10.0 * n) for n in range(3)]
    async with opener() as transcriber:
        pieces = await asyncio.gather(*(transcriber.transcribe(TranscriptRequest(chunk=chunk)) for chunk in chunks))
    for piece, chunk in zip(pieces, chunks, strict=True):
        assert_inside(piece, chunk)


async def test_a_language_may_be_asked_for(opener: Opener) -> None:
    async with opener() as transcriber:
        piece = await transcriber.transcribe(TranscriptRequest(chunk=tone(1.0), language="en"))
    assert piece.transcript.language in (None, "en")
