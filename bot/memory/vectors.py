"""Rows of vectors: passages by their meaning, as an embedding model puts it."""

from collections.abc import Collection, Sequence

import numpy as np
from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.database.tables import PassageRow, SummaryRow, TurnRow, VectorRow
from bot.domain.recollection import Vector
from bot.memory.passages import Hit, hits

_LOOKED_THROUGH = 2_000
_MOST = 200
_LEAST_LIKENESS = 0.35
"""Cosine; unrelated texts lie below in the models in use."""


async def nearest(session: AsyncSession, vector: Vector, places: Collection[str]) -> list[Hit]:
    """Passages of these places whose meaning is like it, the most alike first; of many the newest are compared."""
    if not places:
        return []
    newest = (
        select(PassageRow.passage_id)
        .where(PassageRow.place.in_(sorted(places)))
        .order_by(PassageRow.passage_id.desc())
        .limit(_LOOKED_THROUGH)
        .cte("newest")
    )
    compared = await session.execute(
        select(VectorRow.passage_id, VectorRow.value)
        .join(newest, newest.c.passage_id == VectorRow.passage_id)
        .where(VectorRow.model == vector.model)
    )
    wanted = np.asarray(vector.values, dtype=np.float32)
    held = [(passage_id, value) for passage_id, value in compared if len(value) == 2 * len(wanted)]
    if not held:
        return []
    matrix = np.frombuffer(b"".join(value for _, value in held), dtype="<f2").reshape(len(held), -1)
    likeness = np.einsum("ij,j->i", matrix.astype(np.float32), wanted)  # one thread; waking others takes longer
    alike = {
        held[int(at)][0]: float(likeness[at])
        for at in np.argsort(-likeness, kind="stable")[:_MOST]
        if likeness[at] >= _LEAST_LIKENESS
    }
    return sorted(await hits(session, alike), key=lambda hit: (-alike[hit.passage_id], -hit.passage_id))


async def missing(session: AsyncSession, model: str, limit: int) -> tuple[tuple[int, str], ...]:
    """Passages that this model has not seen, the newest first, with their text."""
    has_one = exists().where(VectorRow.passage_id == PassageRow.passage_id, VectorRow.model == model)
    wanted = (
        select(PassageRow.passage_id)
        .where(~has_one, PassageRow.words != "")
        .order_by(PassageRow.passage_id.desc())
        .limit(limit)
    )
    return tuple((await _texts(session, (await session.scalars(wanted)).all())).items())


async def keep(
    session: AsyncSession, model: str, texts: Sequence[tuple[int, str]], vectors: Sequence[Sequence[float]]
) -> None:
    """Those whose passage is still there and says the same: a number can be given anew, and words can be taken out."""
    there = await _texts(session, [passage_id for passage_id, _ in texts])
    for (passage_id, text), vector in zip(texts, vectors, strict=True):
        if there.get(passage_id) == text:
            value = np.asarray(vector, dtype="<f2").tobytes()
            await session.merge(VectorRow(passage_id=passage_id, model=model, value=value))


async def _texts(session: AsyncSession, passage_ids: Sequence[int]) -> dict[int, str]:
    """By passage, the newest first."""
    rows = await session.execute(
        select(PassageRow.passage_id, PassageRow.shown, TurnRow.question, TurnRow.answer, SummaryRow.text)
        .outerjoin(TurnRow, TurnRow.job_id == PassageRow.job_id)
        .outerjoin(SummaryRow, SummaryRow.summary_id == PassageRow.summary_id)
        .where(PassageRow.passage_id.in_(passage_ids))
        .order_by(PassageRow.passage_id.desc())
    )
    return {passage_id: "\n".join(part for part in parts if part) for passage_id, *parts in rows}
