"""What somebody asks in a chat: the clips it is about, what was said before, the answer, and that it is remembered."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.domain.answer import AnswerMode, Exchange, QuestionSource, Usage
from bot.domain.ask import Ask, AskKind
from bot.domain.conversation import ClipRef, MediaSource, PlaceSettings, Turn
from bot.domain.errors import BotError, MediaError
from bot.domain.events import RunListener
from bot.domain.media import VoiceClip
from bot.domain.sentence import sentence
from bot.domain.timeline import MomentKind, Notice, NoticeCode, Timeline
from bot.memory.store import Memory
from bot.pipeline.crew import Crew
from bot.pipeline.question import choose_question
from bot.pipeline.replying import reply
from bot.pipeline.run import Run
from bot.pipeline.speaking import say
from bot.pipeline.together import first_cause
from bot.services.clips import Clip, ClipService, Storyboard

TURNS_BACK = 8
"""How far an ask goes back for what was said, and for its clip."""

_SAID = (AskKind.ASK, AskKind.SUMMARIZE)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """What an ask goes on from: exchanges, oldest first, and the clips they were about."""

    exchanges: tuple[Exchange, ...] = field(default=(), repr=False)
    clips: tuple[ClipRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of an ask: text and voice of an answer (empty for exports), the timelines of the clips, storyboards."""

    text: str = field(default="", repr=False)
    question: str = field(default="", repr=False)
    timelines: tuple[Timeline, ...] = field(default=(), repr=False)
    storyboards: tuple[Storyboard, ...] = ()
    has_picture: bool = False
    notices: tuple[Notice, ...] = ()
    usages: tuple[Usage, ...] = ()
    voice: VoiceClip | None = None


