"""What every Embedder must do."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import numpy as np
import pytest

from bot.domain.role import Role
from bot.providers.base import Embedder, EmbedRequest
from tests.contracts.openers import EMBEDDERS

pytestmark = pytest.mark.parametrize("opener", EMBEDDERS, ids=lambda opener: opener.__name__)
Opener = Callable[[], AbstractAsyncContextManager[Embedder]]

TEXTS = ("the car", "rain on the roof", "an automobile", "the car")


async def test_one_unit_vector_per_text_in_order(opener: Opener) -> None:
    async with opener() as embedder:
        batch = await embedder.embed(EmbedRequest(texts=TEXTS))
        [alone] = (await embedder.embed(EmbedRequest(texts=TEXTS[1:2]))).vectors
    held = np.array(batch.vectors)
    assert held.shape[0] == len(TEXTS)
    assert np.allclose(np.linalg.norm(held, axis=1), 1, atol=1e-3)
    assert np.allclose(held[1], alone, atol=1e-3)
    assert np.allclose(held[0], held[3], atol=1e-3)
    assert held[0] @ held[2] > held[0] @ held[1]


async def test_its_work_is_accounted_for(opener: Opener) -> None:
    async with opener() as embedder:
        batch = await embedder.embed(EmbedRequest(texts=TEXTS))
        assert embedder.model
    assert {usage.role for usage in batch.usages} == {Role.EMBEDDINGS}
