"""What somebody asks in a chat: the clips it is about, what was said before, the answer, and that it is remembered."""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace

from bot.domain.answer import AnswerMode, QuestionSource, Usage, WantedCall
from bot.domain.ask import Ask, AskKind
from bot.domain.conversation import ClipRef, MediaSource, PlaceSettings, Turn
from bot.domain.errors import BotError, MediaError, MemoryFault
from bot.domain.events import RunListener
from bot.domain.media import VoiceClip
from bot.domain.occasion import Surface
from bot.domain.quote import Consent, Quote
from bot.domain.recollection import NOTHING, Recollection
from bot.domain.sentence import sentence
from bot.domain.timeline import MomentKind, Notice, NoticeCode, Timeline
from bot.hooks.values import Received
from bot.memory.store import Memory
from bot.pipeline.crew import Crew
from bot.pipeline.question import choose_question
from bot.pipeline.receiving import receive
from bot.pipeline.replying import reply
from bot.pipeline.run import Run
from bot.pipeline.speaking import say
from bot.pipeline.together import first_cause
from bot.pipeline.tools import carry_out
from bot.services.again import Again
from bot.services.clips import Clip, ClipService, Storyboard
from bot.services.quota import Budget, Spending, UnagreedError
from bot.services.remembrance import Remembrance

log = logging.getLogger(__name__)

TURNS_BACK = 8
"""How far an ask goes back for what was said, and for its clip."""

