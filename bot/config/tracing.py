"""Settings of traces: where they are sent."""

from pydantic import Field

from bot.config.fields import CollectorAddress, Section


class TracingSettings(Section):
    endpoint: CollectorAddress | None = Field(
        default=None,
        description="Collector of traces, OTLP over HTTP, such as http://localhost:4318; needs the extra otel; "
        '"": no traces',
    )
