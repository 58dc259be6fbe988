"""What a voice session shows in the chat of its channel: text twins, captions, failures, and that it has ended."""

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import discord

from bot.discord_io.buttons import answer_view
from bot.discord_io.channel_place import ChannelPlace
from bot.discord_io.delivery import deliver
from bot.discord_io.safe_text import plain, visible
from bot.discord_io.surface import Surface
from bot.discord_io.voice_captions import Captions
from bot.discord_io.voice_channel import VocalChannel
from bot.discord_io.voice_twin import twin_text
from bot.domain.errors import BotError, DeliveryError, MemoryFault
from bot.domain.media import MediaKind
from bot.domain.voice_session import LeaveReason, SpokenLine, SpokenTurn
from bot.locales import Catalogue
from bot.memory.store import Memory
from bot.pipeline.run import new_job_id

log = logging.getLogger(__name__)

_MOST_WAITING = 50  # posts; more of them means that Discord takes nothing
_SAME_FAILURE_SECONDS = 30.0
_LONGEST_NAME = 80

Spawn = Callable[[Coroutine[Any, Any, None]], object]


class ChannelFollower:
    """Of one session. Posts are made one after the other, in the order they were told; `on_end` is called last."""

    def __init__(
        self,
        channel: VocalChannel,
        *,
        client: discord.Client,
        memory: Memory,
        words: Catalogue,
        spawn: Spawn,
        on_end: Callable[[LeaveReason, BotError | None], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._client = client
        self._memory = memory
        self._words = words
        self._spawn = spawn
        self._on_end = on_end
        self._clock = clock
        self._waiting = deque[Callable[[], Awaitable[None]]]()
        self._is_posting = False
        self._failures: dict[str, float] = {}
        self._last_failure: BotError | None = None
        self.captions = Captions(lambda: self.surface(new_job_id()), spawn, clock=clock)

    def surface(self, job_id: str) -> Surface:
        """A further message in the chat of the channel."""
        place = ChannelPlace(self._channel, client=self._client, job_id=job_id, clock=self._clock, began=self._clock())
        return Surface(place, job_id=job_id, words=self._words)

    def move_to(self, channel: VocalChannel) -> None:
        """A moderator took the bot to another channel: what comes next is shown there."""
        self._channel = channel
        self.captions.close_stretch()

    def name_of(self, person_id: int) -> str:
        """What somebody is called in this server."""
        member = self._channel.guild.get_member(person_id)
        if member is None:
            return self._words("Somebody")
        return " ".join(visible(member.display_name).split())[:_LONGEST_NAME] or self._words("Somebody")

    def said(self, turn: SpokenTurn) -> None:
        self._post(lambda: self._twin(turn))

    def caption(self, line: SpokenLine) -> None:
        if line.person_id is not None:  # our own words stand in the text twin
            self.captions.show(line)

    def failed(self, error: BotError) -> None:
        now = self._clock()
        self._last_failure = error
        if now - self._failures.get(error.code, -_SAME_FAILURE_SECONDS) < _SAME_FAILURE_SECONDS:
            return
        self._failures[error.code] = now
        self._post(lambda: self._failure(error))

    def ended(self, reason: LeaveReason) -> None:
        self._on_end(reason, self._last_failure if reason is LeaveReason.FAILED else None)

    def _post(self, work: Callable[[], Awaitable[None]]) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            log.warning("a channel takes no messages; one was left out")
            return
        self._waiting.append(work)
        if not self._is_posting:
            self._is_posting = True
            self._spawn(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                work = self._waiting.popleft()
                try:
                    await work()
                except (DeliveryError, MemoryFault) as error:
                    log.warning("something was not shown in a voice channel's chat: %s", error.code)
        finally:
            self._is_posting = False

    async def _twin(self, turn: SpokenTurn) -> None:
        text = twin_text(turn, self._words, self.name_of)
        if not text:
            return
        self.captions.close_stretch()
        surface, view = self.surface(turn.job_id), await self._buttons(turn.job_id)
        refs = await deliver(text, surface=surface, words=self._words, notices=turn.notices, view=view)
        for ref in refs:
            await self._memory.add_reply(turn.job_id, ref)

    async def _buttons(self, job_id: str) -> discord.ui.View | None:
        """What can be done with an answer; nothing with one that was not kept."""
        kept = await self._memory.turn(job_id)
        if kept is None:
            return None
        facts = [await self._memory.facts(clip.sha256) for clip in kept.clips]
        has_picture = any(probe is not None and probe.kind is not MediaKind.AUDIO for probe in facts)
        return answer_view(job_id, self._words, has_clip=bool(kept.clips), has_picture=has_picture, may_speak=False)

    async def _failure(self, error: BotError) -> None:
        self.captions.close_stretch()
        await self.surface(new_job_id()).show(f"⚠️ {plain(self._words.of(error.public))}")
