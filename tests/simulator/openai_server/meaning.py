"""POST /v1/embeddings: what the API checks, and an honest stand-in for meaning: texts that share words or synonyms are
near each other."""

import base64
import hashlib
import re
import struct
import unicodedata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.simulator.openai_server.catalog import Kind, ModelCard
from tests.simulator.openai_server.flavours import Flavour
from tests.simulator.openai_server.records import EmbeddingCall
from tests.simulator.openai_server.refusals import (
    Refusal,
    invalid_type,
    invalid_value,
    missing_parameter,
    model_not_found,
    unknown_parameter,
)

_FIELDS = frozenset(("input", "model", "encoding_format", "dimensions", "user"))
_FORMS = ("float", "base64")
_MOST_TEXTS = 2_048
_MOST_TOKENS = 8_192
_OWN_DIMENSIONS = 1_536
_CONCEPTS = (
    ("automobile", "car", "vehicle", "汽车", "车辆", "轿车"),
    ("dog", "hound", "puppy", "狗", "小狗"),
    ("laugh", "giggle", "laughed", "笑", "大笑"),
)
_CONCEPT_OF = {word: f"concept {number}" for number, words in enumerate(_CONCEPTS) for word in words}
_EMPTY_WORDS = frozenset(
    {
        "a",
        "an",
        "and",
        "are",
        "did",
        "do",
        "does",
        "in",
        "is",
        "it",
        "of",
        "on",
        "or",
        "that",
        "the",
        "this",
        "to",
        "was",
    }
    | {"were", "what", "when", "where", "who"}
)
_WORD = re.compile(r"[a-z0-9]+|[\u3400-\u9fff]+")


def read_embeddings(call: EmbeddingCall, flavour: Flavour, card: ModelCard | None) -> None:
    """Fills `call` from its body and raises Refusal where the API does."""
    body = call.body
    for name in ("model", "input"):
        if name not in body:
            raise missing_parameter(name)
    if card is None and not flavour.any_model:
        raise model_not_found(call.model)
    if card is not None and card.kind is not Kind.EMBEDDING and flavour.models is None:
        raise Refusal(403, f"You are not allowed to generate embeddings from this model: {call.model}", param="model")
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise invalid_type("input", "a string or an array of strings", body["input"])
    if not texts or not all(texts) or len(texts) > _MOST_TEXTS:
        raise Refusal(400, "'$.input' is invalid.", param="input")
    call.texts = tuple(texts)
    call.tokens = sum(_tokens(text) for text in texts)
    if any(_tokens(text) > _MOST_TOKENS for text in texts):
        raise Refusal(
            400,
            f"This model's maximum context length is {_MOST_TOKENS} tokens, however you requested {call.tokens} tokens "
            "in your prompt. Please reduce your prompt.",
        )
    if any(name not in _FIELDS for name in body):
        raise unknown_parameter(next(name for name in body if name not in _FIELDS))
    call.encoding_format = body.get("encoding_format", "float")
    if call.encoding_format not in _FORMS:
        raise invalid_value("encoding_format", call.encoding_format, _FORMS)
    call.dimensions = _dimensions(body.get("dimensions"), call.model)


def answer(call: EmbeddingCall) -> dict[str, Any]:
    """The reply: one vector per text."""
    data = [
        {"object": "embedding", "index": index, "embedding": _shape(embed(text, call.dimensions), call.encoding_format)}
        for index, text in enumerate(call.texts)
    ]
    usage = {"prompt_tokens": call.tokens, "total_tokens": call.tokens}
    return {"object": "list", "data": data, "model": call.model, "usage": usage}


def embed(text: str, dimensions: int) -> NDArray[np.float32]:
    """A direction for each word or what it stands for, by a digest of it; their sum, of unit length."""
    total = np.zeros(dimensions)
    for concept in _concepts(text) or ["nothing"]:
        seed = int.from_bytes(hashlib.sha256(concept.encode()).digest()[:8], "big")
        total += np.random.default_rng(seed).standard_normal(dimensions)
    return (total / np.linalg.norm(total)).astype(np.float32)


def _concepts(text: str) -> list[str]:
    found: list[str] = []
    for run in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if run.isascii():
            found += [] if run in _EMPTY_WORDS else [_CONCEPT_OF.get(run, run)]
            continue
        known = [word for word in _CONCEPT_OF if not word.isascii() and word in run]
        found += [_CONCEPT_OF[word] for word in known] or [run[at : at + 2] for at in range(max(1, len(run) - 1))]
    return found


def _shape(vector: NDArray[np.float32], form: str) -> list[float] | str:
    if form == "float":
        return [float(value) for value in vector]
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector.tolist())).decode()


def _dimensions(wanted: object, model: str) -> int:
    if wanted is None:
        return _OWN_DIMENSIONS
    if isinstance(wanted, bool) or not isinstance(wanted, int):
        raise invalid_type("dimensions", "an integer", wanted)
    if not model.startswith("text-embedding-3-"):
        raise Refusal(400, "This model does not support specifying dimensions.", param="dimensions")
    if not 1 <= wanted <= _OWN_DIMENSIONS:
        raise Refusal(400, "Invalid value for 'dimensions'.", param="dimensions")
    return wanted


def _tokens(text: str) -> int:
    """Four ASCII characters, or one of another script, count as one token."""
    ascii_count = sum(character.isascii() for character in text)
    return -(-ascii_count // 4) + len(text) - ascii_count
