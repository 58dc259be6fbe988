"""Conversations by name, as the command line keeps them: clips are files of this machine, everything else is as in a
chat."""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from bot.domain.answer import Answer, Question
from bot.domain.ask import Ask
from bot.domain.conversation import ConversationKey, MediaSource, PlaceSettings
from bot.domain.errors import BotError, MediaError, MemoryFault
from bot.domain.events import RunListener
from bot.domain.recollection import Named
from bot.domain.timeline import Timeline
from bot.memory.store import Memory
from bot.pipeline.run import new_job_id
from bot.services.chat import ChatService
from bot.services.forget import ForgetService

_log = logging.getLogger(__name__)

_NOBODY = 0
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_LONGEST_NAME = 100


class LocalFiles:
    """A MediaFetcher of files that are here; the address of a source is its path."""

    async def fetch(self, source: MediaSource, folder: Path) -> Path:
        """The file where it lies. Raises MediaError when it is gone."""
        path = Path(source.url)
        if not await asyncio.to_thread(path.exists):
            raise MediaError("media_missing", "The file of that clip is not there any more. Name the clip again.")
        return path


class Conversations:
    """Each name is a place of its own. Raises MemoryFault, and what ChatService raises."""

    def __init__(self, chat: ChatService, memory: Memory, forget: ForgetService) -> None:
        self._chat = chat
        self._memory = memory
        self._forget = forget

    async def ask(
        self,
        name: str,
        clip: Path | None,
        question: str | None,
        listener: RunListener,
        *,
        speak: bool,
        most_usd: float | None = None,
    ) -> Answer:
        """Answer and keep it; without a clip the question is about those of the conversation. `most_usd`: see Ask."""
        key = key_of(name)
        before = await self._memory.recent(key, since=_BEGINNING, limit=1)
        ask = Ask(
            job_id=new_job_id(),
            key=key,
            asker_id=_NOBODY,
            asked_at=datetime.now(UTC),
            question=question,
            clips=() if clip is None else (_source(key, clip),),
            follows=before[-1].job_id if before else None,
            speak=speak,
            most_usd=most_usd,
        )
        await self._memory.name_place(key, name)  # before anything is kept that could only be forgotten by name
        done = await self._chat.serve(ask, PlaceSettings(), listener)
        timeline = Timeline.merge(done.timelines)
        return Answer(
            job_id=ask.job_id,
            text=done.text,
            question=Question(source=done.source, text=done.question),
            mode=done.mode,
            timeline=replace(timeline, notices=done.notices),
            notices=done.notices,
            usages=done.usages,
            timings_seconds=dict(done.timings_seconds),
            voice=done.voice,
        )

    async def upkeep(self, name: str) -> None:
        """After an answer in this conversation: what is older than it may be goes, which nobody else sees to where no
        bot runs. The name stands even where the conversation was forgotten meanwhile."""
        try:
            await self._memory.name_place(key_of(name), name)
            await self._forget.upkeep()
        except MemoryFault as fault:
            _log.warning("the upkeep was put off: %s", fault.code)

    async def names(self) -> Sequence[Named]:
        """The last used first."""
        return await self._memory.named_places()

    async def forget(self, name: str) -> None:
        """Everything of it. Raises BotError for a name that is not known."""
        key = key_of(name)
        if key not in {named.key for named in await self.names()}:
            raise BotError("no_conversation", "There is no conversation of that name. `conversations` lists them.")
        await self._forget.place(key, is_gone=True)


def key_of(name: str) -> ConversationKey:
    """Below zero, where no id of Discord's is. Raises BotError for a name that cannot be one."""
    if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise BotError(
            "conversation_name",
            "A conversation needs a name of 1 to 100 characters that can be printed. Choose another.",
        )
    return ConversationKey(server_id=None, channel_id=-_number(name))


def _source(key: ConversationKey, clip: Path) -> MediaSource:
    """A file that changes is another source. Raises MediaError for one that is not there."""
    path = clip.absolute()
    try:
        facts = path.stat()
    except OSError as error:
        raise MediaError("media_missing", "There is no such file. Check the path and try again.") from error
    return MediaSource(
        channel_id=key.channel_id,
        message_id=_NOBODY,
        attachment_id=-_number(f"{path}\0{facts.st_mtime_ns}\0{facts.st_size}"),
        url=str(path),
        size_bytes=facts.st_size,
    )


def _number(text: str) -> int:
    """From 1 to 2^62, the same each time."""
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") % 2**62 + 1
