"""What comes back for a question, and what is kept of its answer."""

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from bot.domain.ask import Ask
from bot.domain.conversation import ClipRef, ConversationKey, Turn
from bot.domain.errors import MemoryFault, ProviderError
from bot.domain.money import Account, paying
from bot.domain.recollection import Recollection, Summary, Vector
from bot.domain.role import Role
from bot.memory.store import Memory
from bot.pipeline.crew import Crew
from bot.pipeline.run import Run
from bot.pipeline.summing import summarise
from bot.providers.base import EmbedRequest
from bot.services.steps import Unwatched
from bot.tasks import Tasks

log = logging.getLogger(__name__)

_LONGEST_EMBEDDING_SECONDS = 0.5
_EMBEDDED_AT_ONCE = 64
_KEPT_RECENT = 12
_SUMMARISED_AT_ONCE = 12


class Remembrance:
    """For one crew. `recent` is how long the last turns of a place are what a question goes on from.

    What no answer waits for (vectors, summaries) is done in the background; `finish` gives it its time.
    """

    def __init__(self, crew: Crew, memory: Memory, *, recent: timedelta, summarises: bool) -> None:
        self._crew = crew
        self._memory = memory
        self._recent = recent
        self._summarises = summarises
        self._tasks = Tasks()
        self._summing_up = asyncio.Lock()
        self._embedding = asyncio.Lock()

    async def finish(self, seconds: float) -> None:
        """Wait so long for what goes on in the background, then end it."""
        await self._tasks.finish(seconds)

    async def may_keep(self, people: Collection[int]) -> bool:
        """Whether nobody of them wants nothing to be kept."""
        return not await self._memory.opted_out(*people)

    async def recollect(self, ask: Ask, question: str, clips: Sequence[str]) -> Recollection:
        """What is remembered that bears on a question about these clips (digests); by meaning, too, where a model
        tells it in time. A reply goes on from its own chain, whatever was said beside it."""
        now = datetime.now(UTC)
        found = await self._memory.recall(
            ask.scope,
            question,
            follows=ask.follows,
            clips=clips,
            since=now if ask.is_reply else now - self._recent,
            vector=await self._vector(question),
        )
        if found.older:
            self._tasks.spawn(self._mark_used([turn.job_id for turn in found.older]), name="marking what came back")
        return found

    async def clips_in_play(self, key: ConversationKey, *, seconds: float) -> tuple[ClipRef, ...]:
        """Those of the last turn of a place that was about any, not longer ago than `seconds`; only what was posted
        there."""
        found = await self._memory.latest_clips(key, since=datetime.now(UTC) - timedelta(seconds=seconds))
        return tuple(clip for clip in found if clip.source.channel_id == key.channel_id)

    async def keep(self, turn: Turn) -> None:
        """Kept when it returns; found by meaning, and summed up with its like, a little later."""
        await self._memory.keep_turn(turn)
        self._tasks.spawn(self._settle(turn.key), name="remembering")

    async def _vector(self, question: str) -> Vector | None:
        embedder = self._crew.embedder
        if embedder is None or not question.strip():
            return None
        try:
            async with asyncio.timeout(_LONGEST_EMBEDDING_SECONDS), self._crew.gates[Role.EMBEDDINGS]:
                batch = await embedder.embed(EmbedRequest(texts=(question,)))
        except (ProviderError, TimeoutError) as error:
            log.info("a question was recalled by its words only: %s", type(error).__name__)
            return None
        return Vector(model=embedder.model, values=batch.vectors[0])

    async def _mark_used(self, jobs: Sequence[str]) -> None:
        try:
            await self._memory.mark_used(jobs)
        except MemoryFault as fault:
            log.warning("what came back was not marked: %s", fault.code)

    async def _settle(self, key: ConversationKey) -> None:
        try:
            with paying(Account(server_id=key.server_id)):
                await self._embed()
                await self._sum_up(key)
        except (ProviderError, MemoryFault) as error:
            log.warning("remembering was put off: %s", error.code)

    async def _embed(self) -> None:
        """Vectors for whatever has none yet."""
        embedder = self._crew.embedder
        if embedder is None:
            return
        async with self._embedding:
            while texts := await self._memory.unembedded(embedder.model, _EMBEDDED_AT_ONCE):
                async with self._crew.gates[Role.EMBEDDINGS]:
                    batch = await embedder.embed(EmbedRequest(texts=tuple(text for _, text in texts)))
                await self._memory.keep_vectors(embedder.model, texts, batch.vectors)

    async def _sum_up(self, key: ConversationKey) -> None:
        """The oldest turns of a place that are no longer recent, when there are enough of them."""
        if not self._summarises:
            return
        async with self._summing_up:  # who waits here looks for turns afterwards, so none is overlooked
            while turns := await self._memory.to_summarise(key, keep_recent=_KEPT_RECENT, batch=_SUMMARISED_AT_ONCE):
                text = await summarise(Run(Unwatched()), self._crew, turns)
                if not text:
                    return
                summary = Summary(key=key, from_at=turns[0].asked_at, through_at=turns[-1].asked_at, text=text)
                if not await self._memory.keep_summary(summary, turns):
                    return
