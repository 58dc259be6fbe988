"""What becomes of a spoken answer once it was heard: it is kept, then told."""

import asyncio
import logging

from bot.domain.errors import MemoryFault
from bot.domain.voice_session import Speculation, SpokenTurn, TurnTimings, VoiceFollower
from bot.services.voice.draft import Draft
from bot.services.voice.means import Remembers
from bot.tasks import Tasks
from bot.voice.heard_words import interrupted

log = logging.getLogger(__name__)

_LONGEST_KEEPING_SECONDS = 5.0


class Afterwards:
    """Of one conversation."""

    def __init__(self, remembrance: Remembers, follower: VoiceFollower) -> None:
        self._remembrance = remembrance
        self._follower = follower
        self._tasks = Tasks()
        self._pending: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> tuple[asyncio.Task[None], ...]:
        """What is still being kept: the next answer goes on from it."""
        return tuple(self._pending)

    def keep(
        self,
        draft: Draft,
        *,
        answer: str,
        heard: str,
        timings: TurnTimings,
        speculation: Speculation,
        interrupted_by: int | None,
        breaker: str | None,
    ) -> None:
        """`answer` is remembered; `breaker` is what somebody is called who broke it off, None: nobody did."""
        kept = answer if breaker is None else interrupted(answer, breaker)
        turn = SpokenTurn(
            job_id=draft.run.job_id,
            asker_ids=tuple(dict.fromkeys(part.person_id for part in draft.parts)),
            question=draft.question,
            answer=heard,
            written=draft.written.strip(),
            is_broken=breaker is not None,
            interrupted_by=interrupted_by,
            notices=tuple(draft.run.notices),
            usages=tuple(draft.run.usages),
            timings=timings,
            speculation=speculation,
        )
        task = self._tasks.spawn(self._keep(draft, kept, turn), name="keeping a spoken answer")
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def finish(self) -> None:
        """Wait until everything is kept and told."""
        await self._tasks.finish(_LONGEST_KEEPING_SECONDS)

    async def _keep(self, draft: Draft, answer: str, turn: SpokenTurn) -> None:
        try:
            async with asyncio.timeout(_LONGEST_KEEPING_SECONDS):
                if await self._remembrance.may_keep(draft.sources):
                    await self._remembrance.keep(draft.turn(answer))
                    await draft.keep_looks()
        except (MemoryFault, TimeoutError) as fault:
            log.warning("job %s: a spoken answer was not kept: %s", draft.run.job_id, type(fault).__name__)
        self._follower.said(turn)
