"""Traces of jobs, where a collector is named. What makes and sends them is an extra, loaded only then."""

from contextlib import AsyncExitStack
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

from bot.config.tracing import TracingSettings
from bot.domain.errors import BotError
from bot.domain.sentence import sentence
from bot.pipeline.crew import Crew

if TYPE_CHECKING:
    from bot.operations.spans import Tracing


def traced(crew: Crew, settings: TracingSettings, stack: AsyncExitStack) -> Crew:
    """The crew, with what its jobs do and ask of models told to the collector; as it is where none is named. Raises
    BotError (code tracing_missing) where the extra is not installed."""
    if settings.endpoint is None:
        return crew
    tracing = _tracing(settings.endpoint)
    stack.push_async_callback(tracing.aclose)
    crew.hooks.admit(tracing, "tracing")
    return replace(
        crew,
        captioner=tracing.captioner(crew.captioner),
        transcriber=tracing.transcriber(crew.transcriber),
        chat=tracing.chat(crew.chat),
        synthesizer=tracing.synthesizer(crew.synthesizer),
        embedder=None if crew.embedder is None else tracing.embedder(crew.embedder),
    )


def _tracing(endpoint: str) -> "Tracing":
    try:
        import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError as error:
        said = sentence(
            "[tracing] endpoint is set, but the packages that send traces are not installed. Install the extra otel "
            "(uv sync --extra otel), or leave endpoint empty."
        )
        raise BotError("tracing_missing", said) from error
    spans = import_module("bot.operations.spans")
    opened: Tracing = spans.open_tracing(endpoint)
    return opened
