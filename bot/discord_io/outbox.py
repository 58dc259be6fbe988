"""What of one job's messages was sent, noted before and after: a job that is gone on with says nothing twice."""

import logging
from collections.abc import Awaitable, Mapping

from bot.domain.conversation import MessageRef
from bot.domain.errors import MemoryFault
from bot.jobs.intake import Intake

_log = logging.getLogger(__name__)

VOICE = "v"
"""The part that is the voice message; the others are numbers, 0 being the message that tells of progress."""


class Outbox:
    """`posts` are those of an earlier process, None where it is not known whether they were sent. What cannot be noted
    is sent all the same."""

    def __init__(self, intake: Intake, job_id: str, posts: Mapping[str, MessageRef | None] | None = None) -> None:
        self._intake = intake
        self._job_id = job_id
        self._posts = dict(posts or {})

    def sent(self, part: str) -> MessageRef | None:
        """The message that was sent already."""
        return self._posts.get(part)

    def may_be_sent(self, part: str) -> bool:
        """Whether it was about to be sent when the earlier process ended."""
        return part in self._posts and self._posts[part] is None

    async def begin(self, part: str) -> None:
        """It is about to be sent."""
        await self._noted(self._intake.posting(self._job_id, part))

    async def done(self, part: str, ref: MessageRef) -> None:
        """It was sent."""
        self._posts[part] = ref
        await self._noted(self._intake.posted(self._job_id, part, ref))

    async def _noted(self, noting: Awaitable[None]) -> None:
        try:
            await noting
        except MemoryFault as fault:
            _log.warning("job %s: what is sent is not noted: %s", self._job_id, fault.code)
