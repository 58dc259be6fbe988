"""Passages by their meaning: of one model only, in their places only, fused with what words find."""

import numpy as np

from bot.domain.conversation import ConversationKey
from bot.domain.recollection import Scope, Vector
from bot.memory.store import Memory

from ..database.material import DIRECT, HERE, NOON, message, minutes, turn

MODEL = "m@4"


def unit(*values: float) -> tuple[float, ...]:
    vector = np.array(values)
    return tuple((vector / np.linalg.norm(vector)).tolist())


async def embed(memory: Memory, by_text: dict[str, tuple[float, ...]], model: str = MODEL) -> None:
    """Every passage that has none yet, by a word in it."""
    missing = await memory.unembedded(model, 100)
    values = [next(vector for word, vector in by_text.items() if word in text) for _, text in missing]
    await memory.keep_vectors(model, missing, values)


async def found(
    memory: Memory, vector: Vector | None, question: str = "nothing alike", key: ConversationKey = HERE
) -> list[str]:
    back = await memory.recall(
        Scope(key=key), question, follows=None, clips=[], since=NOON + minutes(999), vector=vector
    )
    return [one.question for one in back.older]


async def test_what_means_the_like_is_found_without_a_common_word(memory: Memory) -> None:
    await memory.keep_turn(turn(1, question="the car", answer="red"))
    await memory.keep_turn(turn(2, question="the rain", answer="wet"))
    await memory.keep_turn(turn(3, DIRECT, question="another car", answer="blue"))
    assert [text for _, text in await memory.unembedded(MODEL, 2)] == ["another car\nblue", "the rain\nwet"]
    await embed(memory, {"car": unit(1, 0, 0, 0), "rain": unit(0, 1, 0, 0)})
    assert await memory.unembedded(MODEL, 10) == ()
    near = Vector(model=MODEL, values=unit(0.9, 0.1, 0, 0))
    assert await found(memory, near) == ["the car"]
    assert await found(memory, near, key=DIRECT) == ["another car"]
    assert await found(memory, None) == []
    assert await found(memory, Vector(model=MODEL, values=unit(0, 0, 1, 0))) == []


async def test_vectors_of_another_model_are_not_compared(memory: Memory) -> None:
    await memory.keep_turn(turn(1, question="the car", answer="red"))
    await embed(memory, {"car": unit(1, 0, 0, 0)})
    assert await found(memory, Vector(model="other@4", values=unit(1, 0, 0, 0))) == []
    assert await found(memory, Vector(model=MODEL, values=unit(1, 0))) == []
    assert len(await memory.unembedded("other@4", 10)) == 1


async def test_words_and_meaning_are_fused(memory: Memory) -> None:
    for number, question in enumerate(["zeppelin", "zeppelin again", "an airship", "rain"]):
        await memory.keep_turn(turn(number, question=question, answer="x"))
    await embed(memory, {"again": unit(1, 0, 0, 0), "airship": unit(0.9, 0.1, 0, 0), "": unit(0, 0, 1, 0)})
    wanted = Vector(model=MODEL, values=unit(1, 0, 0, 0))
    hits = await memory.search(Scope(key=HERE), "zeppelin", vector=wanted)
    assert [hit.turn.question for hit in hits if hit.turn] == ["zeppelin again", "an airship", "zeppelin"]


async def test_a_vector_of_what_is_gone_is_not_kept(memory: Memory) -> None:
    await memory.keep_turn(turn(1))
    texts = await memory.unembedded(MODEL, 10)
    await memory.forget_turn(turn(1).job_id)
    await memory.keep_vectors(MODEL, texts, [unit(1, 0, 0, 0)])
    assert await memory.unembedded(MODEL, 10) == ()


async def test_a_vector_of_what_says_something_else_now_is_not_kept(memory: Memory) -> None:
    """The number of what is gone can be given anew."""
    await memory.keep_turn(turn(1, source=message(1)))
    texts = await memory.unembedded(MODEL, 10)
    await memory.edit_question(message(1), "something else")
    await memory.keep_vectors(MODEL, texts, [unit(1, 0, 0, 0)])
    assert await found(memory, Vector(model=MODEL, values=unit(1, 0, 0, 0))) == []
    assert [text.split("\n")[0] for _, text in await memory.unembedded(MODEL, 10)] == ["something else"]


async def test_what_has_no_words_left_is_not_embedded(memory: Memory) -> None:
    await memory.keep_turn(turn(1, question="👀", answer="!"))
    assert await memory.unembedded(MODEL, 10) == ()
