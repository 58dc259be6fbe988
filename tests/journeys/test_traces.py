"""Traces arrive at a collector as they should: jobs, stages and calls within each other, and nobody's words."""

import asyncio
import re
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bot.config.tracing import TracingSettings
from bot.domain.errors import BotError
from bot.domain.events import Outcome, RunEnded, RunStarted, Stage, StageEnded, StageStarted
from bot.domain.occasion import Occasion
from bot.domain.role import Role
from bot.operations.spans import Tracing
from bot.operations.tracing import traced
from tests import clips
from tests.fakes.providers import KeepingListener
from tests.journeys.conftest import OpenKibitz
from tests.simulator.openai_server import OpenAIEmulator, Status

QUESTION = "Which zebra ate the marmalade?"


class Collector:
    """Takes OTLP over HTTP. `hangs`: it never answers until `let_go`."""

    def __init__(self, *, hangs: bool = False) -> None:
        self.bodies: list[bytes] = []
        self.asked = asyncio.Event()
        self.let_go = asyncio.Event()
        self._hangs = hangs

    async def take(self, request: web.Request) -> web.Response:
        self.bodies.append(await request.read())
        self.asked.set()
        if self._hangs:
            await self.let_go.wait()
        return web.Response()

    @property
    def spans(self) -> list[Any]:
        found = []
        for body in self.bodies:
            request = ExportTraceServiceRequest.FromString(body)
            found += [span for r in request.resource_spans for scope in r.scope_spans for span in scope.spans]
        return found


@asynccontextmanager
async def serving(collector: Collector) -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        collector.let_go.set()
        await runner.cleanup()


def told(span: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in span.attributes}


async def test_a_job_its_stages_and_its_calls_arrive_within_each_other(
    tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator
) -> None:
    clips.colour_tone_clip(tmp_path / "marmalade.mp4", scenes=2)
    collector = Collector()
    async with serving(collector) as address, kibitz(KIBITZ_TRACING__ENDPOINT=address) as app:
        answer = await app.video.ask(tmp_path / "marmalade.mp4", QUESTION, KeepingListener(), speak=True)
    spans = {span.span_id: span for span in collector.spans}
    (job,) = [span for span in spans.values() if not span.parent_span_id]
    assert job.name == "job"
    assert told(job)["kibitz.job_id"] == answer.job_id
    assert told(job)["kibitz.outcome"] == "done"
    assert {span.trace_id for span in spans.values()} == {job.trace_id}
    stages = {span.name for span in spans.values() if "kibitz.stage" in told(span)}
    assert stages == {"probe", "frames", "audio", "captions", "transcript", "fusion", "answer", "speech"}
    assert {span.parent_span_id for span in spans.values() if "kibitz.stage" in told(span)} == {job.span_id}
    within = {
        (told(span)["kibitz.role"], spans[span.parent_span_id].name)
        for span in spans.values()
        if "gen_ai.operation.name" in told(span)
    }
    assert within == {("captions", "captions"), ("transcripts", "transcript"), ("chat", "answer"), ("speech", "speech")}
    for span in spans.values():
        if span.parent_span_id:
            assert spans[span.parent_span_id].start_time_unix_nano <= span.start_time_unix_nano
        assert span.start_time_unix_nano <= span.end_time_unix_nano
    (chat,) = [span for span in spans.values() if told(span).get("kibitz.role") == "chat"]
    assert chat.name == "chat gpt-6-luna"
    facts = told(chat)
    assert (facts["gen_ai.request.model"], facts["gen_ai.provider.name"]) == ("gpt-6-luna", "127.0.0.1")
    assert facts["gen_ai.usage.input_tokens"] > 0
    assert facts["gen_ai.usage.output_tokens"] > 0
    everything = b"".join(collector.bodies).lower()
    private = [*QUESTION.rstrip("?").split()[1:], *answer.text.split(), "marmalade.mp4", cloud.api_key]
    assert len(answer.text.split()) > 3
    assert [word for word in private if len(word) > 3 and word.casefold().encode() in everything] == []


async def test_an_error_is_told_by_its_code(tmp_path: Path, kibitz: OpenKibitz, cloud: OpenAIEmulator) -> None:
    clips.picture(tmp_path / "picture.jpg")
    cloud.fail("answers", Status(status=400), always=True)
    collector = Collector()
    async with serving(collector) as address, kibitz(KIBITZ_TRACING__ENDPOINT=address) as app:
        with pytest.raises(BotError):
            await app.video.ask(tmp_path / "picture.jpg", QUESTION, KeepingListener())
    chats = [span for span in collector.spans if told(span).get("kibitz.role") == "chat"]
    assert chats
    assert all(span.status.code == 2 and not span.status.message for span in chats)
    assert [told(span)["error.type"] for span in chats if not re.fullmatch(r"\w+", told(span)["error.type"])] == []
    assert [span for span in collector.spans if span.events and span.name != "job"] == [], "no exception is told"


