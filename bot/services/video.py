"""What the bot can do with a clip: answer a question, tell its timeline, draw its frames."""

import logging
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from bot.domain.answer import Answer, AnswerMode
from bot.domain.events import CostEstimated, RunListener, Stage
from bot.domain.media import Frame, MediaFile, MediaProbe
from bot.domain.occasion import Surface
from bot.domain.timeline import MomentKind, Notice, Timeline
from bot.hooks.specs import Specs
from bot.hooks.values import Received
from bot.media.frames import sample_frames
from bot.media.intake import open_media
from bot.media.probe import probe
from bot.media.storyboard import draw_storyboard
from bot.pipeline.crew import Crew
from bot.pipeline.degrade import Plan, Unseen
from bot.pipeline.estimate import Estimate, estimate_exactly
from bot.pipeline.fusion import frames_to_hold
from bot.pipeline.looking import OpenClip
from bot.pipeline.question import choose_question
from bot.pipeline.receiving import receive
from bot.pipeline.replying import reply
from bot.pipeline.run import Run, new_job_id
from bot.pipeline.video import edited, understand
from bot.services.quota import Budget, Spending

log = logging.getLogger(__name__)


class VideoService:
    """Works for one crew; `standing` notices (such as the offline preset's) go with every answer. `budget` None: there
    is no bound to what is spent."""

    def __init__(self, crew: Crew, *, standing: tuple[Notice, ...] = (), budget: Budget | None = None) -> None:
        self._budget = budget
        self._crew = crew
        self._standing = standing

    async def ask(
        self,
        path: Path,
        question: str | None,
        listener: RunListener,
        *,
        mode: AnswerMode = AnswerMode.AUTO,
        speak: bool = False,
        most_usd: float | None = None,
    ) -> Answer:
        """Answer a question about a clip; text and sound go to the listener as they come.

        Without a typed question the one asked in the clip is answered, else what happens there. `most_usd`: no more
        than this may be spent on it; less of the clip is looked at then.
        Raises MediaError for a file that cannot be used and ProviderError when no model answered.
        """
        run = self._run(listener)
        async with run.whole():
            received = await receive(run, self._crew, Received(question=question))
            file, facts = await self._open(run, path)
            hold = frames_to_hold(mode, facts.kind, self._crew)
            async with Spending(self._crew, self._budget, speaks=speak, most_usd=most_usd) as spending:
                plan = await self._plan(run, spending, Unseen(facts=facts, hold=hold))
                understood = await understand(run, self._crew, file, facts, hold_frames=hold, plan=plan)
                understood = await edited(run, self._crew, understood)
                spoken = [moment.text for moment in understood.timeline.of(MomentKind.HEARD)]
                asked = choose_question(
                    received.question, spoken, language=self._crew.answer_language or understood.language
                )
                again = OpenClip(file, facts)
                said = await reply(run, self._crew, asked, [understood], mode=mode, speak=speak, again=[again])
        timeline = understood.timeline.plus(moment for look in again.looks for moment in look.moments)
        return Answer(
            job_id=run.job_id,
            text=said.text,
            question=asked,
            mode=said.mode,
            timeline=replace(timeline, notices=tuple(run.notices)),
            notices=tuple(run.notices),
            usages=tuple(run.usages),
            timings_seconds=run.timings_seconds,
            voice=said.voice,
        )

    async def timeline(self, path: Path, listener: RunListener) -> Timeline:
        """What is seen and heard in a clip, in order. Raises MediaError."""
        run = self._run(listener)
        async with run.whole():
            file, facts = await self._open(run, path)
            async with Spending(self._crew, self._budget, answers=False) as spending:
                plan = await self._plan(run, spending, Unseen(facts=facts))
                understood = await understand(run, self._crew, file, facts, hold_frames=0, plan=plan)
                understood = await edited(run, self._crew, understood)
        return replace(understood.timeline, notices=tuple(run.notices))

    async def storyboard(self, path: Path, listener: RunListener) -> bytes:
        """A PNG of the chosen frames with their times. Raises MediaError, also when the file has no picture."""
        run = self._run(listener)
        async with run.whole():
            file, facts = await self._open(run, path)
            async with run.stage(Stage.FRAMES):
                frames = await self._frames(file, facts)
        return await draw_storyboard(frames)

    async def estimate(self, path: Path, listener: RunListener) -> Estimate:
        """What an answer about this clip will take and cost; nothing is paid for it. Raises MediaError."""
        run = self._run(listener)
        async with run.whole():
            file, facts = await self._open(run, path)
            return await estimate_exactly(self._crew, file, facts)

    def _run(self, listener: RunListener) -> Run:
        occasion = self._crew.occasion(new_job_id(), Surface.CLI)
        return Run(listener, job_id=occasion.job_id, occasion=occasion, hooks=self._crew.hooks)

    async def _open(self, run: Run, path: Path) -> tuple[MediaFile, MediaProbe]:
        run.notice(*self._standing)
        async with run.stage(Stage.PROBE):
            file = await open_media(path, self._crew.limits)
            facts = await probe(file, self._crew.limits)
        run.probed(facts)
        self._crew.hooks.watch(Specs.on_probed, facts, run.occasion)
        return file, facts

    async def _frames(self, file: MediaFile, facts: MediaProbe) -> tuple[Frame, ...]:
        async with aclosing(sample_frames(file, facts, self._crew.limits)) as items:
            return tuple([item async for item in items if isinstance(item, Frame)])

    async def _plan(self, run: Run, spending: Spending, unseen: Unseen) -> Plan:
        """How much of the clip is looked at; what that costs is told. Raises BudgetError."""
        plan = await spending.seat().plan(unseen)
        cost_usd = None if spending.choice is None else spending.choice.estimate.cost_usd
        run.listener.event(CostEstimated(job_id=run.job_id, at_seconds=run.at_seconds, cost_usd=cost_usd))
        return plan
