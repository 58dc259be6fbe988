"""A conversation held aloud: the floor's orders carried out, drafts begun and given up, answers spoken and kept."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from bot.domain.errors import VoiceError
from bot.domain.events import RunListener
from bot.domain.voice_session import Speculation, SpokenLine, VoiceFollower
from bot.hooks.specs import Specs
from bot.hooks.values import HeardUtterance
from bot.providers.base import StreamRequest
from bot.services.voice.answers import Answers
from bot.services.voice.draft import answer_broken
from bot.services.voice.hearing import Hearing
from bot.services.voice.means import Means, PostedClips
from bot.services.voice.measures import Measures
from bot.services.voice.place import Place
from bot.services.voice.presence import Presence
from bot.services.voice.questions import Questions
from bot.services.voice.spoken_log import SpokenLog
from bot.services.voice.utterance import Utterance
from bot.voice.backchannels import is_nothing, is_stop
from bot.voice.echo import EchoGuard
from bot.voice.endpointer import Endpointer
from bot.voice.floor import Floor
from bot.voice.names import CalledNames
from bot.voice.orders import Do, Manners, Order, Said
from bot.voice.player import Player
from bot.voice.speech_events import SpeechEvent


class Conversation:
    """Of one channel. `end_turn` tells the ears that somebody's turn is over; `is_resting` whether the line is not
    being read for now."""

    def __init__(
        self,
        means: Means,
        place: Place,
        presence: Presence,
        *,
        player: Player,
        wake: Callable[[], None],
        clock: Callable[[], float],
        follower: VoiceFollower,
        end_turn: Callable[[int], None],
        is_resting: Callable[[], bool] = lambda: False,
        listener: RunListener | None = None,
    ) -> None:
        settings = means.settings
        names = CalledNames([place.bot_name, *settings.names])
        self.captions = False
        self.log = SpokenLog(clock())
        self.measures = Measures()
        self._spoken_at = clock()
        self._hooks = place.crew.hooks
        self._place = place
        self._presence = presence
        self._player = player
        self._wake = wake
        self._clock = clock
        self._follower = follower
        self._end_turn = end_turn
        self._names = names
        self._endpointer = Endpointer(
            patience_seconds=settings.patience_seconds, longest_patience_seconds=settings.longest_patience_seconds
        )
        self._echo = EchoGuard()
        self._questions = Questions(settings, names, presence)
        self.floor = Floor(
            Manners(
                interrupted_by=settings.interrupted_by,
                interrupt_seconds=settings.interrupt_seconds,
                resume_seconds=settings.resume_seconds,
            ),
            clock,
        )
        self._hearing = Hearing(
            floor=self.floor,
            transcriber=means.transcriber,
            request=StreamRequest(
                keywords=(place.bot_name, *settings.names, *means.crew.keywords), language=means.crew.spoken_language
            ),
            names=names,
            endpointer=self._endpointer,
            echo=self._echo,
            interrupt_seconds=settings.interrupt_seconds,
            log=self.log,
            measures=self.measures,
            clock=clock,
            playing=lambda: self._answers.voicing,
            obey=self._obey,
            caption=self._caption,
            others=lambda person_id: presence.names(but_for=(person_id,)),
            keeps_sound=lambda: self._hooks.has(Specs.on_utterance),
            account=place.account,
        )
        self._answers = Answers(
            means,
            place,
            presence,
            floor=self.floor,
            questions=self._questions,
            endpointer=self._endpointer,
            log=self.log,
            measures=self.measures,
            player=player,
            wake=wake,
            clock=clock,
            follower=follower,
            open_turns=self._hearing.open,
            said_by=self._hearing.said,
            obey=self._obey,
            caption=self._caption,
            is_resting=is_resting,
            listener=listener,
        )
        self._orders: deque[Order] = deque()
        self._is_obeying = False
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False

    @property
    def active_at(self) -> float:
        """When somebody spoke last, the bot among them."""
        return max(self._spoken_at, self._answers.active_at)

    # What comes in.

    def event(self, event: SpeechEvent) -> None:
        """What one person did, who may be heard."""
        if self._is_closed or event.person_id not in self._presence.heard:
            return
        self._spoken_at = max(self._spoken_at, event.at)
        self._hearing.event(event, {event.person_id: self._presence.name(event.person_id)})
        if not self.floor.is_quiet:
            self._answers.remarks.cut()

    def drop(self, person_id: int) -> None:
        """They are not heard any more: what they are saying is thrown away."""
        if (utterance := self._hearing.take(person_id)) is not None:
            utterance.forget()
        self._end_turn(person_id)
        self._obey(self.floor.leaves(person_id))

    def forget(self, person_id: int) -> None:
        """They took back that they may be heard: nothing of theirs is answered, kept or shown any more."""
        self.drop(person_id)
        self.log.forget(person_id)
        for memory in (self._endpointer, self._echo, self._questions.addressing):
            memory.forget(person_id)
        self._questions.drop(person_id)
        clips = self._answers.clips
        if clips is not None and clips.person_id == person_id:
            self._answers.clips = None
        if self._answers.rests_on(person_id):
            self._answers.give_up(Speculation.CHANGED)
            self._obey(self.floor.ends())

    def stop(self) -> bool:
        """Be silent at once; True when there was something to say."""
        had_remark = self._answers.remarks.cut()
        had_more = self._answers.is_wanted or bool(self._questions.parts)
        self._questions.clear()
        if self._answers.is_wanted:
            self._answers.break_off(None)
            self._obey(self.floor.ends())
        return had_remark or had_more

    def say(self, text: str) -> None:
        """A short notice, when nobody talks; it is not kept."""
        self._answers.remarks.say(text)

    def clip_posted(self, clips: PostedClips) -> None:
        """Questions go to these from now on."""
        self._answers.clips = clips

    async def finish_keeping(self) -> None:
        """Wait until what was said is kept."""
        await self._answers.finish_keeping()

    async def aclose(self) -> None:
        """End it; an answer that is being heard counts as far as it was."""
        self._is_closed = True
        self.stop()
        if self._timer is not None:
            self._timer.cancel()
        await self._hearing.aclose()
        await self._answers.aclose()

    # What the floor orders.

    def _obey(self, orders: Sequence[Order]) -> None:
        """Carry out the orders and what follows from them, each after the other."""
        self._orders.extend(orders)
        if self._is_obeying or self._is_closed:
            return
        self._is_obeying = True
        try:
            while True:
                while self._orders:
                    self._do(self._orders.popleft())
                self._answers.consider()
                self._orders.extend(self.floor.tick())
                if not self._orders:
                    break
        finally:
            self._is_obeying = False
        self._schedule()

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (due := self.floor.due) is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, due - self._clock()), self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._obey(self.floor.tick())

    def _do(self, order: Order) -> None:
        person_id = order.person_id or 0
        match order.do:
            case Do.COMMIT:
                self._commit(person_id)
            case Do.CHECK:
                self._hearing.check(person_id)
            case Do.DROP:
                self.measures.count("watchdog_resets")
                self._hearing.take(person_id)
                self._end_turn(person_id)
            case Do.WITHDRAW:
                self._answers.withdraw(order.outcome or Speculation.NONE)
            case Do.REOPEN:
                self._answers.was_cut_off(person_id)
                self._answers.give_up(Speculation.RESUMED)
            case Do.SPEAK:
                self._answers.speak()
            case Do.HUSH:
                self._player.pause()
            case Do.GO_ON:
                self.measures.count("false_interruptions")
                self._player.resume()
                self._wake()
            case Do.BREAK_OFF:
                self._answers.break_off(person_id)
            case Do.RESET:
                self.measures.count("watchdog_resets")
                self._questions.clear()
                self._answers.break_off(None)
                self._answers.tell(answer_broken(), aloud=False)

    # Turns of people.

    def _commit(self, person_id: int) -> None:
        utterance = self._hearing.take(person_id)
        self._end_turn(person_id)
        if utterance is None:
            return
        text = utterance.text
        if is_nothing(text):
            if utterance.is_broken:
                self._not_recognised(utterance)
            return
        said = self._hearing.said(utterance)
        if said is Said.ECHO:
            self._echo.echoed(person_id)
            return
        if utterance.over_answer and said is Said.WORDS:
            self._echo.spoke(person_id)
        self._note(utterance)
        if is_stop(text, names=self._names):
            self._questions.drop(person_id)
            return
        if self._questions.is_nod(utterance):
            self.measures.count("backchannels")
            return
        self._questions.take(utterance, is_heard=self.floor.is_heard)

    def _note(self, utterance: Utterance) -> None:
        line = self.log.line(
            utterance.utterance_id,
            utterance.person_id,
            utterance.name,
            utterance.text,
            began_at=utterance.began_at,
            ended_at=utterance.ended_at,
        )
        self.log.add(line)
        self._caption(line)
        if self._hooks.has(Specs.on_utterance):
            heard = HeardUtterance(
                person_id=utterance.person_id,
                name=line.name,
                text=line.text,
                start_seconds=line.start_seconds,
                end_seconds=line.end_seconds,
                sound=utterance.sound,
            )
            self._hooks.watch(Specs.on_utterance, heard, self._place.occasion(utterance.person_id))

    def _not_recognised(self, utterance: Utterance) -> None:
        self.measures.count("recognition_failures")
        error = VoiceError("voice_unheard", "I could not make out what was said. Say it again, or type it.")
        is_alone = not self._presence.names(but_for=(utterance.person_id,))
        self._answers.tell(error, aloud=is_alone)

    def _caption(self, line: SpokenLine) -> None:
        if self.captions:
            self._follower.caption(line)
