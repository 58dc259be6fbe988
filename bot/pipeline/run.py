"""One job in flight: its clock, its events, its notices and what it used."""

import asyncio
import logging
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager

from bot.domain.answer import Usage
from bot.domain.errors import BotError
from bot.domain.events import (
    FirstAudio,
    FirstSentence,
    FirstToken,
    JobEvent,
    MediaProbed,
    NoticeRaised,
    Outcome,
    ProviderChanged,
    RunEnded,
    RunListener,
    RunStarted,
    Stage,
    StageEnded,
    StageProgress,
    StageStarted,
    UsageRecorded,
)
from bot.domain.media import AudioChunk, MediaProbe
from bot.domain.money import Account, paying
from bot.domain.occasion import Occasion, Surface
from bot.domain.timeline import Notice, NoticeCode
from bot.hooks.caller import Hooks
from bot.hooks.specs import Specs

log = logging.getLogger(__name__)

_TAKEN_OVER = (NoticeCode.FALLBACK_USED, NoticeCode.MODEL_GONE)


def new_job_id() -> str:
    """Twelve hexadecimal digits that no other job has."""
    return uuid.uuid4().hex[:12]


class Run:
    """Collects what a job does and tells its listener. Used on one event loop.

    `job_id` None: a new one. `occasion` None: nobody in particular, on the command line. `hooks`: plugins are told what
    it reports, and what they spend for it is counted here. `hints` are names and words to expect in its clips. `clock`
    gives monotonic seconds. `timings_seconds` holds first_token, first_sentence,
    first_audio and total as seconds since the start, and one duration per stage.
    """

    def __init__(
        self,
        listener: RunListener,
        *,
        job_id: str | None = None,
        occasion: Occasion | None = None,
        hooks: Hooks | None = None,
        hints: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job_id = job_id or new_job_id()
        self.occasion = occasion or Occasion(job_id=self.job_id)
        self.hints = hints
        self.notices: list[Notice] = []
        self.usages: list[Usage] = []
        self.timings_seconds: dict[str, float] = {}
        self.listener = listener if hooks is None else _Overheard(listener, hooks, self.occasion)
        self._hooks = hooks
        self._clock = clock
        self._began = clock()

    @property
    def at_seconds(self) -> float:
        """Seconds since the run began."""
        return round(self._clock() - self._began, 6)

    @asynccontextmanager
    async def whole(self) -> AsyncGenerator[None]:
        """Frame the run: RunStarted first, exactly one RunEnded last. What it costs is booked on whoever asks."""
        with paying(self._account()):
            async with self._framed():
                yield

    def _account(self) -> Account:
        occasion = self.occasion
        return Account(
            job_id=self.job_id,
            person_id=occasion.asker_id,
            server_id=None if occasion.key is None else occasion.key.server_id,
            is_durable=occasion.surface is Surface.CHAT,
        )

    @asynccontextmanager
    async def _framed(self) -> AsyncGenerator[None]:
        self._began = self._clock()
        self.listener.event(RunStarted(job_id=self.job_id, at_seconds=0.0))
        if self._hooks is not None:
            self._hooks.pays(self.job_id, self.used)
        outcome = Outcome.FAILED
        try:
            yield
            outcome = Outcome.DONE
        except asyncio.CancelledError:
            outcome = Outcome.CANCELLED
            raise
        finally:
            if self._hooks is not None:
                self._hooks.paid(self.job_id)
            self.timings_seconds["total"] = self.at_seconds
            self.listener.event(RunEnded(job_id=self.job_id, at_seconds=self.at_seconds, outcome=outcome))

    @asynccontextmanager
    async def stage(self, stage: Stage) -> AsyncGenerator[None]:
        """Frame one stage: StageStarted, then exactly one StageEnded, whatever happens inside."""
        began = self.at_seconds
        self.listener.event(StageStarted(job_id=self.job_id, at_seconds=began, stage=stage))
        outcome, error_code = Outcome.FAILED, None
        try:
            yield
            outcome = Outcome.DONE
        except asyncio.CancelledError:
            outcome = Outcome.CANCELLED
            raise
        except BotError as error:
            error_code = error.code
            raise
        except Exception as error:
            error_code = type(error).__name__
            raise
        finally:
            now = self.at_seconds
            self.timings_seconds[stage.value] = round(now - began, 6)
            self.listener.event(
                StageEnded(job_id=self.job_id, at_seconds=now, stage=stage, outcome=outcome, error_code=error_code)
            )
            log.debug("job %s stage %s %s after %.3f s", self.job_id, stage, outcome, now - began)

    def probed(self, facts: MediaProbe) -> None:
        """Report what a file is."""
        self.listener.event(
            MediaProbed(
                job_id=self.job_id,
                at_seconds=self.at_seconds,
                kind=facts.kind,
                duration_seconds=facts.duration_seconds,
                has_video=facts.has_video,
                has_audio=facts.has_audio,
            )
        )

    def progress(self, stage: Stage, done: float, total: float | None) -> None:
        """Report how far a stage is, in the stage's unit (see StageProgress)."""
        self.listener.event(
            StageProgress(job_id=self.job_id, at_seconds=self.at_seconds, stage=stage, done=done, total=total)
        )

    def notice(self, *notices: Notice) -> None:
        """Raise notices, each once."""
        for notice in notices:
            if notice not in self.notices:
                self.notices.append(notice)
                now = self.at_seconds
                self.listener.event(NoticeRaised(job_id=self.job_id, at_seconds=now, code=notice.code))
                if notice.code in _TAKEN_OVER and notice.role is not None:
                    self.listener.event(
                        ProviderChanged(
                            job_id=self.job_id, at_seconds=now, role=notice.role, error_code=notice.code.value
                        )
                    )

    def has_notice(self, code: NoticeCode) -> bool:
        """Whether a notice of this code was raised."""
        return any(notice.code is code for notice in self.notices)

    def used(self, usages: Iterable[Usage]) -> None:
        """Record what calls used."""
        for usage in usages:
            self.usages.append(usage)
            self.listener.event(UsageRecorded(job_id=self.job_id, at_seconds=self.at_seconds, usage=usage))

    def text(self, delta: str) -> None:
        """Pass on the next words of the answer; the first ones are timed."""
        if "first_token" not in self.timings_seconds:
            self.timings_seconds["first_token"] = self.at_seconds
            self.listener.event(FirstToken(job_id=self.job_id, at_seconds=self.at_seconds))
        self.listener.text(delta)

    def sentence(self) -> None:
        """Time the first whole sentence."""
        if "first_sentence" not in self.timings_seconds:
            self.timings_seconds["first_sentence"] = self.at_seconds
            self.listener.event(FirstSentence(job_id=self.job_id, at_seconds=self.at_seconds))

    def audio(self, chunk: AudioChunk) -> None:
        """Pass on the next sound of the spoken answer; the first is timed."""
        if "first_audio" not in self.timings_seconds:
            self.timings_seconds["first_audio"] = self.at_seconds
            self.listener.event(FirstAudio(job_id=self.job_id, at_seconds=self.at_seconds))
        self.listener.audio(chunk)

    def total_cost_usd(self) -> float | None:
        """What all calls cost together; None when a price is unknown."""
        costs = [usage.cost_usd for usage in self.usages]
        return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)


class _Overheard:
    """A listener, and the plugins that watch jobs."""

    def __init__(self, listener: RunListener, hooks: Hooks, occasion: Occasion) -> None:
        self._listener = listener
        self._hooks = hooks
        self._occasion = occasion

    def event(self, event: JobEvent) -> None:
        self._hooks.watch(Specs.on_job_event, event, self._occasion)
        self._listener.event(event)

    def text(self, delta: str) -> None:
        self._listener.text(delta)

    def audio(self, chunk: AudioChunk) -> None:
        self._listener.audio(chunk)
