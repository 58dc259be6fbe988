"""From what the ears make of people's sound to their words, and what these mean for whose turn it is."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Protocol

from bot.domain.answer import Usage
from bot.domain.money import Account, paying
from bot.domain.voice_session import SpokenLine
from bot.providers.base import StreamingTranscriber, StreamRequest
from bot.services.voice.measures import Measures
from bot.services.voice.spoken_log import SpokenLog
from bot.services.voice.utterance import Utterance
from bot.tasks import Tasks
from bot.voice.backchannels import is_backchannel, is_name_only, is_nothing, is_stop
from bot.voice.echo import EchoGuard
from bot.voice.endpointer import Endpointer
from bot.voice.floor import Floor
from bot.voice.names import CalledNames, calls_another
from bot.voice.orders import Order, Said
from bot.voice.plain_words import is_unspaced, words_of
from bot.voice.speech_events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted, SpeechWentOn

_LONGEST_SETTLING_SECONDS = 8.0
_SHORTEST_SETTLING_SECONDS = 2.0
_LAG_FACTOR = 1.5
_LAST_MOMENT_SECONDS = 1.0
_FEWEST_WORDS = 3
_FEWEST_CHARACTERS = 5  # of scripts without spaces


class Playing(Protocol):
    """The answer that is to be heard now, if any."""

    def said_now(self) -> tuple[str, ...]:
        """What is being said and what was before it."""
        ...

    @property
    def remaining_seconds(self) -> float: ...


class Hearing:
    """The turns of people that are not over. `obey` takes what the floor orders, `caption` is told of words
    that may still change."""

    def __init__(
        self,
        *,
        floor: Floor,
        transcriber: StreamingTranscriber,
        request: StreamRequest,
        names: CalledNames,
        endpointer: Endpointer,
        echo: EchoGuard,
        interrupt_seconds: float,
        log: SpokenLog,
        measures: Measures,
        clock: Callable[[], float],
        playing: Callable[[], Playing | None],
        obey: Callable[[list[Order]], None],
        caption: Callable[[SpokenLine], None],
        others: Callable[[int], tuple[str, ...]],
        keeps_sound: Callable[[], bool],
        account: Callable[[int], Account],
    ) -> None:
        """`others`: what everybody is called but this person. `keeps_sound`: whether a plugin wants to hear it.
        `account`: who pays for putting a person's words into text."""
        self.open: dict[int, Utterance] = {}
        self._floor = floor
        self._transcriber = transcriber
        self._request = request
        self._names = names
        self._endpointer = endpointer
        self._echo = echo
        self._interrupt_seconds = interrupt_seconds
        self._log = log
        self._measures = measures
        self._clock = clock
        self._playing = playing
        self._obey = obey
        self._caption = caption
        self._others = others
        self._keeps_sound = keeps_sound
        self._account = account
        self._tasks = Tasks()

    def event(self, event: SpeechEvent, names: Mapping[int, str]) -> None:
        """What one person did; `names` are what people are called."""
        with paying(self._account(event.person_id)):
            self._event(event, names)

    def _event(self, event: SpeechEvent, names: Mapping[int, str]) -> None:
        match event:
            case SpeechStarted() | SpeechResumed():
                self._begins(event, names.get(event.person_id, ""))
            case SpeechWentOn():
                if (utterance := self.open.get(event.person_id)) is not None:
                    utterance.feed(event.pcm)
                    self._obey(self._floor.goes_on(event.person_id))
            case SpeechPaused():
                self._pauses(event)
            case _:
                """There is no other."""

    def check(self, person_id: int) -> None:
        """Find out what somebody says who goes on without a word."""
        if (utterance := self.open.get(person_id)) is not None:
            with paying(self._account(person_id)):
                self._settle(utterance, is_check=True)

    def take(self, person_id: int) -> Utterance | None:
        """The turn of a person is over, or void."""
        utterance = self.open.pop(person_id, None)
        if utterance is not None:
            utterance.close()
            self._tasks.spawn(utterance.aclose(), name="closing a transcript")
        return utterance

    async def aclose(self) -> None:
        """Let go of every recogniser."""
        for person_id in list(self.open):
            self.take(person_id)
        await self._tasks.finish(1.0)

    def _begins(self, event: SpeechStarted | SpeechResumed, name: str) -> None:
        utterance = self.open.get(event.person_id)
        if utterance is None:
            utterance = self._new(event, name)
        else:
            self._endpointer.went_on(event.person_id, max(0.0, event.at - utterance.ended_at))
            if utterance.settling is not None:
                utterance.settling.cancel()
        if isinstance(event, SpeechResumed):
            utterance.feed(event.pcm)
        elif not utterance.is_full:
            utterance.begin(event.pcm)
        playing = self._playing()
        if playing is not None and not utterance.over_answer:
            utterance.over_answer = True
            utterance.began_at_end = playing.remaining_seconds < _LAST_MOMENT_SECONDS
        patience = self._echo.interrupt_seconds(event.person_id, self._interrupt_seconds)
        self._obey(self._floor.begins(event.person_id, event.at, interrupt_seconds=patience))

    def _new(self, event: SpeechStarted | SpeechResumed, name: str) -> Utterance:
        utterance = Utterance(
            utterance_id=self._log.next_id(),
            person_id=event.person_id,
            name=name,
            began_at=event.at,
            transcriber=self._transcriber,
            request=self._request,
            changed=self._changed,
            spent=self._spent,
            keeps_sound=self._keeps_sound(),
        )
        self.open[event.person_id] = utterance
        if isinstance(event, SpeechResumed):
            utterance.begin(b"")
        return utterance

    def _pauses(self, event: SpeechPaused) -> None:
        utterance = self.open.get(event.person_id)
        if utterance is None:
            return
        utterance.ended_at = event.at
        self._obey(self._floor.pauses(event.person_id, event.at))
        self._settle(utterance)

    def _settle(self, utterance: Utterance, *, is_check: bool = False) -> None:
        if utterance.settling is not None:
            utterance.settling.cancel()
        work = self._make_final(utterance, is_check=is_check)
        utterance.settling = self._tasks.spawn(work, name="settling a transcript")

    async def _make_final(self, utterance: Utterance, *, is_check: bool) -> None:
        began = self._clock()
        lag = max(_SHORTEST_SETTLING_SECONDS, _LAG_FACTOR * self._measures.recognition_seconds)
        await utterance.settle(min(lag, _LONGEST_SETTLING_SECONDS) if utterance.text else _LONGEST_SETTLING_SECONDS)
        if self.open.get(utterance.person_id) is not utterance:
            return
        if utterance.settling is asyncio.current_task():
            utterance.settling = None
        said = self.said(utterance)
        if is_check:
            self._obey(self._floor.hears(utterance.person_id, said, is_checked=True))
            return
        self._measures.settled(self._clock() - began)
        utterance.settled_at = self._clock()
        patience = self._endpointer.wait_seconds(
            utterance.person_id, tuple(filter(None, utterance.partials)), language=self._request.language
        )
        self._obey(self._floor.settles(utterance.person_id, said, patience=0.0 if utterance.is_full else patience))

    def _changed(self, utterance: Utterance) -> None:
        """Live words came, or changed."""
        if self.open.get(utterance.person_id) is not utterance:
            return
        text = utterance.text
        self._caption(
            self._log.line(
                utterance.utterance_id,
                utterance.person_id,
                utterance.name,
                text,
                began_at=utterance.began_at,
                ended_at=self._clock(),
                is_final=False,
            )
        )
        if utterance.settling is None and not utterance.is_settled and self._floor.reopens(utterance.person_id):
            self._settle(utterance)
        self._obey(self._floor.hears(utterance.person_id, self.said(utterance, is_final=utterance.is_settled)))

    def said(self, utterance: Utterance, *, is_final: bool = True) -> Said:
        """What the words so far amount to. While they may go on, the first few tell nothing: "I" may become "I see"."""
        text = utterance.text
        if is_nothing(text):
            return Said.NOTHING
        if is_stop(text, names=self._names):
            return Said.STOP
        if is_name_only(text, names=self._names):
            return Said.WORDS
        playing = self._playing()
        sentences = () if playing is None else playing.said_now()
        if sentences and self._echo.is_echo(text, sentences, person_id=utterance.person_id):
            return Said.ECHO
        if is_backchannel(text):
            return Said.BACKCHANNEL
        if utterance.over_answer and calls_another(text, self._others(utterance.person_id)):
            return Said.BACKCHANNEL  # they talk to each other, which takes no answer from whoever listens to it
        return Said.WORDS if is_final or _are_enough(words_of(text)) else Said.NOTHING

    def _spent(self, usages: tuple[Usage, ...]) -> None:
        self._measures.used(usages)


def _are_enough(words: tuple[str, ...]) -> bool:
    """Whether this is more than the beginning of a nod, or of an echo, may be."""
    unspaced = sum(map(is_unspaced, words))
    return len(words) - unspaced >= _FEWEST_WORDS or unspaced >= _FEWEST_CHARACTERS
