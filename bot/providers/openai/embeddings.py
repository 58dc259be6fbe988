"""The meaning of texts as vectors, from an embedding model."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from bot.domain.answer import Usage
from bot.providers.base import EmbedBatch, EmbedRequest
from bot.providers.openai.billing import usage_of_tokens
from bot.providers.openai.capabilities import Capabilities, Learner, drop_parameter, guess
from bot.providers.openai.connection import Connection
from bot.providers.openai.errors import from_event, malformed, wrong_address
from bot.providers.openai.untyped import mapping, number, sequence
from bot.providers.prices import Quantity
from bot.providers.retry import Retry
from bot.providers.till import most_tokens

_PATH = "/embeddings"
_MOST_TEXTS = 64
_LONGEST_CHARACTERS = 6_000  # below 8,192 tokens in every script
_DIMENSIONS = 256
_SHORTENS = re.compile(r"(?:^|/)text-embedding-3-")


class OpenAIEmbedder:
    """An Embedder over POST /v1/embeddings. Models that can are asked for 256 dimensions, as bytes; servers that
    refuse to say it in this way are asked without. Overlong texts are cut."""

    def __init__(self, connection: Connection, *, model: str, retry: Retry | None = None) -> None:
        self._connection = connection
        self._endpoint = connection.endpoint
        self._name = model
        self._dimensions = _DIMENSIONS if _SHORTENS.search(model) else None
        self._retry = retry or Retry()
        self._learner = Learner(guess(connection.endpoint, model))

    @property
    def model(self) -> str:
        """With what shapes its vectors, so that those of other settings are not compared with them."""
        return f"{self._endpoint.host}/{self._name}@{self._dimensions or 'own'}"

    async def embed(self, request: EmbedRequest) -> EmbedBatch:
        """Of many texts one request after the other."""
        vectors: list[tuple[float, ...]] = []
        usages: list[Usage] = []
        for texts in _parts(request.texts):
            fields = await self._ask(texts)
            vectors += self._vectors(fields, len(texts))
            usages.append(self._usage(fields))
        return EmbedBatch(vectors=tuple(vectors), usages=tuple(usages))

    async def _ask(self, texts: Sequence[str]) -> Mapping[str, object]:
        async def attempt(capabilities: Capabilities) -> Mapping[str, object]:
            most = Quantity(input_tokens=most_tokens(*(text[:_LONGEST_CHARACTERS] for text in texts)))
            async with self._connection.paying(self._name, most) as bill:
                fields = await self._connection.post(_PATH, self._body(texts, capabilities))
                if fields.get("error"):
                    raise from_event(fields["error"], self._endpoint)
                if "data" not in fields:
                    raise wrong_address(self._endpoint)
                bill.settle(self._usage(fields))
            return fields

        return await self._retry.call(lambda: self._learner.call(attempt, drop_parameter))

    def _usage(self, fields: Mapping[str, object]) -> Usage:
        return usage_of_tokens(self._endpoint, self._name, fields.get("usage"))

    def _body(self, texts: Sequence[str], capabilities: Capabilities) -> dict[str, object]:
        body: dict[str, object] = {"model": self._name, "input": [text[:_LONGEST_CHARACTERS] for text in texts]}
        wishes: dict[str, object] = {"encoding_format": "base64", "dimensions": self._dimensions}
        return body | {name: wish for name, wish in wishes.items() if wish and capabilities.accepts(name)}

    def _vectors(self, fields: Mapping[str, object], expected: int) -> list[tuple[float, ...]]:
        """In the order of the texts, whatever the order of the reply; unit length."""
        by_index: dict[int, tuple[float, ...]] = {}
        for position, item in enumerate(map(mapping, sequence(fields.get("data")))):
            at = number(item.get("index"))
            by_index[position if at is None else int(at)] = self._unit(item.get("embedding"))
        if set(by_index) != set(range(expected)) or len({len(vector) for vector in by_index.values()}) != 1:
            raise malformed(self._endpoint)
        return [by_index[at] for at in range(expected)]

    def _unit(self, embedding: object) -> tuple[float, ...]:
        vector = self._floats(embedding)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise malformed(self._endpoint)
        return tuple((vector / length).tolist())

    def _floats(self, embedding: object) -> NDArray[np.float64]:
        if not isinstance(embedding, str):
            found = [number(value) for value in sequence(embedding)]
            if not found or None in found:
                raise malformed(self._endpoint)
            return np.asarray(found, dtype=np.float64)
        try:
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4").astype(np.float64)
        except (binascii.Error, ValueError) as error:
            raise malformed(self._endpoint) from error


def _parts(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (texts[at : at + _MOST_TEXTS] for at in range(0, len(texts), _MOST_TEXTS))
