"""The one answer of a conversation: prepared, held, spoken, broken off, and kept as far as it was heard."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from bot.domain.errors import BotError
from bot.domain.events import RunListener
from bot.domain.voice import FRAME_SECONDS
from bot.domain.voice_session import Speculation, SpokenLine, VoiceFollower
from bot.hooks.specs import Specs
from bot.pipeline.aloud import Room
from bot.services.voice.afterwards import Afterwards
from bot.services.voice.draft import Draft
from bot.services.voice.means import CLIP_SECONDS, Means, Part, PostedClips
from bot.services.voice.measures import Measures
from bot.services.voice.place import Place
from bot.services.voice.presence import Presence
from bot.services.voice.questions import Questions
from bot.services.voice.remarks import Remarks
from bot.services.voice.scene import Scene
from bot.services.voice.spoken_log import SpokenLog, spoken
from bot.services.voice.utterance import Utterance
from bot.services.voice.voicing import Voicing
from bot.voice.endpointer import Endpointer
from bot.voice.floor import Floor
from bot.voice.orders import Order, Said
from bot.voice.plain_words import words_of
from bot.voice.player import Player

_MOST_TRIES = 3
_CUT_OFF_SECONDS = 1.0
_LOOK_SECONDS = 0.1


class Answers:
    """An Asker. `open_turns` are the turns of people that are not over, `said_by` tells what one amounts to; `obey`
    takes what the floor orders. `is_resting`: whether the line is not being read for now."""

    def __init__(
        self,
        means: Means,
        place: Place,
        presence: Presence,
        *,
        floor: Floor,
        questions: Questions,
        endpointer: Endpointer,
        log: SpokenLog,
        measures: Measures,
        player: Player,
        wake: Callable[[], None],
        clock: Callable[[], float],
        follower: VoiceFollower,
        open_turns: Mapping[int, Utterance],
        said_by: Callable[[Utterance], Said],
        obey: Callable[[Sequence[Order]], None],
        caption: Callable[[SpokenLine], None],
        is_resting: Callable[[], bool],
        listener: RunListener | None,
    ) -> None:
        self.clips: PostedClips | None = None
        self.active_at = clock()
        self.remarks = Remarks(
            means,
            place,
            player,
            wake=wake,
            may_speak=lambda: floor.is_quiet and not floor.is_heard,
            used=measures.used,
        )
        self._means = means
        self._place = place
        self._presence = presence
        self._floor = floor
        self._questions = questions
        self._endpointer = endpointer
        self._log = log
        self._measures = measures
        self._player = player
        self._wake = wake
        self._clock = clock
        self._follower = follower
        self._open = open_turns
        self._said_by = said_by
        self._obey = obey
        self._caption = caption
        self._is_resting = is_resting
        self._listener = listener
        self._afterwards = Afterwards(means.remembrance, follower)
        self._draft: Draft | None = None
        self._told_at = float("-inf")
        self._watch: asyncio.Task[None] | None = None
        self._acknowledging: asyncio.TimerHandle | None = None

    @property
    def voicing(self) -> Voicing | None:
        """What is being heard; None: nothing is."""
        return self._draft.voicing if self._draft is not None and self._floor.is_heard else None

    @property
    def is_wanted(self) -> bool:
        """Whether there is an answer on its way."""
        return self._draft is not None

    def rests_on(self, person_id: int) -> bool:
        """Whether an answer is on its way that may rest on this person's words."""
        return self._draft is not None and person_id in self._draft.sources

    async def finish_keeping(self) -> None:
        """Wait until what was said is kept and told."""
        await self._afterwards.finish()

    async def aclose(self) -> None:
        """After `break_off`."""
        self._stop_expecting()
        await self.remarks.aclose()
        await self._afterwards.finish()
        if self._watch is not None:
            self._watch.cancel()

    def consider(self) -> None:
        """Have the answer in work that is wanted now."""
        if self._floor.is_heard:
            return
        ahead = [] if self._questions.parts else self._foreseen()
        wanted = [*self._questions.parts, *ahead]
        draft = self._draft
        if draft is not None and _words(draft.parts) == _words(wanted):
            if not ahead and draft.committed_at is None:
                self._commit_draft(draft)
            return
        if draft is not None:
            self.give_up(Speculation.CHANGED)
            self._obey(self._floor.ends())
        if not wanted or any(part.person_id in self._open for part in self._questions.parts):
            return
        if ahead and any(self._open[part.person_id].tries >= _MOST_TRIES for part in ahead):
            return
        self._begin(wanted, is_committed=not ahead)

    def _foreseen(self) -> list[Part]:
        """The turns that may be over, and are for the bot if they are."""
        waiting = (one for one in self._open.values() if self._floor.is_waiting(one.person_id))
        return self._questions.foreseen([one for one in waiting if self._said_by(one) is Said.WORDS])

    def _begin(self, parts: Sequence[Part], *, is_committed: bool) -> None:
        if not is_committed:
            for part in parts:
                self._open[part.person_id].tries += 1
        draft = Draft(
            self._means,
            parts,
            self._scene(parts),
            asker=self,
            player=self._player,
            wake=self._wake,
            clock=self._clock,
            listener=self._listener,
            is_judged=self._questions.is_judged and is_committed,
            is_committed=is_committed,
        )
        self._draft = draft
        self._obey(self._floor.drafts(draft.people, is_committed=is_committed))
        draft.start(self._afterwards.pending)
        if is_committed:
            self._expect(draft)

    def _scene(self, parts: Sequence[Part]) -> Scene:
        before = self._log.before(self._clock(), but_for=frozenset(part.utterance_id for part in parts))
        clips = self.clips
        return Scene(
            key=self._place.key,
            crew=self._place.crew,
            locale=self._place.locale,
            room=Room(
                bot_name=self._place.bot_name,
                present=tuple(self._presence.heard_names().values()),
                said=spoken(before, self._place.bot_name),
            ),
            clips=None if clips is None or self._clock() - clips.posted_at > CLIP_SECONDS else clips,
            sources=frozenset(line.person_id for line in before if line.person_id is not None),
            names=self._presence.heard_names(),
            code_words=self._place.code_is_written,
        )

    def _commit_draft(self, draft: Draft) -> None:
        draft.commit()
        self._obey(self._floor.commits())
        self._expect(draft)
        if draft.is_done:
            self._obey(self._unsaid(draft))

    def give_up(self, outcome: Speculation) -> None:
        """The draft is not wanted any more."""
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.cancel()
            self._silence(draft)
            self._account(draft)
            if draft.was_speculative:
                self._measures.speculated(outcome)

    def withdraw(self, outcome: Speculation) -> None:
        """What was prepared at a pause goes; what came too early once is not tried again."""
        if outcome is Speculation.EXPIRED and self._draft is not None:
            for part in self._draft.parts:
                if (utterance := self._open.get(part.person_id)) is not None:
                    utterance.tries = _MOST_TRIES
        self.give_up(outcome)

    def _silence(self, draft: Draft) -> None:
        if draft.voicing.generation is not None:
            self._player.drop(draft.voicing.generation)

    def _account(self, draft: Draft) -> None:
        self._measures.used(draft.run.usages)

    # An Asker: what drafts tell.

    def progressed(self, draft: Draft) -> None:
        if draft is self._draft:
            self._obey(self._floor.progresses())

    def readied(self, draft: Draft) -> None:
        if draft is self._draft:
            self._obey(self._floor.readies())

    def refused(self, draft: Draft) -> None:
        if draft is self._draft:
            self._measures.count("not_for_us")
            self._draft = None
            self._questions.clear()
            self._account(draft)
            self._obey(self._floor.ends())

    def finished(self, draft: Draft) -> None:
        if draft is self._draft and draft.committed_at is not None:
            self._obey(self._unsaid(draft))

    def failed(self, draft: Draft, error: BotError) -> None:
        if draft is not self._draft:
            return
        self._draft = None
        self._account(draft)
        if draft.committed_at is None:
            self._measures.speculated(Speculation.CHANGED)
            for part in draft.parts:
                if (utterance := self._open.get(part.person_id)) is not None:
                    utterance.tries = _MOST_TRIES
        else:
            self._measures.count("answer_failures")
            self._questions.clear()
            if not draft.is_judged:
                self.tell(error, aloud=True)
        self._obey(self._floor.ends())

    def _unsaid(self, draft: Draft) -> list[Order]:
        """What was written but could not be voiced counts as answered: it stands in the chat."""
        if draft.voicing.has_sound:
            return []
        self._measures.count("voice_failures")
        self._close_turn(draft, answer=draft.written.strip(), heard="", interrupted_by=None)
        return self._floor.ends()

    def tell(self, error: BotError, *, aloud: bool) -> None:
        """In writing, and with `aloud` that there is something to read; not again and again."""
        now = self._clock()
        if now - self._told_at < self._means.settings.reply_seconds:
            return
        self._told_at = now
        self._follower.failed(error)
        if aloud:
            self.remarks.say(self._place.sorry)

    def speak(self) -> None:
        """Nobody talks: the answer may be heard."""
        draft = self._draft
        if draft is None:
            self._obey(self._floor.ends())
            return
        self._stop_expecting()
        self._questions.answered(draft.parts)
        draft.speak(self.remarks.next_generation())
        self._means.crew.hooks.watch(Specs.on_turn_started, draft.voice_turn(), draft.run.occasion)
        self._watch = asyncio.create_task(self._follow(draft), name="spoken-answer-watch")

    async def _follow(self, draft: Draft) -> None:
        """Until all of it was handed out."""
        frames = -1
        while draft is self._draft:
            if draft.is_played:
                self._said(draft)
                return
            if draft.voicing.played_frames != frames or self._is_resting() or self._player.is_paused:
                frames = draft.voicing.played_frames
                self.active_at = self._clock()
                self._obey(self._floor.progresses())
            await asyncio.sleep(min(_LOOK_SECONDS, max(0.02, draft.voicing.remaining_seconds)))

    def _said(self, draft: Draft) -> None:
        for part in draft.parts:
            self._endpointer.ended(part.person_id)
        self._close_turn(draft, answer=draft.written.strip(), heard=draft.written.strip(), interrupted_by=None)
        self._obey(self._floor.ends())

    def break_off(self, person_id: int | None) -> None:
        """Not a frame more of it; what was heard of it is what was said."""
        draft = self._draft
        if draft is None:
            return
        utterance = None if person_id is None else self._open.get(person_id)
        heard = draft.voicing.heard()
        draft.cancel()
        self._silence(draft)
        is_stop = utterance is None or self._said_by(utterance) is Said.STOP
        self._measures.count("interruptions")
        turn = draft.voice_turn(interrupted_by=person_id)
        self._means.crew.hooks.watch(Specs.on_turn_interrupted, turn, draft.run.occasion)
        longest = _CUT_OFF_SECONDS if person_id in draft.people else FRAME_SECONDS
        if not is_stop and draft.played_seconds < longest:
            self._questions.restore(draft.parts)
            if person_id is not None and person_id in draft.people:
                self.was_cut_off(person_id)
            self._draft = None
            self._account(draft)
        elif draft.played_seconds > 0:
            self._close_turn(draft, answer=heard, heard=heard, interrupted_by=person_id, is_broken=True)
        else:
            self._draft = None
            self._account(draft)
            self._questions.clear()

    def _close_turn(
        self, draft: Draft, *, answer: str, heard: str, interrupted_by: int | None, is_broken: bool = False
    ) -> None:
        self._draft = None
        self._account(draft)
        now = self._clock()
        self._stop_expecting()
        self._questions.answered(draft.parts)
        self._questions.addressing.spoke_to(draft.people, at=now)
        self._questions.last_said = draft.written
        self.active_at = now
        first_audio_at = draft.first_audio_at
        if heard:
            began_at = first_audio_at or now
            number, name = self._log.next_id(), self._place.bot_name
            line = self._log.line(number, None, name, heard, began_at=began_at, ended_at=now)
            self._log.add(line)
            self._caption(line)
        if draft.committed_at is not None and first_audio_at is not None:
            self._measures.waited(first_audio_at - draft.committed_at)
        outcome = Speculation.USED if draft.was_speculative else Speculation.NONE
        self._measures.speculated(outcome)
        timings = draft.timings()
        self._measures.timed(timings)
        breaker = None if not is_broken else self._presence.name(interrupted_by or 0) or "somebody"
        self._afterwards.keep(
            draft,
            answer=answer,
            heard=heard,
            timings=timings,
            speculation=outcome,
            interrupted_by=interrupted_by,
            breaker=breaker,
        )

    def _expect(self, draft: Draft) -> None:
        """When the wait will be long, say so; when it has become long, too."""
        longest = self._means.settings.acknowledge_seconds
        if not longest or draft.is_judged or draft.voicing.has_sound:
            return
        is_slow = self.clips is not None or self._measures.expected_wait_seconds >= longest
        loop = asyncio.get_running_loop()
        self._stop_expecting()
        self._acknowledging = loop.call_later(min(0.4, longest) if is_slow else longest, self._acknowledge, draft)

    def _acknowledge(self, draft: Draft) -> None:
        self._acknowledging = None
        if draft is self._draft and not draft.voicing.has_sound:
            self.remarks.say(self._place.one_moment, while_waiting=lambda: draft is self._draft)

    def _stop_expecting(self) -> None:
        if self._acknowledging is not None:
            self._acknowledging.cancel()
            self._acknowledging = None

    def was_cut_off(self, person_id: int) -> None:
        """They were not done when their turn was taken to be over."""
        self._measures.count("false_cutoffs")
        utterance = self._open.get(person_id)
        ended = [part.ended_at for part in self._questions.parts if part.person_id == person_id]
        if utterance is not None and ended:
            self._endpointer.was_cut_off(person_id, max(0.0, utterance.began_at - max(ended)))


def _words(parts: Sequence[Part]) -> list[tuple[int, tuple[str, ...]]]:
    """What makes one question the same as another."""
    return [(part.utterance_id, words_of(part.text)) for part in parts]
