"""One call: a line, the ears on it, and the conversation, from joining to leaving."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from bot.domain.conversation import ConversationKey, MediaSource
from bot.domain.errors import MemoryFault
from bot.domain.events import RunListener
from bot.domain.voice import FRAME_SECONDS, LineState, Listener, OpusFrame, VoiceLine
from bot.domain.voice_session import LeaveReason, SpokenLine, VoiceFollower, VoiceStatus
from bot.services.voice.conversation import Conversation
from bot.services.voice.means import Means, PostedClips
from bot.services.voice.place import Place
from bot.services.voice.presence import Presence
from bot.tasks import Tasks
from bot.voice.player import Player
from bot.voice.speech_events import SpeechEvent

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_MOST_BEHIND_SECONDS = 0.2


class HearsFrames(Protocol):
    """From packets to speech; see Ears."""

    @property
    def counters(self) -> Mapping[str, int]: ...

    def push(self, frames: Sequence[OpusFrame]) -> None: ...

    def tick(self, now: float) -> list[SpeechEvent]: ...

    @property
    def due(self) -> float | None: ...

    def end_turn(self, person_id: int) -> None: ...

    def leave(self, person_id: int) -> None: ...

    def close(self) -> None: ...


class VoiceSession:
    """A VoiceEar. `agreed` tells who of these people agreed to be heard; `left` is called when it is over. Everything
    but `may_hear` on the event loop."""

    def __init__(
        self,
        means: Means,
        line: VoiceLine,
        place: Place,
        *,
        ears: HearsFrames,
        follower: VoiceFollower,
        may_talk: Callable[[int], bool],
        agreed: Callable[..., Awaitable[frozenset[int]]],
        left: Callable[["VoiceSession"], None],
        clock: Callable[[], float],
        listener: RunListener | None = None,
    ) -> None:
        settings = means.settings
        self._means = means
        self._line = line
        self._ears = ears
        self._follower = follower
        self._agreed = agreed
        self._left = left
        self._clock = clock
        self._began_at = clock()
        self._presence = Presence(may_talk=may_talk, max_people=settings.max_people)
        self._player = Player(clock)
        self._conversation = Conversation(
            means,
            place,
            self._presence,
            player=self._player,
            wake=line.wake,
            clock=clock,
            follower=follower,
            end_turn=ears.end_turn,
            is_resting=lambda: line.state is LineState.RECONNECTING,
            listener=listener,
        )
        self._told: dict[int, int] = {}
        self._tellings = 0
        self._alone_since: float | None = self._began_at
        self._tasks = Tasks()
        self._work: list[asyncio.Task[None]] = []
        self._leaving: asyncio.Task[None] | None = None
        self._is_over = False

    def start(self) -> None:
        """Take the line over."""
        self._work = [
            asyncio.create_task(self._listen(), name="voice-ears"),
            asyncio.create_task(self._look(), name="voice-watch"),
        ]
        self._line.open(self, self._player)
        if self._line.state is LineState.GONE:
            self._leave(LeaveReason.REMOVED)

    # A VoiceEar.

    def may_hear(self, person_id: int) -> bool:
        """In any thread."""
        return person_id in self._presence.heard

    def hear(self, frames: Sequence[OpusFrame]) -> None:
        heard = self._presence.heard
        if not self._is_over and (wanted := [frame for frame in frames if frame.person_id in heard]):
            self._ears.push(wanted)

    def present(self, people: Sequence[Listener]) -> None:
        before = self._presence.present
        self._drop(self._presence.come(people))
        if not self._presence.is_alone:
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = self._clock()
        for person_id in before - self._presence.present:
            self._told.pop(person_id, None)
        if new := self._presence.present - before:
            self._tasks.spawn(self._ask_who_agreed(new, self._tellings), name="reading who may be heard")

    def line_changed(self, state: LineState) -> None:
        if state is LineState.GONE:
            self._leave(LeaveReason.REMOVED)

    # What people choose.

    def consent(self, person_id: int, *, is_given: bool) -> None:
        """They agreed to be heard, or took it back; at once."""
        self._tellings += 1
        self._told[person_id] = self._tellings
        dropped = self._presence.agree([person_id], is_given=is_given)
        self._drop(dropped)
        if not is_given:
            self.forget(person_id)

    def forget(self, person_id: int) -> None:
        """Nothing of theirs is answered, kept or shown any more."""
        self._ears.leave(person_id)
        self._conversation.forget(person_id)

    async def finish_keeping(self) -> None:
        """Wait until what was said so far is kept."""
        await self._conversation.finish_keeping()

    def mute(self, person_id: int) -> None:
        """They are not heard for now; at once."""
        self._drop(self._presence.mute(person_id, is_muted=True))

    def unmute(self, person_id: int) -> None:
        self._drop(self._presence.mute(person_id, is_muted=False))

    def refresh(self) -> None:
        """Who may talk to the bot may have changed."""
        self._drop(self._presence.review())

    # What it tells and does.

    @property
    def key(self) -> ConversationKey:
        """Where it is held now; a moderator may move it."""
        return self._line.key

    @property
    def captions(self) -> bool:
        """Whether the follower is told what people say while they say it."""
        return self._conversation.captions

    @captions.setter
    def captions(self, are_on: bool) -> None:
        self._conversation.captions = are_on

    def status(self) -> VoiceStatus:
        """At a glance."""
        measures = self._conversation.measures
        heard = self._presence.heard
        return VoiceStatus(
            state=self._conversation.floor.state,
            age_seconds=round(self._clock() - self._began_at, 3),
            heard=tuple(sorted(heard)),
            unheard=tuple(sorted(self._presence.present - heard)),
            muted=self._presence.muted,
            turns=measures.turns,
            timings=tuple(measures.timings),
            counters=measures.told({**self._ears.counters, **self._line.counters}),
            privacy_code=self._line.privacy_code,
            usages=measures.usages,
        )

    def lines(self) -> tuple[SpokenLine, ...]:
        """What was said so far, in order of its beginning; kept in memory only, and no longer than the session."""
        return self._conversation.log.lines

    def stop(self) -> bool:
        """Be silent at once; True when there was something to stop."""
        return self._conversation.stop()

    def say(self, text: str) -> None:
        """A short notice, when nobody talks; it is not kept."""
        self._conversation.say(text)

    def clip_posted(self, sources: tuple[MediaSource, ...], *, person_id: int, name: str = "") -> None:
        """Questions go to these clips from now on. `name` is what the person is called who posted them."""
        if sources:
            clips = PostedClips(sources=sources, person_id=person_id, posted_at=self._clock())
            self._conversation.clip_posted(clips)

    async def aclose(self, reason: LeaveReason = LeaveReason.ASKED) -> None:
        """Leave. Safe to call twice; the first reason counts."""
        self._leave(reason)
        if self._leaving is not None and self._leaving is not asyncio.current_task():
            await asyncio.shield(self._leaving)

    # Its work.

    def _drop(self, people: frozenset[int]) -> None:
        for person_id in people:
            self._ears.leave(person_id)
            self._conversation.drop(person_id)

    async def _ask_who_agreed(self, people: frozenset[int], since: int) -> None:
        """What somebody chose after `since` stands."""
        try:
            agreed = await self._agreed(*people)
        except MemoryFault as fault:
            log.warning("it could not be read who may be heard: %s", fault.code)
            return
        self._presence.agree([one for one in agreed if self._told.get(one, 0) <= since], is_given=True)

    async def _listen(self) -> None:
        """Every 20 ms of sound, on the clock of the packets, and when a pause falls due."""
        at = self._clock()
        while True:
            for event in self._ears.tick(self._clock()):
                self._conversation.event(event)
            now = self._clock()
            if now >= at:
                at = at + FRAME_SECONDS if now - at < _MOST_BEHIND_SECONDS else now + FRAME_SECONDS
            due = self._ears.due
            await asyncio.sleep(max(0.0, (due if due is not None and now < due < at else at) - now))

    async def _look(self) -> None:
        """Leave when nobody is there, or nobody talks."""
        settings = self._means.settings
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            now = self._clock()
            if self._alone_since is not None and now - self._alone_since >= settings.alone_seconds:
                self._leave(LeaveReason.ALONE)
            elif now - self._conversation.active_at >= settings.idle_seconds:
                self._leave(LeaveReason.IDLE)

    def _leave(self, reason: LeaveReason) -> None:
        if not self._is_over:
            self._is_over = True
            self._leaving = asyncio.create_task(self._end(reason), name="voice-leaving")

    async def _end(self, reason: LeaveReason) -> None:
        for work in self._work:
            work.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)
        try:
            await self._conversation.aclose()
            await self._tasks.finish(0.0)
            self._ears.close()
            await self._line.aclose()
        finally:
            self._left(self)
            self._follower.ended(reason)
