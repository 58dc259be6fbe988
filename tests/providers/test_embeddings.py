"""Texts become unit vectors in their order, however the server writes them; what it refuses is asked for no more."""

import json
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from bot.domain.errors import ProviderError
from bot.domain.role import Role
from bot.providers.base import EmbedRequest
from bot.providers.openai.connection import Connection
from bot.providers.openai.embeddings import OpenAIEmbedder
from bot.providers.openai.endpoint import Endpoint, Flavour, Timeouts
from bot.providers.retry import Retry
from tests.simulator.openai_server import Cut, OpenAIEmulator, Status, TruncatedJson

SMALL = "text-embedding-3-small"


@pytest.fixture
async def emulator() -> AsyncGenerator[OpenAIEmulator]:
    async with OpenAIEmulator() as running:
        yield running


@pytest.fixture
async def connection(emulator: OpenAIEmulator) -> AsyncGenerator[Connection]:
    opened = Connection(
        Endpoint(
            role=Role.EMBEDDINGS,
            base_url=emulator.base_url,
            api_key=emulator.api_key,
            flavour=Flavour.OPENAI,
            timeouts=Timeouts(idle_seconds=5.0, whole_seconds=10.0),
        )
    )
    yield opened
    await opened.aclose()


def embedder(connection: Connection, model: str = SMALL) -> OpenAIEmbedder:
    return OpenAIEmbedder(connection, model=model, retry=Retry(attempts=2, longest_wish_seconds=0.1))


async def test_what_means_the_like_is_near(emulator: OpenAIEmulator, connection: Connection) -> None:
    texts = ("the car stops", "an automobile stops", "汽车停了", "rain on the roof")
    batch = await embedder(connection).embed(EmbedRequest(texts=texts))
    held = np.array(batch.vectors)
    assert held.shape == (4, 256)
    assert np.allclose(np.linalg.norm(held, axis=1), 1)
    assert held[0] @ held[1] > 0.9 > 0.3 > held[0] @ held[3]
    assert held[0] @ held[2] > 0.3
    [call] = emulator.embeddings
    assert (call.encoding_format, call.dimensions) == ("base64", 256)
    [usage] = batch.usages
    assert (usage.role, usage.input_tokens) == (Role.EMBEDDINGS, call.tokens)
    assert usage.cost_usd == pytest.approx(call.tokens * 0.02e-6)


async def test_a_model_that_cannot_be_shortened_is_not_asked_to_be(
    emulator: OpenAIEmulator, connection: Connection
) -> None:
    old = embedder(connection, "text-embedding-ada-002")
    batch = await old.embed(EmbedRequest(texts=("a car",)))
    assert len(batch.vectors[0]) == 1_536
    assert old.model != embedder(connection).model
    assert len(emulator.embeddings) == 1


async def test_many_texts_are_asked_in_parts_and_stay_in_order(
    emulator: OpenAIEmulator, connection: Connection
) -> None:
    texts = tuple(f"text number {number}" for number in range(150))
    batch = await embedder(connection).embed(EmbedRequest(texts=texts))
    assert [len(call.texts) for call in emulator.embeddings] == [64, 64, 22]
    [alone] = (await embedder(connection).embed(EmbedRequest(texts=texts[70:71]))).vectors
    assert batch.vectors[70] == pytest.approx(alone)


async def test_an_overlong_text_is_cut_in_every_script(emulator: OpenAIEmulator, connection: Connection) -> None:
    await embedder(connection).embed(EmbedRequest(texts=("字" * 20_000, "word " * 20_000)))
    assert [call.status for call in emulator.embeddings] == [200]


async def test_a_parameter_that_is_refused_is_dropped_for_good(
    emulator: OpenAIEmulator, connection: Connection
) -> None:
    refusal = {
        "message": "Unknown parameter: 'encoding_format'.",
        "param": "encoding_format",
        "code": "unknown_parameter",
    }
    emulator.fail(
        "embeddings", Status(status=400, body=json.dumps({"error": {**refusal, "type": "invalid_request_error"}}))
    )
    asked = embedder(connection)
    for _ in range(2):
        batch = await asked.embed(EmbedRequest(texts=("a car",)))
        assert len(batch.vectors[0]) == 256
    assert [call.encoding_format for call in emulator.embeddings if call.status == 200] == ["float", "float"]
    assert len(emulator.embeddings) == 3


@pytest.mark.parametrize("fault", [Status(status=500), Status(status=429), Cut(), TruncatedJson()])
async def test_what_passes_is_tried_again(emulator: OpenAIEmulator, connection: Connection, fault: object) -> None:
    emulator.fail("embeddings", fault)  # type: ignore[arg-type]
    await embedder(connection).embed(EmbedRequest(texts=("a car",)))
    assert len(emulator.embeddings) == 2


async def test_what_does_not_pass_is_an_error_of_this_role(emulator: OpenAIEmulator, connection: Connection) -> None:
    emulator.fail("embeddings", Status(status=401), always=True)
    with pytest.raises(ProviderError) as caught:
        await embedder(connection).embed(EmbedRequest(texts=("a car",)))
    assert "embeddings" in caught.value.public
