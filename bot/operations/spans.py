"""Jobs as spans: a job, its stages, the calls to models within them; counts, names of models and seconds, no words."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, Status, StatusCode, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from bot import __version__
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
    RunStarted,
    Stage,
    StageEnded,
    StageStarted,
    UsageRecorded,
)
from bot.domain.occasion import Occasion
from bot.domain.role import Role
from bot.hooks.specs import hookimpl
from bot.operations import span_names as names
from bot.operations.traced_calls import (
    Call,
    TracedCaptioner,
    TracedChatModel,
    TracedEmbedder,
    TracedSynthesizer,
    TracedTranscriber,
)
from bot.providers.base import Captioner, ChatModel, Embedder, Synthesizer, Transcriber

log = logging.getLogger(__name__)

_SEND_SECONDS = 5.0
_LAST_SECONDS = 1.5


@dataclass(slots=True, kw_only=True)
class _Open:
    """A span that has begun. `job_id` is whose it is; `parent` None: the job itself."""

    span: Span
    job_id: str
    parent: "_Open | None" = None


@dataclass(slots=True, kw_only=True)
class _Job:
    whole: _Open
    cost_usd: float = 0.0
    stages: dict[tuple[str, Stage], list[_Open]] = field(default_factory=dict[tuple[str, Stage], list[_Open]])


_WITHIN: ContextVar[_Open | None] = ContextVar("within", default=None)
"""What the work of this context is part of; tasks inherit it from the one that made them."""


def open_tracing(endpoint: str) -> "Tracing":
    """Spans to this address, in the background; what cannot be sent is dropped."""
    resource = Resource.create({"service.name": "kibitz", "service.version": __version__})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, timeout=_SEND_SECONDS)))
    return Tracing(provider.get_tracer("kibitz", __version__), close=provider.shutdown)


class Tracing:
    """Hears of every job, and wraps those who do hired work. Used on one event loop. `close` sends what is left and may
    block; `now` gives nanoseconds since 1970."""

    def __init__(
        self, tracer: Tracer, *, close: Callable[[], None] = lambda: None, now: Callable[[], int] = time.time_ns
    ) -> None:
        self._tracer = tracer
        self._close = close
        self._now = now
        self._jobs: dict[str, _Job] = {}

    async def aclose(self) -> None:
        """Send what is left, for a moment; a collector that hangs is not waited for."""
        for job_id in list(self._jobs):
            self._end_job(job_id, Outcome.CANCELLED)
        await _briefly(self._close)

    # What jobs report.

    @hookimpl
    def on_job_event(self, event: JobEvent, occasion: Occasion) -> None:
        job_id = occasion.job_id or event.job_id
        if isinstance(event, RunStarted):
            self._begin_job(job_id, occasion)
            return
        job = self._jobs.get(job_id)
        if job is None:
            return
        if isinstance(event, StageStarted):
            self._begin_stage(job, job_id, event)
        elif isinstance(event, StageEnded):
            self._end_stage(job, event)
        elif isinstance(event, RunEnded):
            self._end_job(job_id, event.outcome)
        elif isinstance(event, UsageRecorded):
            job.cost_usd += event.usage.cost_usd or 0.0
        else:
            self._tell(job, event)

    def _begin_job(self, job_id: str, occasion: Occasion) -> None:
        self._end_job(job_id, Outcome.CANCELLED)
        attributes: dict[str, AttributeValue] = {names.JOB_ID: job_id, names.SURFACE: occasion.surface.value}
        span = self._span(names.JOB, attributes, within=None)
        self._jobs[job_id] = _Job(whole=_Open(span=span, job_id=job_id))
        _WITHIN.set(self._jobs[job_id].whole)

    def _begin_stage(self, job: _Job, job_id: str, event: StageStarted) -> None:
        """Within what this context works on; work that several jobs wait for is told to each of them, and is part of
        the job that began it."""
        within = _WITHIN.get()
        is_ours = within is None or within.job_id == job_id
        parent = within if within is not None and is_ours else job.whole
        attributes: dict[str, AttributeValue] = {names.JOB_ID: job_id, names.STAGE: event.stage.value}
        opened = _Open(span=self._span(event.stage.value, attributes, within=parent.span), job_id=job_id, parent=parent)
        job.stages.setdefault((event.job_id, event.stage), []).append(opened)
        if is_ours:
            _WITHIN.set(opened)

    def _end_stage(self, job: _Job, event: StageEnded) -> None:
        opened = job.stages.get((event.job_id, event.stage))
        if not opened:
            return
        within = _WITHIN.get()
        ended = within if within is not None and within in opened else opened[-1]
        opened.remove(ended)
        if within is ended:
            _WITHIN.set(ended.parent)
        self._end(ended.span, event.outcome, event.error_code)

    def _end_job(self, job_id: str, outcome: Outcome) -> None:
        job = self._jobs.pop(job_id, None)
        if job is None:
            return
        for left in (one for opened in job.stages.values() for one in opened):
            self._end(left.span, Outcome.CANCELLED)
        job.whole.span.set_attribute(names.COST_USD, round(job.cost_usd, 9))
        self._end(job.whole.span, outcome)

    def _tell(self, job: _Job, event: JobEvent) -> None:
        """Points in time within a job."""
        span, at = job.whole.span, self._now()
        if isinstance(event, FirstToken | FirstSentence | FirstAudio):
            span.add_event(type(event).__name__, timestamp=at)
        elif isinstance(event, NoticeRaised):
            span.add_event("Notice", {names.NOTICE: event.code.value}, at)
        elif isinstance(event, ProviderChanged):
            span.add_event("ProviderChanged", {names.ROLE: event.role.value, names.ERROR: event.error_code}, at)
        elif isinstance(event, MediaProbed):
            facts = {names.MEDIA_KIND: event.kind.value, names.MEDIA_SECONDS: event.duration_seconds or 0.0}
            span.add_event("MediaProbed", facts, at)

    def _span(self, name: str, attributes: dict[str, AttributeValue], *, within: Span | None) -> Span:
        context = None if within is None else set_span_in_context(within)
        return self._tracer.start_span(name, context, attributes=attributes, start_time=self._now())

    def _end(self, span: Span, outcome: Outcome, error_code: str | None = None) -> None:
        span.set_attribute(names.OUTCOME, outcome.value)
        if error_code is not None:
            span.set_attribute(names.ERROR, error_code)
        if outcome is Outcome.FAILED:
            span.set_status(Status(StatusCode.ERROR))
        span.end(self._now())

    # Calls to models.

    @contextmanager
    def call(self, role: Role) -> Generator[Call]:
        """One call of hired work, retries and fallbacks included."""
        within = _WITHIN.get()
        job_id, span = ("", None) if within is None else (within.job_id, within.span)
        call = Call(self._tracer, role, job_id=job_id, within=span, now=self._now)
        try:
            yield call
        except BaseException as error:
            call.failed(error)
            raise
        finally:
            call.end()

    def captioner(self, own: Captioner) -> Captioner:
        return TracedCaptioner(own, self.call)

    def transcriber(self, own: Transcriber) -> Transcriber:
        return TracedTranscriber(own, self.call)

    def chat(self, own: ChatModel) -> ChatModel:
        return TracedChatModel(own, self.call)

    def synthesizer(self, own: Synthesizer) -> Synthesizer:
        return TracedSynthesizer(own, self.call)

    def embedder(self, own: Embedder) -> Embedder:
        return TracedEmbedder(own, self.call)


async def _briefly(close: Callable[[], None]) -> None:
    """Call what may block on a thread that is left behind when it takes too long."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def work() -> None:
        try:
            close()
        finally:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=work, name="last-traces", daemon=True).start()
    try:
        async with asyncio.timeout(_LAST_SECONDS):
            await done.wait()
    except TimeoutError:
        log.warning("the collector of traces did not take the last ones within %.1f s", _LAST_SECONDS)
