"""A voice channel in virtual time: people who speak by script, a recogniser, a model and a voice of known speed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bot.config.voice import VoiceSettings
from bot.domain.answer import Prompt
from bot.domain.conversation import ClipRef, ConversationKey, PlaceSettings, Turn
from bot.domain.errors import BotError
from bot.domain.media import AudioChunk
from bot.domain.recollection import NOTHING, Recollection
from bot.domain.role import Role
from bot.domain.speech import Segment, Transcript
from bot.domain.voice import SILENCE_FRAME, FrameSource, LineState, Listener, VoiceEar
from bot.domain.voice_session import LeaveReason, SpokenLine, SpokenTurn
from bot.pipeline.crew import ModelRef
from bot.providers.base import AnswerDelta, AnswerEnd, FinishReason, SpeechEnd, SpeechRequest, TranscriptPiece
from bot.services.voice.service import VoiceService
from bot.services.voice.session import VoiceSession
from bot.voice.speech_events import SpeechEvent, SpeechPaused, SpeechResumed, SpeechStarted, SpeechWentOn
from tests.fakes.providers import broken, crew_of, usage

ANNA, BEN, CLEO, DAN = 1, 2, 3, 4
NAMES = {ANNA: "Anna", BEN: "Ben", CLEO: "Cleo", DAN: "Dan"}
PLACE = ConversationKey(server_id=7, channel_id=70)
DETECTION = 0.2
STEP = 0.1


class Ears:
    """Gives what was put in. Sound is words: the number of the speech as bytes."""

    def __init__(self, _limits: object = None) -> None:
        self.waiting: list[SpeechEvent] = []
        self.ended: list[int] = []
        self.gone: list[int] = []
        self.counters = MappingProxyType({"decoded": 0})
        self.due: float | None = None
        self.is_closed = False
        self.in_turn: set[int] = set()

    def push(self, _frames: object) -> None: ...

    def tick(self, now: float) -> list[SpeechEvent]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def end_turn(self, person_id: int) -> None:
        self.ended.append(person_id)
        self.in_turn.discard(person_id)

    def leave(self, person_id: int) -> None:
        self.gone.append(person_id)
        self.in_turn.discard(person_id)
        self.waiting = [event for event in self.waiting if event.person_id != person_id]

    def close(self) -> None:
        self.is_closed = True


@dataclass
class Recogniser:
    """Knows what each sound means: `words` by number. Interim words come while they are fed, `lag` after them."""

    words: dict[int, str] = field(default_factory=dict)
    lags: dict[int, float] = field(default_factory=dict)
    lag: float = 0.15
    gives_interim: bool = True
    fails: bool = False
    live: int = 0
    fed: list[int] = field(default_factory=list)

    def prepare(self) -> None: ...

    def open(self, request, on_interim: Callable[[str], None]) -> "Stream":
        self.live += 1
        return Stream(self, on_interim)


class Stream:
    def __init__(self, recogniser: Recogniser, on_interim: Callable[[str], None]) -> None:
        self._recogniser = recogniser
        self._on_interim = on_interim
        self._numbers: list[int] = []
        self._heard: list[str] = []
        self._is_closed = False

    def feed(self, pcm: bytes) -> None:
        assert not self._is_closed
        for at in range(0, len(pcm), 4):
            number, word = int.from_bytes(pcm[at : at + 2], "little"), int.from_bytes(pcm[at + 2 : at + 4], "little")
            self._recogniser.fed.append(number)
            if number not in self._numbers:
                self._numbers.append(number)
            words = self._recogniser.words.get(number, "").split()
            if word and word <= len(words):
                self._heard.append(words[word - 1])
                if self._recogniser.gives_interim:
                    asyncio.get_running_loop().call_later(self._lag, self._tell, " ".join(self._heard))

    @property
    def _lag(self) -> float:
        lags = [self._recogniser.lags.get(number, self._recogniser.lag) for number in self._numbers]
        return max(lags, default=self._recogniser.lag)

    def _tell(self, text: str) -> None:
        if not self._is_closed:
            self._on_interim(text)

    async def settle(self) -> TranscriptPiece:
        await asyncio.sleep(self._lag)
        if self._recogniser.fails:
            raise broken()
        text = " ".join(self._heard)
        segments = (Segment(start_seconds=0.0, end_seconds=1.0, text=text),) if text else ()
        return TranscriptPiece(transcript=Transcript(segments=segments), usages=(usage(Role.TRANSCRIPTS),))

    async def aclose(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._recogniser.live -= 1


@dataclass
class Model:
    """Says `answer(prompt)`: the first token after `first_token`, the others `token` apart."""

    answer_to: Callable[[Prompt], str] = lambda _prompt: "All is well. Nothing to tell."
    first_token: float = 0.3
    token: float = 0.0
    fails: BaseException | None = None
    hangs: bool = False
    prompts: list[Prompt] = field(default_factory=list)
    cancelled: int = 0

    async def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | AnswerEnd]:
        self.prompts.append(prompt)
        try:
            await asyncio.sleep(self.first_token)
            if self.hangs:
                await asyncio.sleep(10_000)
            if self.fails is not None:
                raise self.fails
            for count, word in enumerate(self.answer_to(prompt).split(" ")):
                if count and self.token:
                    await asyncio.sleep(self.token)
                yield AnswerDelta(text=word if count == 0 else f" {word}")
            yield AnswerEnd(reason=FinishReason.COMPLETE, usage=usage(Role.CHAT))
        except (asyncio.CancelledError, GeneratorExit):
            self.cancelled += 1
            raise


@dataclass
class Voice:
    """The first sound after `first_audio`; each word is `word` seconds long, and comes all at once."""

    first_audio: float = 0.1
    word: float = 0.3
    fails: bool = False
    hangs: bool = False
    said: list[str] = field(default_factory=list)

    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd]:
        self.said.append(request.text)
        await asyncio.sleep(10_000 if self.hangs else self.first_audio)
        if self.fails:
            raise broken()
        count = round(len(request.text.split()) * self.word / 0.02)
        yield AudioChunk(rate_hz=1000, pcm=bytes([0, 16, 0, 240]) * 10 * count)
        yield SpeechEnd(usage=usage(Role.SPEECH, characters=len(request.text)))


class Encoder:
    """A frame per 20 ms, which is no real Opus: the player does not mind."""

    live = 0

    def __init__(self) -> None:
        Encoder.live += 1
        self._is_open = True

    def add(self, chunk: AudioChunk) -> list[bytes]:
        return [b"sound"] * (len(chunk.pcm) // 40)

    def end(self) -> list[bytes]:
        return []

    def close(self) -> None:
        if self._is_open:
            Encoder.live -= 1
        self._is_open = False


@dataclass
class Remembrance:
    turns: list[Turn] = field(default_factory=list)
    opted_out: set[int] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    in_play: tuple[ClipRef, ...] = ()

    async def may_keep(self, people) -> bool:
        return not self.opted_out & set(people)

    async def recollect(self, ask, question: str, clips: Sequence[str]) -> Recollection:
        self.asked.append(question)
        return Recollection(recent=tuple(self.turns[-5:])) if self.turns else NOTHING

    async def clips_in_play(self, key, *, seconds: float) -> tuple[ClipRef, ...]:
        return self.in_play

    async def keep(self, turn: Turn) -> None:
        self.turns.append(turn)


class Follower:
    def __init__(self) -> None:
        self.turns: list[SpokenTurn] = []
        self.captions: list[SpokenLine] = []
        self.failures: list[BotError] = []
        self.reasons: list[LeaveReason] = []

    def said(self, turn: SpokenTurn) -> None:
        self.turns.append(turn)

    def caption(self, line: SpokenLine) -> None:
        self.captions.append(line)

    def failed(self, error: BotError) -> None:
        self.failures.append(error)

    def ended(self, reason: LeaveReason) -> None:
        self.reasons.append(reason)


class Line:
    """Reads a frame every 20 ms while woken, and remembers when each sounded."""

    def __init__(self) -> None:
        self.key = PLACE
        self.state = LineState.CONNECTED
        self.privacy_code: str | None = "12345"
        self.counters = MappingProxyType({"received": 0})
        self.ear: VoiceEar | None = None
        self.sounded: list[float] = []
        self.is_closed = False
        self._source: FrameSource | None = None
        self._reading: asyncio.Task[None] | None = None

    def open(self, ear: VoiceEar, source: FrameSource) -> None:
        self.ear, self._source = ear, source

    def wake(self) -> None:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        assert self._source is not None
        while frame := self._source.read():
            if frame != SILENCE_FRAME:
                self.sounded.append(asyncio.get_running_loop().time())
            await asyncio.sleep(0.02)

    async def aclose(self) -> None:
        self.is_closed = True
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None


class Room:
    """Opened with `people` who all agreed to be heard, unless `agreed` tells who did."""

    def __init__(
        self,
        people: Sequence[int] = (ANNA,),
        *,
        agreed: Sequence[int] | None = None,
        model: Model | None = None,
        voice: Voice | None = None,
        recogniser: Recogniser | None = None,
        is_free: bool = True,
        clips: Any = None,
        **settings: object,
    ) -> None:
        self.people = list(people)
        self.agreed = set(people if agreed is None else agreed)
        self.model = model or Model()
        self.voice = voice or Voice()
        self.recogniser = recogniser or Recogniser()
        self.memory = Remembrance()
        self.clips = clips
        self.follower = Follower()
        self.line = Line()
        self.ears = Ears()
        self.encoder: Callable[[], object] = Encoder
        self._numbers = 0
        self._is_free = is_free
        self._settings = VoiceSettings.model_validate(settings)
        self.service: VoiceService
        self.session: VoiceSession

    async def __aenter__(self) -> "Room":
        loop = asyncio.get_running_loop()
        models = {role: (ModelRef(provider="fake", model="scripted", is_free=self._is_free),) for role in Role}
        self.service = VoiceService(
            crew_of(chat=self.model, synthesizer=self.voice, models=models),  # type: ignore[arg-type]
            self.memory,
            self.clips,
            self.recogniser,  # type: ignore[arg-type]
            settings=self._settings,
            consents=self._consents,
            ears=lambda _limits: self.ears,  # type: ignore[arg-type, return-value]
            encoder=self.encoder,  # type: ignore[arg-type]
            clock=loop.time,
        )
        self.session = await self.service.open(self.line, place=PlaceSettings(), follower=self.follower)
        self.present(self.people)
        await asyncio.sleep(0.1)
        self.began = loop.time()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.service.aclose()

    async def _consents(self, *people: int) -> frozenset[int]:
        return frozenset(self.agreed) & frozenset(people)

    def present(self, people: Sequence[int]) -> None:
        self.people = list(people)
        self.session.present([Listener(person_id=one, name=NAMES.get(one, f"P{one}")) for one in people])

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return asyncio.get_running_loop().time() - self.began

    @property
    def state(self) -> str:
        return self.session.status().state.value

    async def until(self, at: float) -> None:
        await asyncio.sleep(max(0.0, at - self.now))

    @property
    def sounded(self) -> list[float]:
        """When frames were to be heard."""
        return [round(at - self.began, 6) for at in self.line.sounded]

    @property
    def counters(self):
        return self.session.status().counters

    async def speak(self, person: int, start: float, end: float, text: str, *, recognition_delay: float | None = None):
        """One stretch of speech, words spread over it; a pause is told 0.2 s after the end, as by real ears."""
        self._numbers += 1
        number = self._numbers
        self.recogniser.words[number] = text
        if recognition_delay is not None:
            self.recogniser.lags[number] = recognition_delay
        await self.until(min(start + DETECTION, end))
        count = len(text.split())
        told = 0
        at = min(start + DETECTION, end)
        is_first = True
        while True:
            share = 1.0 if at >= end - 1e-9 else (at - start) / (end - start)
            words = range(told + 1, round(count * share) + 1)
            told = max(told, round(count * share))
            pcm = b"".join(number.to_bytes(2, "little") + word.to_bytes(2, "little") for word in words) or (
                number.to_bytes(2, "little") + b"\0\0"
            )
            when = self.began + at
            if is_first:
                kind = SpeechResumed if person in self.ears.in_turn else SpeechStarted
                self.ears.in_turn.add(person)
                self._give(kind(person_id=person, at=self.began + start, pcm=pcm))
            else:
                self._give(SpeechWentOn(person_id=person, at=when, pcm=pcm))
            is_first = False
            if at >= end - 1e-9:
                break
            at = min(end, at + STEP)
            await self.until(at)
        await self.until(end + DETECTION)
        self._give(SpeechPaused(person_id=person, at=self.began + end))

    def _give(self, event: SpeechEvent) -> None:
        """At once, as if the ears ticked this very moment, so that times are exact."""
        if self.session.may_hear(event.person_id):
            self.session._conversation.event(event)

    def speaks(self, *args: object, **settings: object) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(self.speak(*args, **settings))  # type: ignore[arg-type]
