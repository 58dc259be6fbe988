"""An answer on its way: recalled, written and voiced while its turn is not over yet, held until it is."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from bot.domain.answer import Question, QuestionSource
from bot.domain.ask import Ask
from bot.domain.conversation import ClipRef, Turn
from bot.domain.errors import BotError, MediaError, VoiceError
from bot.domain.events import JobEvent, RunListener
from bot.domain.media import AudioChunk, MediaFile, MediaProbe
from bot.domain.recollection import NOTHING, Recollection
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice, NoticeCode
from bot.domain.understanding import Look
from bot.domain.voice import FRAME_SECONDS
from bot.domain.voice_session import TurnTimings
from bot.hooks.values import Received, VoiceTurn
from bot.pipeline.aloud import (
    JudgingModel,
    NotForUsError,
    SpeechSplitter,
    Spoken,
    asked,
    heard_aloud,
    room_lines,
)
from bot.pipeline.answering import answer, prepare
from bot.pipeline.fusion import Evidence
from bot.pipeline.looking import Looking
from bot.pipeline.receiving import receive
from bot.pipeline.together import together
from bot.pipeline.tools import Toolbox
from bot.services.again import Again
from bot.services.clips import Clip
from bot.services.voice.means import CLIP_SECONDS, Means, Part
from bot.services.voice.scene import Scene
from bot.services.voice.voicing import Voicing
from bot.voice.player import Player
from bot.voice.spoken_forms import SpokenForms

log = logging.getLogger(__name__)


class Asker(Protocol):
    """Whoever wants the answer. Called on the event loop, not any more after `cancel`."""

    def progressed(self, draft: "Draft") -> None: ...

    def readied(self, draft: "Draft") -> None:
        """There is sound."""
        ...

    def refused(self, draft: "Draft") -> None:
        """The chat model says that nobody spoke to it."""
        ...

    def finished(self, draft: "Draft") -> None:
        """It is written, and voiced as far as that could be done."""
        ...

    def failed(self, draft: "Draft", error: BotError) -> None: ...


class Draft:
    """The answer to `parts`. `is_judged`: whether it is wanted at all is for the model to say. Nothing of it is to be
    heard before `speak`. `times` are those of its first token, sentence and speech, on `clock`."""

    def __init__(
        self,
        means: Means,
        parts: Sequence[Part],
        scene: Scene,
        *,
        asker: Asker,
        player: Player,
        wake: Callable[[], None],
        clock: Callable[[], float],
        listener: RunListener | None,
        is_judged: bool,
        is_committed: bool,
    ) -> None:
        self.parts = tuple(parts)
        self.is_judged = is_judged
        self.was_speculative = not is_committed
        self.committed_at: float | None = None
        self.written = ""
        self.clips: tuple[ClipRef, ...] = ()
        self.earlier: Recollection = NOTHING
        self.is_over = False
        self._means = means
        self._scene = scene
        self._asker = asker
        self._clock = clock
        self._began_at = clock()
        self._looked: list[Again] = []
        self._committed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.run = scene.run(_Told(self, listener), self.parts[0].person_id, clock)
        self.voicing = Voicing(
            self.run,
            scene.crew,
            player,
            encoder=means.encoder,
            forms=SpokenForms(names=scene.names, code_words=scene.code_words),
            committed=self._committed,
            speaks_ahead=means.speaks_ahead,
            voiced=lambda: self._tell(asker.readied),
            wake=wake,
        )
        if is_committed:
            self.commit()

    def start(self, after: Sequence[asyncio.Task[None]] = ()) -> asyncio.Task[None]:
        """Begin, once `after` is done."""
        self._task = asyncio.create_task(self._whole(after), name="spoken-answer")
        self._task.add_done_callback(self._ended)
        return self._task

    def commit(self) -> None:
        """The turns it answers are over."""
        if self.committed_at is None:
            self.committed_at = self._clock()
            self._committed.set()

    def speak(self, generation: int) -> None:
        """From now on it is to be heard."""
        self.voicing.speak(generation)

    def cancel(self) -> None:
        """Give it up; nothing is told of it any more. What the player has of it is for the caller to drop."""
        self.is_over = True
        if self._task is not None:
            self._task.cancel()

    @property
    def question(self) -> str:
        return asked([Spoken(name=part.name, text=part.text) for part in self.parts])

    @property
    def people(self) -> frozenset[int]:
        """Who asked."""
        return frozenset(part.person_id for part in self.parts)

    @property
    def sources(self) -> frozenset[int]:
        """Everybody whose words it may rest on."""
        authors = {clip.source.author_id for clip in self.clips}
        if self._scene.clips is not None:
            authors.add(self._scene.clips.person_id)
        return frozenset({*self.people, *self._scene.sources, *self.earlier.people, *authors} - {0})

    @property
    def played_seconds(self) -> float:
        return self.voicing.played_frames * FRAME_SECONDS

    @property
    def is_played(self) -> bool:
        """Whether all of it was handed out."""
        played = self.voicing.played
        return played is not None and played.is_complete

    @property
    def is_done(self) -> bool:
        """Whether it is written and voiced."""
        return self._task is not None and self._task.done()

    @property
    def first_audio_at(self) -> float | None:
        """When its first audible frame was handed out."""
        played = self.voicing.played
        return None if played is None else played.first_at

    def timings(self) -> TurnTimings:
        """Counted from the true end of the last asker's speech."""
        end = max(part.ended_at for part in self.parts)
        settled = [part.settled_at for part in self.parts if part.settled_at is not None]

        def since(at: float | None) -> float | None:
            return None if at is None else round(at - end, 6)

        def of_run(name: str) -> float | None:
            seconds = self.run.timings_seconds.get(name)
            return None if seconds is None else since(self._began_at + seconds)

        return TurnTimings(
            endpoint=since(self.committed_at),
            transcript=since(max(settled, default=None)),
            first_token=of_run("first_token"),
            first_sentence=of_run("first_sentence"),
            first_speech=of_run("first_audio"),
            first_audio=since(self.first_audio_at),
        )

    def voice_turn(self, *, interrupted_by: int | None = None) -> VoiceTurn:
        """As plugins are told of it."""
        asker_ids = tuple(dict.fromkeys(part.person_id for part in self.parts))
        return VoiceTurn(job_id=self.run.job_id, asker_ids=asker_ids, interrupted_by=interrupted_by)

    def turn(self, answer: str) -> Turn:
        """What is to be remembered of it."""
        first = self.parts[0]
        return Turn(
            job_id=self.run.job_id,
            key=self._scene.key,
            asker_id=first.person_id,
            asker_name=first.name,
            asked_at=datetime.now(UTC),
            question=self.question,
            answer=answer,
            clips=self.clips,
            was_heard=True,
            notices=tuple(self.run.notices),
            usages=tuple(self.run.usages),
            people=tuple(sorted(self.sources - {first.person_id})),
        )

    async def keep_looks(self) -> None:
        """Remember what was found in clips that were examined again."""
        if self._looked:
            await self._means.clips.keep_looks(self._looked)

    def progressed(self) -> None:
        self._tell(self._asker.progressed)

    # Its work.

    async def _whole(self, after: Sequence[asyncio.Task[None]]) -> None:
        if after:
            await asyncio.wait(after)
        self._began_at = self._clock()
        try:
            async with self.run.whole():
                await self._answer()
        except NotForUsError:
            self._tell(self._asker.refused)
        except BotError as error:
            failure = error
            self._tell(lambda draft: self._asker.failed(draft, failure))
        else:
            self._tell(self._asker.finished)

    def _tell(self, tell: Callable[["Draft"], None]) -> None:
        if not self.is_over:
            tell(self)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A mistake of ours must leave nobody waiting."""
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a spoken answer failed", exc_info=error)
            self._tell(lambda draft: self._asker.failed(draft, answer_broken()))

    async def _answer(self) -> None:
        self.run.notice(*self._means.standing)
        posted = self._scene.clips
        sources = () if posted is None else posted.sources
        received = await receive(self.run, self._scene.crew, Received(question=self.question, sources=sources))
        with ExitStack() as stack:
            clips = await self._understood()
            self.clips = tuple(clip.ref for clip in clips)
            self._looked = [self._means.clips.again(self.run, clip, stack) for clip in clips]
            question = Question(
                source=QuestionSource.SPOKEN,
                text=received.question or self.question,
                language=self._scene.crew.answer_language,
            )
            ask = self._ask()
            self.earlier = await self._means.remembrance.recollect(ask, _plain(self.parts), self._digests())
            _, written = await together(self.voicing.work(), self._write(question, clips))
        if not written:
            raise VoiceError("voice_no_answer", "I have nothing to say to that. Ask again in other words.")

    async def _write(self, question: Question, clips: Sequence[Clip]) -> str:
        crew = self._scene.crew
        understood = [clip.understanding for clip in clips]
        evidence = Evidence(
            clips=tuple(one.timeline for one in understood),
            earlier=self.earlier,
            room=room_lines(self._scene.room, [part.name for part in self.parts]),
        )
        frames = tuple(frame for one in understood for frame in one.frames)
        prompt, _ = await prepare(self.run, crew, evidence, question, mode=self._means.mode, frames=frames)
        prompt = heard_aloud(prompt, crew, is_judged=self.is_judged)
        if self.is_judged:
            crew = replace(crew, chat=JudgingModel(crew.chat))
        try:
            return await answer(
                self.run,
                crew,
                prompt,
                on_sentence=self.voicing.say,
                toolbox=Toolbox(self.run, crew, self._looking(evidence)),
                splitter=SpeechSplitter(crew.answer_language or "en"),
            )
        finally:
            self.voicing.end()

    def _looking(self, evidence: Evidence) -> Looking:
        clips = [_Held(one, self._committed) for one in self._looked]
        return Looking(self.run, self._scene.crew, clips, evidence.clips)

    async def _understood(self) -> list[Clip]:
        """The clips in words. What that costs is spent for a turn that is over only."""
        posted = self._scene.clips
        if posted is None:
            refs = await self._means.remembrance.clips_in_play(self._scene.key, seconds=CLIP_SECONDS)
            wanted = [(ref.source, ref.sha256) for ref in refs]
        else:
            wanted = [(source, None) for source in posted.sources]
        clips: list[Clip] = []
        for source, sha256 in wanted[: self._means.max_clips]:
            if not await self._means.clips.is_known(source):
                await self._committed.wait()
            try:
                clips.append(await self._means.clips.understood(self.run, source, sha256=sha256, mode=self._means.mode))
            except MediaError as error:
                self.run.notice(_left_out(error))
        return clips

    def _digests(self) -> list[str]:
        return [clip.sha256 for clip in self.clips]

    def _ask(self) -> Ask:
        first = self.parts[0]
        return Ask(
            job_id=self.run.job_id,
            key=self._scene.key,
            asker_id=first.person_id,
            asker_name=first.name,
            asked_at=datetime.now(UTC),
            question=self.question,
            locale=self._scene.locale,
        )


class _Told:
    """What the run of a draft tells."""

    def __init__(self, draft: Draft, listener: RunListener | None) -> None:
        self._draft = draft
        self._listener = listener

    def event(self, event: JobEvent) -> None:
        if self._listener is not None:
            self._listener.event(event)
        self._draft.progressed()

    def text(self, delta: str) -> None:
        self._draft.written += delta
        self._draft.progressed()

    def audio(self, chunk: AudioChunk) -> None:
        """Its frames go to the player."""


class _Held:
    """A clip that is examined again only for a turn that is over."""

    def __init__(self, clip: Again, committed: asyncio.Event) -> None:
        self._clip = clip
        self._committed = committed

    @property
    def looks(self) -> list[Look]:
        return self._clip.looks

    async def open(self) -> tuple[MediaFile, MediaProbe]:
        await self._committed.wait()
        return await self._clip.open()


def answer_broken() -> VoiceError:
    """Something of ours failed."""
    return VoiceError("voice_broken", "Something went wrong while I was about to answer. Ask again.")


def _plain(parts: Sequence[Part]) -> str:
    """The words alone, as memory is searched by them."""
    return " ".join(part.text for part in parts)


def _left_out(error: MediaError) -> Notice:
    return Notice(
        code=NoticeCode.CLIP_LEFT_OUT,
        public=sentence("A clip could not be used. {reason}", reason=error.public),
    )
