"""Forgetting for somebody: out of the memory, out of the cache, and off the disk before it is called done."""

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Protocol

from bot.domain.clock import utc_now
from bot.domain.conversation import ConversationKey, MessageRef
from bot.domain.errors import BotError
from bot.domain.recollection import Fact, Forgotten, Scope
from bot.domain.sentence import sentence
from bot.hooks.caller import Hooks
from bot.hooks.specs import Specs
from bot.hooks.values import Forgetting
from bot.memory.consents import MEMORY
from bot.memory.store import Memory
from bot.services.fact_text import fact_text

_log = logging.getLogger(__name__)

MOST_FACTS = 50
"""Of one person in one place."""


class CachedClips(Protocol):
    """Files of clips that are kept for a second look, by their digests."""

    async def drop(self, digests: Collection[str]) -> None:
        """Deletes what is there of these clips."""
        ...

    async def sweep(self) -> None:
        """Deletes what is too old or too much."""
        ...


class ForgetService:
    """What it returns from is off the disk, except for messages: many can be deleted at once, and their words leave
    the disk a moment later. Plugins on the `hooks` are told. `keep_days` is the operator's; after `fade_days` goes what
    a summary tells as well. Raises MemoryFault."""

    def __init__(
        self,
        memory: Memory,
        cache: CachedClips | None = None,
        *,
        keep_days: int,
        fade_days: int = 14,
        hooks: Hooks | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self._memory = memory
        self._cache = cache
        self._keeps = timedelta(days=keep_days)
        self._fades = timedelta(days=fade_days)
        self._hooks = hooks
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()
        self._next_wipe: asyncio.Task[None] | None = None
        self._wipes: set[asyncio.Task[None]] = set()

    async def person(self, person_id: int) -> Forgotten:
        """Everything of one person, everywhere; their choices stay, except that they agreed to be heard."""
        await self._tell(Forgetting(person_id=person_id))
        return await self._thoroughly(await self._memory.forget_person(person_id))

    async def place(self, key: ConversationKey, *, is_gone: bool = False) -> Forgotten:
        """A channel, thread or direct message; with `is_gone` what was set there goes, too."""
        await self._tell(Forgetting(key=key))
        return await self._thoroughly(await self._memory.forget_place(key, is_gone=is_gone))

    async def server(self, server_id: int, *, channels: Collection[int] = ()) -> Forgotten:
        """Everything of a server; `channels` are those that Discord tells of."""
        await self._tell(Forgetting(server_id=server_id))
        return await self._thoroughly(await self._memory.forget_server(server_id, channels=channels))

    async def clip(self, sha256: str, key: ConversationKey) -> Forgotten:
        """A clip as it is known in the server of this place, or in this direct message."""
        return await self._thoroughly(await self._memory.forget_clip(sha256, key))

    async def turn(self, job_id: str) -> Forgotten:
        """One exchange."""
        return await self._thoroughly(await self._memory.forget_turn(job_id))

    async def asked(self, person_id: int, key: ConversationKey) -> Forgotten:
        """What a person asked in one place."""
        return await self._thoroughly(await self._memory.forget_asked(person_id, key))

    async def fact(self, fact_id: int) -> bool:
        """False: it is gone already."""
        gone = await self._thoroughly(await self._memory.drop_fact(fact_id))
        return gone.facts > 0

    async def message(self, message: MessageRef) -> Forgotten:
        """A message that was deleted."""
        return await self.messages([message])

    async def messages(self, messages: Collection[MessageRef]) -> Forgotten:
        """Messages that were deleted at once."""
        gone = await self._memory.forget_messages(messages)
        if not gone.is_nothing:
            await self._drop_files(gone)
            self._wipe_soon()
        return gone

    async def edited(self, message: MessageRef, text: str) -> bool:
        """A message that asked says something else now. False: nothing is known of it, or it says the same."""
        is_other = await self._memory.edit_question(message, text)
        if is_other:
            self._wipe_soon()
        return is_other

    async def opt_out(self, person_id: int) -> Forgotten:
        """Nothing of them is kept from now on, and what was kept is forgotten."""
        await self._memory.choose(person_id, MEMORY, is_given=False)
        return await self.person(person_id)

    async def opt_in(self, person_id: int) -> None:
        """What is asked from now on is kept again."""
        await self._memory.choose(person_id, MEMORY, is_given=True)

    async def remember(self, scope: Scope, author_id: int, text: str) -> Fact:
        """Pin a fact to a place. Raises BotError where it may not be kept."""
        fact = Fact(key=scope.key, author_id=author_id, said_at=self._clock(), text=fact_text(text))
        if await self._memory.opted_out(author_id):
            raise BotError("opted_out", "You asked me to remember nothing of you. Use /optin first if you want me to.")
        if await self._memory.facts_of(author_id, scope.key) >= MOST_FACTS:
            raise BotError(
                "too_many_facts",
                sentence(
                    "You pinned {n} facts here, which is the most there may be. Take one back first.", n=MOST_FACTS
                ),
            )
        return await self._memory.keep_fact(fact)

    async def upkeep(self) -> Forgotten:
        """Once a day: what is too old goes; copies of the database go when they are as old, not before."""
        now = self._clock()
        oldest = now - self._keeps
        gone = await self._memory.prune(turns_before=oldest, clips_before=oldest)
        await self._memory.fade(before=now - self._fades)
        await self._memory.index_missing()
        await self._drop_files(gone)
        if self._cache is not None:
            await self._cache.sweep()
        async with self._one_at_a_time:
            await self._memory.wipe(copies=False)
        return gone

    async def aclose(self) -> None:
        """Wait until the words of deleted messages are off the disk."""
        await asyncio.gather(*self._wipes, return_exceptions=True)

    async def _thoroughly(self, gone: Forgotten) -> Forgotten:
        await self._drop_files(gone)
        await asyncio.shield(self._wipe_soon())
        return gone

    async def _drop_files(self, gone: Forgotten) -> None:
        """Out of the cache and out of the plugins."""
        if self._cache is not None and gone.clips:
            await self._cache.drop(gone.clips)
        if gone.jobs or gone.clips:
            await self._tell(Forgetting(job_ids=gone.jobs, clips=gone.clips))

    async def _tell(self, forgetting: Forgetting) -> None:
        """Plugins, which hold things of their own. Before the memory forgets, where that is possible: what they wrote
        down until then goes with it."""
        if self._hooks is not None:
            await self._hooks.gather(Specs.on_forget, forgetting)

    def _wipe_soon(self) -> asyncio.Task[None]:
        """The next wipe to begin, for all who ask before it does."""
        if self._next_wipe is None:
            self._next_wipe = asyncio.create_task(self._wipe(), name="wipe")
            self._wipes.add(self._next_wipe)
            self._next_wipe.add_done_callback(self._wiped)
        return self._next_wipe

    async def _wipe(self) -> None:
        async with self._one_at_a_time:
            self._next_wipe = None
            await self._memory.wipe()

    def _wiped(self, wipe: "asyncio.Task[None]") -> None:
        self._wipes.discard(wipe)
        if not wipe.cancelled() and wipe.exception() is not None:
            _log.warning("forgotten words may still be on the disk", exc_info=wipe.exception())