class ChatService:
    """Answers for one crew; `standing` notices (such as the offline preset's) go with every answer."""

    def __init__(
        self,
        crew: Crew,
        memory: Memory,
        clips: ClipService,
        *,
        mode: AnswerMode,
        max_clips: int,
        standing: tuple[Notice, ...] = (),
    ) -> None:
        self._crew = crew
        self._memory = memory
        self._clips = clips
        self._mode = mode
        self._max_clips = max_clips
        self._standing = standing

    async def serve(self, ask: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        """Do what is asked, and remember what was said. Text comes to the listener as it is written.

        Raises MediaError for clips and voice messages that cannot be used, ProviderError when no model answered.
        """
        run = Run(listener, job_id=ask.job_id)
        async with run.whole():
            if ask.kind is AskKind.SPEAK:
                return await self._speak(run, ask, place)
            run.notice(*self._standing)
            before = await self._before(ask)
            if ask.kind is AskKind.STORYBOARD:
                done = await self._storyboards(run, ask, before)
                refs = [board.ref for board in done.storyboards]
            else:
                clips, ask = await self._understand(run, ask, before)
                if not clips and (ask.kind is not AskKind.ASK or not ask.question):
                    raise no_clip()
                done = await self._reply(run, ask, self._crew_at(place), clips, before)
                refs = [clip.ref for clip in clips]
        if ask.clips or ask.kind in _SAID or not ask.is_private:
            await self._remember(ask, done, refs)
        return done

    async def _speak(self, run: Run, ask: Ask, place: PlaceSettings) -> Done:
        """The answer of the turn an ask follows, aloud."""
        turn = await self._memory.turn(ask.follows) if ask.follows else None
        if turn is None:
            raise BotError("turn_gone", "I no longer know that answer. Ask again, with speaking switched on.")
        return Done(voice=await say(run, self._crew_at(place), turn.answer), notices=tuple(run.notices))

    def _crew_at(self, place: PlaceSettings) -> Crew:
        return replace(
            self._crew,
            answer_language=place.language or self._crew.answer_language,
            voice=place.voice or self._crew.voice,
        )

    async def _before(self, ask: Ask) -> _Before:
        turns = await self._memory.chain(ask.follows, limit=TURNS_BACK) if ask.follows else ()
        with_clips = [turn.clips for turn in turns if turn.clips]
        return _Before(
            exchanges=tuple(Exchange(question=turn.question, answer=turn.answer) for turn in turns if turn.question),
            clips=with_clips[-1] if with_clips else (),
        )

    async def _understand(self, run: Run, ask: Ask, before: _Before) -> tuple[list[Clip], Ask]:
        """The clips in play and the ask with its question in words, all worked on at once."""
        wanted = self._wanted(run, ask, before)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._clip(run, ask, ref, alone=len(wanted) == 1)) for ref in wanted]
                spoken = group.create_task(self._spoken_question(run, ask))
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

    def _wanted(self, run: Run, ask: Ask, before: _Before) -> Sequence[MediaSource | ClipRef]:
        """The clips an ask names, else those of the turn it goes on from; not more than are taken at once."""
        wanted: Sequence[MediaSource | ClipRef] = ask.clips or before.clips
        if len(wanted) > self._max_clips:
            run.notice(_only_first(self._max_clips, len(wanted)))
        return wanted[: self._max_clips]

    async def _clip(self, run: Run, ask: Ask, ref: MediaSource | ClipRef, *, alone: bool) -> Clip | MediaError:
        """One clip in words; among several, one that cannot be used does not spoil the others."""
        source, sha256 = (ref.source, ref.sha256) if isinstance(ref, ClipRef) else (ref, None)
        mode = AnswerMode.CAPTION if ask.kind is AskKind.TIMELINE else self._mode
        looks = ask.kind is not AskKind.TRANSCRIBE
        try:
            return await self._clips.understood(run, source, sha256=sha256, mode=mode, looks=looks)
        except MediaError as error:
            if alone:
                raise
            return error

    async def _spoken_question(self, run: Run, ask: Ask) -> str | None:
        if ask.voice_question is None:
            return None
        clip = await self._clips.understood(run, ask.voice_question, mode=self._mode, looks=False)
        words = " ".join(moment.text for moment in clip.understanding.timeline.of(MomentKind.HEARD))
        if not words.strip():
            raise MediaError(
                "question_unheard", "I could not make out any words in the voice message. Say it again, or type it."
            )
        return words

    async def _storyboards(self, run: Run, ask: Ask, before: _Before) -> Done:
        wanted = self._wanted(run, ask, before)
        if not wanted:
            raise no_clip()
        sources = [ref.source if isinstance(ref, ClipRef) else ref for ref in wanted]
        return Done(
            storyboards=tuple([await self._clips.storyboard(run, source) for source in sources]),
            has_picture=True,
            notices=tuple(run.notices),
        )

    async def _reply(self, run: Run, ask: Ask, crew: Crew, clips: Sequence[Clip], before: _Before) -> Done:
        understood = [clip.understanding for clip in clips]
        spoken = [moment.text for one in understood for moment in one.timeline.of(MomentKind.HEARD)]
        done = Done(
            question=ask.question or "",
            timelines=tuple(one.timeline for one in understood),
            has_picture=any(clip.has_picture for clip in clips),
        )
        if ask.kind in _SAID:
            question = choose_question(ask.question, spoken, language=crew.answer_language or ask.locale)
            if ask.voice_question is not None:
                question = replace(question, source=QuestionSource.SPOKEN)
            said = await reply(
                run, crew, question, understood, mode=self._mode, speak=ask.speak, earlier=before.exchanges
            )
            done = replace(done, text=said.text, question=question.text, voice=said.voice)
        elif ask.kind is AskKind.TRANSCRIBE:
            done = replace(done, text="\n".join(spoken))
        return replace(done, notices=tuple(run.notices), usages=tuple(run.usages))

    async def _remember(self, ask: Ask, done: Done, clips: Sequence[ClipRef]) -> None:
        turn = Turn(
            job_id=ask.job_id,
            key=ask.key,
            asker_id=ask.asker_id,
            asked_at=ask.asked_at,
            question=done.question,
            answer=done.text,
            clips=tuple(clips),
            follows=ask.follows,
            source=ask.source,
            was_heard=ask.voice_question is not None,
            notices=done.notices,
            usages=done.usages,
        )
        await self._memory.keep_turn(turn)


def no_clip() -> MediaError:
    """There is nothing to look at or to listen to."""
    return MediaError("no_clip", "There is no clip to go by. Attach one, or reply to a message that has one.")


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