_SAID = (AskKind.ASK, AskKind.SUMMARIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of an ask: text and voice of an answer (empty for exports), the timelines of the clips, storyboards;
    `wanted` are calls of tools that wait for the asker. `quote`: nothing was done yet, because it costs so much that
    the asker has to agree first."""

    text: str = field(default="", repr=False)
    question: str = field(default="", repr=False)
    timelines: tuple[Timeline, ...] = field(default=(), repr=False)
    storyboards: tuple[Storyboard, ...] = ()
    has_picture: bool = False
    notices: tuple[Notice, ...] = ()
    usages: tuple[Usage, ...] = ()
    voice: VoiceClip | None = None
    source: QuestionSource = QuestionSource.TYPED
    mode: AnswerMode = AnswerMode.AUTO
    wanted: tuple[WantedCall, ...] = ()
    quote: Quote | None = None
    timings_seconds: Mapping[str, float] = field(default_factory=dict[str, float])


class ChatService:
    """Answers for one crew; `standing` notices (such as the offline preset's) go with every answer. What may cost more
    than `confirm_usd` waits for the asker to agree; 0: nothing does."""

    def __init__(
        self,
        crew: Crew,
        memory: Memory,
        clips: ClipService,
        remembrance: Remembrance,
        *,
        mode: AnswerMode,
        max_clips: int,
        standing: tuple[Notice, ...] = (),
        budget: Budget | None = None,
        confirm_usd: float = 0.0,
    ) -> None:
        self._budget = budget
        self._confirm_usd = confirm_usd
        self._crew = crew
        self._memory = memory
        self._clips = clips
        self._remembrance = remembrance
        self._mode = mode
        self._max_clips = max_clips
        self._standing = standing

    async def serve(self, ask: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        """Do what is asked, and remember what was said. Text comes to the listener as it is written.

        Raises MediaError for clips and voice messages that cannot be used, ProviderError when no model answered.
        """
        crew = self._crew_at(place)
        surface = Surface.CHAT if ask.asker_id else Surface.CLI
        occasion = crew.occasion(ask.job_id, surface, key=ask.key, asker_id=ask.asker_id or None, locale=ask.locale)
        run = Run(listener, job_id=ask.job_id, occasion=occasion, hooks=crew.hooks)
        async with run.whole():
            if ask.kind is AskKind.SPEAK:
                return await self._speak(run, ask, crew)
            run.notice(*self._standing)
            wanted = self._wanted(run, ask.clips or await self._clips_before(ask))
            received = await receive(run, self._crew, Received(question=ask.question, sources=_sources(wanted)))
            ask = replace(ask, question=received.question)
            keeps = await self._remembrance.may_keep({ask.asker_id, *_authors(wanted)})
            earlier = NOTHING
            again: list[Again] = []
            if ask.kind is AskKind.STORYBOARD:
                done = await self._storyboards(run, wanted)
                refs = [board.ref for board in done.storyboards]
            else:
                async with self._spending(ask, wanted) as spending:
                    try:
                        clips, ask = await self._understand(run, ask, wanted, spending)
                    except UnagreedError as unagreed:
                        return Done(quote=unagreed.quote, timings_seconds=run.timings_seconds)
                    if not clips and (ask.kind is not AskKind.ASK or not ask.question):
                        raise no_clip()
                    refs = [clip.ref for clip in clips]
                    with ExitStack() as stack:
                        again = [self._clips.again(run, clip, stack) for clip in clips]
                        done, earlier = await self._reply(run, ask, crew, clips, again)
        if keeps and (ask.clips or ask.kind in _SAID or not ask.is_private):
            try:
                await self._remembrance.keep(_turn(ask, done, refs, earlier))
                await self._clips.keep_looks(again)
            except MemoryFault as fault:  # the answer is paid for
                log.warning("job %s: it is not remembered: %s", ask.job_id, fault.code)
                run.notice(_not_kept(fault))
                done = replace(done, notices=tuple(run.notices))
        return replace(done, timings_seconds=run.timings_seconds)

    async def carry_out(self, call: WantedCall, ask: Ask) -> str:
        """What a tool says to a call that the asker agreed to. Raises BotError."""
        surface, asker_id = Surface.CHAT, ask.asker_id
        occasion = self._crew.occasion(ask.job_id, surface, key=ask.key, asker_id=asker_id, locale=ask.locale)
        return await carry_out(self._crew.hooks.offers, call, occasion)

    async def _speak(self, run: Run, ask: Ask, crew: Crew) -> Done:
        """The answer of the turn an ask follows, aloud."""
        turn = await self._memory.turn(ask.follows) if ask.follows else None
        if turn is None:
            raise BotError("turn_gone", "I no longer know that answer. Ask again, with speaking switched on.")
        return Done(voice=await say(run, crew, turn.answer), notices=tuple(run.notices))

    def _crew_at(self, place: PlaceSettings) -> Crew:
        return replace(
            self._crew,
            answer_language=place.language or self._crew.answer_language,
            voice=place.voice or self._crew.voice,
        )

    async def _clips_before(self, ask: Ask) -> tuple[ClipRef, ...]:
        """Those of the last turn in the chain that was about any."""
        turns = await self._memory.chain(ask.follows, limit=TURNS_BACK) if ask.follows else ()
        return next((turn.clips for turn in reversed(turns) if turn.clips), ())

    def _spending(self, ask: Ask, wanted: Sequence[MediaSource | ClipRef]) -> Spending:
        """Nobody is asked to agree on the command line."""
        return Spending(
            self._crew,
            self._budget,
            seats=len(wanted) + (ask.voice_question is not None),
            answers=ask.kind in _SAID,
            speaks=ask.speak,
            consent=ask.consent if ask.asker_id else Consent.AGREED,
            confirm_usd=self._confirm_usd,
            most_usd=ask.most_usd,
        )

    async def _understand(
        self, run: Run, ask: Ask, wanted: Sequence[MediaSource | ClipRef], spending: Spending
    ) -> tuple[list[Clip], Ask]:
        """The clips in play and the ask with its question in words, all worked on at once."""
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self._clip(run, ask, ref, spending, alone=len(wanted) == 1)) for ref in wanted
                ]
                spoken = group.create_task(self._spoken_question(run, ask, spending))
        except BaseExceptionGroup as failures:
            raise first_cause(failures) from None
        results = [task.result() for task in tasks]
        clips = [result for result in results if isinstance(result, Clip)]
        refused = [result for result in results if isinstance(result, MediaError)]
        if refused and not clips:
            raise refused[0]
        for number, result in enumerate(results, start=1):
            if isinstance(result, MediaError):
                run.notice(_left_out(number, result))
        return clips, replace(ask, question=ask.question or spoken.result())

    def _wanted(self, run: Run, clips: Sequence[MediaSource | ClipRef]) -> Sequence[MediaSource | ClipRef]:
        """Not more than are taken at once."""
        if len(clips) > self._max_clips:
            run.notice(_only_first(self._max_clips, len(clips)))
        return clips[: self._max_clips]

    async def _clip(
        self, run: Run, ask: Ask, ref: MediaSource | ClipRef, spending: Spending, *, alone: bool
    ) -> Clip | MediaError:
        """One clip in words; among several, one that cannot be used does not spoil the others."""
        source, sha256 = (ref.source, ref.sha256) if isinstance(ref, ClipRef) else (ref, None)
        mode = AnswerMode.CAPTION if ask.kind is AskKind.TIMELINE else self._mode
        looks = ask.kind is not AskKind.TRANSCRIBE
        try:
            return await self._clips.understood(run, source, sha256=sha256, mode=mode, looks=looks, spending=spending)
        except MediaError as error:
            if alone:
                raise
            return error

    async def _spoken_question(self, run: Run, ask: Ask, spending: Spending) -> str | None:
        if ask.voice_question is None:
            return None
        voice = ask.voice_question
        clip = await self._clips.understood(run, voice, mode=self._mode, looks=False, spending=spending)
        words = " ".join(moment.text for moment in clip.understanding.timeline.of(MomentKind.HEARD))
        if not words.strip():
            raise MediaError(
                "question_unheard", "I could not make out any words in the voice message. Say it again, or type it."
            )
        return words

    async def _storyboards(self, run: Run, wanted: Sequence[MediaSource | ClipRef]) -> Done:
        if not wanted:
            raise no_clip()
        return Done(
            storyboards=tuple([await self._clips.storyboard(run, source) for source in _sources(wanted)]),
            has_picture=True,
            notices=tuple(run.notices),
        )

    async def _reply(
        self, run: Run, ask: Ask, crew: Crew, clips: Sequence[Clip], again: Sequence[Again]
    ) -> tuple[Done, Recollection]:
        """What is done, and what came back for it."""
        understood = [clip.understanding for clip in clips]
        spoken = [moment.text for one in understood for moment in one.timeline.of(MomentKind.HEARD)]
        earlier = NOTHING
        done = Done(
            question=ask.question or "",
            timelines=tuple(one.timeline for one in understood),
            has_picture=any(clip.has_picture for clip in clips),
        )
        if ask.kind in _SAID:
            question = choose_question(ask.question, spoken, language=crew.answer_language or ask.locale)
            if ask.voice_question is not None:
                question = replace(question, source=QuestionSource.SPOKEN)
            earlier = await self._remembrance.recollect(ask, question.text, [clip.ref.sha256 for clip in clips])
            said = await reply(
                run, crew, question, understood, mode=self._mode, speak=ask.speak, earlier=earlier, again=again
            )
            done = replace(
                done,
                text=said.text,
                question=question.text,
                voice=said.voice,
                source=question.source,
                mode=said.mode,
                wanted=said.wanted,
            )
        elif ask.kind is AskKind.TRANSCRIBE:
            done = replace(done, text="\n".join(spoken))
        return replace(done, notices=tuple(run.notices), usages=tuple(run.usages)), earlier


def _turn(ask: Ask, done: Done, clips: Sequence[ClipRef], earlier: Recollection) -> Turn:
    return Turn(
        job_id=ask.job_id,
        key=ask.key,
        asker_id=ask.asker_id,
        asker_name=ask.asker_name,
        asked_at=ask.asked_at,
        question=done.question,
        answer=done.text,
        clips=tuple(clips),
        follows=ask.follows,
        source=ask.source,
        was_heard=ask.voice_question is not None,
        notices=done.notices,
        usages=done.usages,
        people=tuple(sorted({*earlier.people, *_authors(clips)} - {ask.asker_id})),
    )


def _authors(clips: Sequence[MediaSource | ClipRef]) -> set[int]:
    """Who posted them, as far as that is known."""
    return {source.author_id for source in _sources(clips) if source.author_id}


def _sources(clips: Sequence[MediaSource | ClipRef]) -> tuple[MediaSource, ...]:
    return tuple(clip.source if isinstance(clip, ClipRef) else clip for clip in clips)


def no_clip() -> MediaError:
    """There is nothing to look at or to listen to."""
    return MediaError("no_clip", "There is no clip to go by. Attach one, or reply to a message that has one.")


def _not_kept(fault: MemoryFault) -> Notice:
    return Notice(code=NoticeCode.NOT_KEPT, public=sentence("This is not remembered. {reason}", reason=fault.public))


def _left_out(number: int, error: MediaError) -> Notice:
    return Notice(
        code=NoticeCode.CLIP_LEFT_OUT,
        public=sentence("Clip {number} was left out. {reason}", number=number, reason=error.public),
    )


def _only_first(most: int, total: int) -> Notice:
    return Notice(
        code=NoticeCode.CLIP_LEFT_OUT,
        public=sentence("Only the first {most} of {total} clips were used.", most=most, total=total),
    )