async def test_a_collector_that_hangs_holds_nobody_up(tmp_path: Path, kibitz: OpenKibitz) -> None:
    clips.picture(tmp_path / "picture.jpg")
    collector = Collector(hangs=True)
    async with serving(collector) as address:
        async with kibitz(KIBITZ_TRACING__ENDPOINT=f"{address}/v1/traces") as app:
            answer = await app.video.ask(tmp_path / "picture.jpg", "What?", KeepingListener())
        assert answer.text
        await collector.asked.wait()
        assert not collector.let_go.is_set(), "the app was closed although no answer ever came"


async def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, kibitz: OpenKibitz) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    with pytest.raises(BotError, match="tracing_missing") as caught:
        async with kibitz(KIBITZ_TRACING__ENDPOINT="http://127.0.0.1:9"):
            pass
    assert "uv sync --extra otel" in caught.value.public


async def test_without_a_collector_nothing_is_wrapped(kibitz: OpenKibitz) -> None:
    async with kibitz() as app, AsyncExitStack() as stack:
        assert traced(app.crew, TracingSettings(), stack) is app.crew


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://localhost:4318", "http://localhost:4318/v1/traces"),
        ("http://localhost:4318/", "http://localhost:4318/v1/traces"),
        ("https://traces.example/otlp", "https://traces.example/otlp"),
    ],
)
def test_the_usual_path_needs_not_be_written(given: str, address: str) -> None:
    assert TracingSettings.model_validate({"endpoint": given}).endpoint == address


@pytest.fixture
def memory() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(memory: InMemorySpanExporter) -> Tracing:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    return Tracing(provider.get_tracer("test"))


async def test_work_that_two_jobs_wait_for_is_told_to_both_and_paid_by_one(
    tracing: Tracing, memory: InMemorySpanExporter
) -> None:
    both = [Occasion(job_id="one"), Occasion(job_id="two")]

    def tell(event: type, *occasions: Occasion, step: str = "step", **facts: Any) -> None:
        for occasion in occasions:
            tracing.on_job_event(event(job_id=step, at_seconds=0.0, **facts), occasion)

    async def shared() -> None:
        tell(StageStarted, *both, stage=Stage.CAPTIONS)
        with tracing.call(Role.CAPTIONS):
            pass
        tell(StageEnded, *both, stage=Stage.CAPTIONS, outcome=Outcome.DONE)

    async def job(occasion: Occasion, *, works: bool) -> None:
        tell(RunStarted, occasion, step=occasion.job_id)
        begun.set() if not works else await begun.wait()
        if works:
            await asyncio.create_task(shared())
        done.set() if works else await done.wait()
        tell(RunEnded, occasion, step=occasion.job_id, outcome=Outcome.DONE)

    begun, done = asyncio.Event(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(job(both[0], works=True))
        group.create_task(job(both[1], works=False))
    spans = memory.get_finished_spans()
    jobs = {span.attributes["kibitz.job_id"]: span for span in spans if span.name == "job"}
    stages = {span.attributes["kibitz.job_id"]: span for span in spans if span.name == "captions"}
    assert {name: stage.parent.span_id for name, stage in stages.items()} == {
        name: span.context.span_id for name, span in jobs.items()
    }
    (call,) = [span for span in spans if span.name == "chat"]
    assert call.parent.span_id == stages["one"].context.span_id


async def test_what_a_job_left_open_ends_with_it(tracing: Tracing, memory: InMemorySpanExporter) -> None:
    occasion = Occasion(job_id="one")
    tracing.on_job_event(RunStarted(job_id="one", at_seconds=0.0), occasion)
    tracing.on_job_event(StageStarted(job_id="one", at_seconds=0.0, stage=Stage.PROBE), occasion)
    await tracing.aclose()
    assert [(span.name, span.attributes["kibitz.outcome"]) for span in memory.get_finished_spans()] == [
        ("probe", "cancelled"),
        ("job", "cancelled"),
    ]


async def test_what_blocks_at_the_end_is_left_behind() -> None:
    let_go = threading.Event()
    try:
        async with asyncio.timeout(60):
            await Tracing(TracerProvider(shutdown_on_exit=False).get_tracer("test"), close=let_go.wait).aclose()
        assert not let_go.is_set()
    finally:
        let_go.set()
