"""What of one job's messages was sent, noted before and after: a job that is gone on with says nothing twice."""

from collections.abc import Mapping

from bot.domain.conversation import MessageRef
from bot.jobs.intake import Intake

VOICE = "v"
"""The part that is the voice message; the others are numbers, 0 being the message that tells of progress."""


class Outbox:
    """`posts` are those of an earlier process, None where it is not known whether they were sent. Methods raise
    MemoryFault."""

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
        await self._intake.posting(self._job_id, part)

    async def done(self, part: str, ref: MessageRef) -> None:
        """It was sent."""
        self._posts[part] = ref
        await self._intake.posted(self._job_id, part, ref)
