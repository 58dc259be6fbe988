"""Clips as people post them: fetched, understood once however many ask, and remembered by their content."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import ExitStack, aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from bot.domain.answer import AnswerMode
from bot.domain.conversation import ClipRef, MediaSource
from bot.domain.errors import MediaError, MemoryFault
from bot.domain.events import RunListener, Stage
from bot.domain.media import Frame, MediaFile, MediaProbe
from bot.domain.timeline import Notice, NoticeCode
from bot.domain.understanding import Heard, Seen
from bot.hooks.specs import Specs
from bot.jobs.quarantine import Quarantine
from bot.media.cache import ClipCache
from bot.media.frames import sample_frames
from bot.media.intake import open_media
from bot.media.probe import probe
from bot.media.storyboard import draw_storyboard
from bot.media.workspace import Workspace
from bot.memory.store import Memory
from bot.pipeline.crew import Crew
from bot.pipeline.degrade import FULL, Plan, Step, Unseen
from bot.pipeline.fusion import frames_to_hold
from bot.pipeline.run import Run
from bot.pipeline.video import Known, Understanding, edited, recall, transcribe, understand
from bot.services.again import Again
from bot.services.quota import Budget, Seat, Spending
from bot.services.recipes import Cookbook, Recipes
from bot.services.steps import Broadcast, Steps

log = logging.getLogger(__name__)

_DEGRADED = frozenset(
    {NoticeCode.CAPTIONS_MISSING, NoticeCode.TRANSCRIPT_MISSING, NoticeCode.FALLBACK_USED, NoticeCode.DEGRADED}
)
_DEGRADED_KEEPS = timedelta(minutes=10)


class MediaFetcher(Protocol):
    """Brings an attachment here."""

    async def fetch(self, source: MediaSource, folder: Path) -> Path:
        """Save it in `folder`, return where. Raises MediaError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip that was understood. `look_recipe`: what another look at it depends on."""

    ref: ClipRef
    has_picture: bool
    understanding: Understanding = field(repr=False)
    look_recipe: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storyboard:
    """The chosen frames of a clip on one sheet, and their times in seconds."""

    ref: ClipRef
    png: bytes = field(repr=False)
    at_seconds: tuple[float, ...]


@dataclass(eq=False, slots=True, kw_only=True)
class _Flight:
    """The one piece of work on a clip that all who ask about it wait for; up to `hold` frames stay without words."""

    sha256: str
    recipes: Recipes
    watchers: list[RunListener]
    looks: bool
    hold: int
    plan: Plan
    run: Run
    task: "asyncio.Task[Understanding]"
    is_billed: bool = False


class ClipService:
    """Understands clips for one crew. `folder` holds the workspaces; without a `cache` a clip is fetched each time it
    is opened. `budget` None: there is no bound to what is spent. `quarantine` None: every file is opened."""

    def __init__(
        self,
        crew: Crew,
        memory: Memory,
        fetcher: MediaFetcher,
        *,
        folder: Path,
        cache: ClipCache | None = None,
        budget: Budget | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        self._budget = budget
        self._quarantine = quarantine
        self._cache = cache
        self._crew = crew
        self._memory = memory
        self._fetcher = fetcher
        self._folder = folder
        self._flights: dict[str, _Flight] = {}
        self._cookbook = Cookbook(crew)

    async def understood(
        self,
        run: Run,
        source: MediaSource,
        *,
        sha256: str | None = None,
        mode: AnswerMode,
        looks: bool = True,
        spending: Spending | None = None,
    ) -> Clip:
        """A clip in words, from memory where it is known; `looks` False: only its sound. `sha256` is the digest of its
        content where that is known. `spending` is that of the whole question, which has a seat for this clip; None: the
        clip is the only one. Raises MediaError, ProviderError and UnagreedError."""
        if spending is not None:
            with spending.seat() as seat:
                return await self._understood(run, source, sha256=sha256, mode=mode, looks=looks, seat=seat)
        async with Spending(self._crew, self._budget) as own:
            return await self.understood(run, source, sha256=sha256, mode=mode, looks=looks, spending=own)

    async def _understood(
        self, run: Run, source: MediaSource, *, sha256: str | None, mode: AnswerMode, looks: bool, seat: Seat
    ) -> Clip:
        sha256 = sha256 or await self._memory.digest_of(source.attachment_id)
        recipes = await self._cookbook.recipes(run)
        remembered = None if sha256 is None else await self._remembered(run, sha256, recipes, looks=looks)
        if sha256 is not None and remembered is not None:
            facts, understanding = remembered
        else:
            step = _step(run)
            with ExitStack() as stack:
                file, facts = await self._open(step, source, stack, sha256)
                sha256 = file.sha256
                hold = frames_to_hold(mode, facts.kind, self._crew)
                plan = await self._planned(seat, sha256, facts, recipes, hold=hold, looks=looks)
                understanding = await self._shared(
                    run, source, file, facts, stack, recipes=recipes, hold=hold, looks=looks, plan=plan
                )
            run.notice(*understanding.timeline.notices)
        return Clip(
            ref=ClipRef(sha256=sha256, source=source),
            has_picture=facts.has_video,
            look_recipe=recipes.look,
            understanding=await edited(run, self._crew, understanding),
        )

    async def is_known(self, source: MediaSource) -> bool:
        """Whether it was understood before, so that its words cost nothing any more."""
        return await self._memory.digest_of(source.attachment_id) is not None

    async def storyboard(self, run: Run, source: MediaSource) -> Storyboard:
        """The chosen frames with their times. Raises MediaError, also when there is no picture."""
        step = _step(run)
        with ExitStack() as stack:
            sha256 = await self._memory.digest_of(source.attachment_id)
            file, facts = await self._open(step, source, stack, sha256)
            if not facts.has_video:
                raise MediaError("media_no_picture", "There is only sound in this file, no picture to show.")
            async with step.stage(Stage.FRAMES), aclosing(sample_frames(file, facts, self._crew.limits)) as items:
                frames = [item async for item in items if isinstance(item, Frame)]
            return Storyboard(
                ref=ClipRef(sha256=file.sha256, source=source),
                png=await draw_storyboard(frames),
                at_seconds=tuple(frame.at_seconds for frame in frames),
            )

    def again(self, run: Run, clip: Clip, stack: ExitStack) -> Again:
        """The clip for an answer that may have parts of it examined again: opened when that is asked for the first
        time, closed with `stack`."""
        return Again(self._open, _step(run), clip.ref, clip.look_recipe, stack)

    async def keep_looks(self, clips: Iterable[Again]) -> None:
        """Remember what was found in these, for the next question."""
        for clip in clips:
            for look in clip.looks:
                await self._memory.keep_look(clip.ref.sha256, clip.recipe, look)

    async def _remembered(
        self, run: Run, sha256: str, recipes: Recipes, *, looks: bool
    ) -> tuple[MediaProbe, Understanding] | None:
        """What memory holds, when that is all that is wanted."""
        facts, known = await asyncio.gather(self._memory.facts(sha256), self._known(sha256, recipes))
        if facts is None:
            return None
        if not looks and known.heard is not None:
            return facts, _recalled(run, Known(heard=known.heard))
        return (facts, _recalled(run, known)) if looks and known.suffices(facts) else None

    async def _planned(
        self, seat: Seat, sha256: str, facts: MediaProbe, recipes: Recipes, *, hold: int, looks: bool
    ) -> Plan:
        """How much is looked at, where something has to be paid for: not what is known, or what others pay for now."""
        known = await self._known(sha256, recipes)
        watches = looks and facts.has_video and known.seen is None
        listens = facts.has_audio and known.heard is None
        if self._joins(self._flights.get(sha256), recipes, hold=hold, looks=looks, plan=FULL) or not (
            watches or listens
        ):
            seat.skip()
            return FULL
        less = [step for step in (Step.FEWER, Step.SHEETS) if watches and await self._seen(sha256, recipes.less(step))]
        unseen = Unseen(facts=facts, watches=watches, listens=listens, hold=hold, known=frozenset(less))
        return await seat.plan(unseen)

    async def _seen(self, sha256: str, recipe: str) -> bool:
        return await self._memory.seen(sha256, recipe) is not None

    @staticmethod
    def _joins(flight: _Flight | None, recipes: Recipes, *, hold: int, looks: bool, plan: Plan) -> bool:
        """Whether work that is under way gives all that is wanted."""
        return (
            flight is not None
            and flight.recipes == recipes
            and (not looks or (flight.looks and flight.hold <= hold and flight.plan.step in (Step.FULL, plan.step)))
        )

    async def _known(self, sha256: str, recipes: Recipes) -> Known:
        seen, heard, looks = await asyncio.gather(
            self._memory.seen(sha256, recipes.seen),
            self._memory.heard(sha256, recipes.heard),
            self._memory.looks(sha256, recipes.look),
        )
        return Known(seen=seen, heard=heard, looks=looks)

    async def _open(
        self, step: Run, source: MediaSource, stack: ExitStack, sha256: str | None = None
    ) -> tuple[MediaFile, MediaProbe]:
        """Find or fetch, check and probe; the file lives as long as `stack`. `sha256` where it is known."""
        folder = stack.enter_context(Workspace(self._folder)).path
        async with step.stage(Stage.FETCH):
            path = None
            if self._cache is not None and sha256 is not None:
                path = await self._cache.take(sha256, folder)
            is_new = path is None
            path = path or await self._fetcher.fetch(source, folder)
        async with step.stage(Stage.PROBE):
            file = await open_media(path, self._crew.limits)
            if self._quarantine is not None:
                await self._quarantine.check(step.occasion.job_id, file.sha256)
            facts = await self._memory.facts(file.sha256) or await probe(file, self._crew.limits)
        step.probed(facts)
        self._crew.hooks.watch(Specs.on_probed, facts, step.occasion)
        if await self._may_keep(source):
            await self._memory.keep_digest(source, file.sha256)
            await self._memory.keep_facts(file.sha256, facts)
            if self._cache is not None and is_new:
                await self._cache.put(file)
        return file, facts

    async def _may_keep(self, source: MediaSource) -> bool:
        """Nothing is kept of a clip that was posted by somebody who wants nothing kept."""
        return not await self._memory.opted_out(source.author_id)

    async def _shared(
        self,
        run: Run,
        source: MediaSource,
        file: MediaFile,
        facts: MediaProbe,
        stack: ExitStack,
        *,
        recipes: Recipes,
        hold: int,
        looks: bool,
        plan: Plan,
    ) -> Understanding:
        """Join the work on these bytes that is under way, unless it puts less into words than is wanted, or begin it;
        the file then belongs to that work."""
        while (flight := self._flights.get(file.sha256)) is not None:
            if self._joins(flight, recipes, hold=hold, looks=looks, plan=plan):
                stack.close()
                return await self._join(flight, run)
            await asyncio.wait([flight.task])
        watchers: list[RunListener] = []
        step = Run(Broadcast(watchers), occasion=replace(run.occasion, clip=file.sha256), hints=run.hints)
        work = self._work(
            step, source, file, facts, stack.pop_all(), recipes=recipes, hold=hold, looks=looks, plan=plan
        )
        task = asyncio.create_task(work, name=f"clip-{step.job_id}")
        self._flights[file.sha256] = flight = _Flight(
            sha256=file.sha256,
            recipes=recipes,
            watchers=watchers,
            looks=looks,
            hold=hold,
            plan=plan,
            run=step,
            task=task,
        )
        task.add_done_callback(lambda _task: self._land(flight))
        return await self._join(flight, run)

    def _land(self, flight: _Flight) -> None:
        if self._flights.get(flight.sha256) is flight:
            del self._flights[flight.sha256]

    async def _join(self, flight: _Flight, run: Run) -> Understanding:
        """Wait for the shared work; the last to give up ends it."""
        flight.watchers.append(run.listener)
        try:
            understanding = await asyncio.shield(flight.task)
        finally:
            flight.watchers.remove(run.listener)
            if not flight.watchers and not flight.task.done():
                self._land(flight)
                flight.task.cancel()
                await asyncio.gather(flight.task, return_exceptions=True)
        if not flight.is_billed:
            flight.is_billed = True
            run.used(flight.run.usages)
        return understanding

    async def _work(
        self,
        step: Run,
        source: MediaSource,
        file: MediaFile,
        facts: MediaProbe,
        stack: ExitStack,
        *,
        recipes: Recipes,
        hold: int,
        looks: bool,
        plan: Plan,
    ) -> Understanding:
        with stack:
            known, before = await self._known(file.sha256, recipes), self._cookbook.lapses()
            if known.seen is None and plan.step in (Step.FEWER, Step.SHEETS):
                recipes = replace(recipes, seen=recipes.less(plan.step))
                known = await self._known(file.sha256, recipes)
            if not looks:
                heard = known.heard or await transcribe(step, self._crew, file, facts)
                await self._keep(source, file.sha256, Known(heard=heard), recipes, before)
                return _recalled(step, Known(heard=heard))
            understanding = await understand(step, self._crew, file, facts, hold_frames=hold, known=known, plan=plan)
            await self._keep(source, file.sha256, understanding.known, recipes, before)
            return understanding

    async def _keep(
        self, source: MediaSource, sha256: str, known: Known, recipes: Recipes, before: list[object]
    ) -> None:
        """`before` are the lapses of plugins when the work began. What was paid for is used even where it cannot be
        kept."""
        if not await self._may_keep(source):
            return
        sees, hears = (now == then for now, then in zip(self._cookbook.lapses(), before, strict=True))
        try:
            if (seen := known.seen) is not None:
                until = _fresh_until(seen.notices, is_whole=sees)
                await self._memory.keep_seen(sha256, recipes.seen, seen, fresh_until=until)
            if (heard := known.heard) is not None:
                until = _fresh_until(heard.notices, is_whole=hears)
                await self._memory.keep_heard(sha256, recipes.heard, heard, fresh_until=until)
        except MemoryFault as fault:
            log.warning("what a clip holds is not kept: %s", fault.code)


def _recalled(run: Run, known: Known) -> Understanding:
    """From memory alone; a half that is not known is one that such a file does not have."""
    heard = known.heard or Heard()
    timeline = recall(run, known.seen or Seen(), heard, known.looks)
    return Understanding(timeline=timeline, known=known, language=heard.language)


def _step(run: Run) -> Run:
    return Run(Steps(run.listener), occasion=run.occasion, hints=run.hints)


def _fresh_until(notices: tuple[Notice, ...], *, is_whole: bool) -> datetime | None:
    """What came out worse than it could is tried again soon; so is what a plugin should have had a part in."""
    if not is_whole or any(notice.code in _DEGRADED for notice in notices):
        return datetime.now(UTC) + _DEGRADED_KEEPS
    return None
