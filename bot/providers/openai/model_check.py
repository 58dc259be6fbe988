"""Asks an endpoint which of the configured models it has, and which of them will end."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from bot.domain.errors import ProviderError
from bot.providers.openai.connection import Connection
from bot.providers.openai.endpoint import Endpoint, Flavour
from bot.providers.openai.errors import wrong_address
from bot.providers.openai.untyped import mapping, sequence, string
from bot.providers.retry import Retry

_TURBO = date(2026, 10, 23)
_FIVES = date(2026, 12, 11)
_SPEECH = date(2027, 1, 6)
_FOURS = date(2027, 1, 14)
_REALTIME = date(2027, 1, 20)
_HEARING = date(2027, 2, 26)
_LATER = date(2027, 4, 1)

# Announced shutdown dates at OpenAI, for servers and keys whose model list does not tell them.
SHUTDOWN_DATES: Mapping[str, date] = {
    "gpt-4-vision-preview": date(2024, 12, 6),
    "gpt-4-turbo": _TURBO, "gpt-4-turbo-2024-04-09": _TURBO, "gpt-4": _TURBO, "gpt-3.5-turbo": _TURBO,
    "o1": _TURBO, "o3-mini": _TURBO, "o4-mini": _TURBO, "gpt-4.1-nano": _TURBO, "gpt-4o-2024-05-13": _TURBO,
    "gpt-5": _FIVES, "gpt-5-mini": _FIVES, "gpt-5-nano": _FIVES, "o3": _FIVES,
    "tts-1": _SPEECH, "tts-1-hd": _SPEECH, "gpt-4o-mini-tts": _SPEECH,
    "gpt-4o": _FOURS, "gpt-4o-mini": _FOURS, "gpt-4.1": _FOURS, "gpt-4.1-mini": _FOURS,
    "gpt-realtime": _REALTIME, "gpt-realtime-mini": _REALTIME, "gpt-audio-mini": _REALTIME,
    "whisper-1": _HEARING, "gpt-4o-transcribe": _HEARING, "gpt-4o-mini-transcribe": _HEARING,
    "gpt-4o-transcribe-diarize": _HEARING,
    "gpt-5.1": _LATER, "gpt-5.4-nano": _LATER,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelState:
    """One configured model. `ends_on` is its announced shutdown, None when there is none."""

    model: str
    is_offered: bool
    ends_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointState:
    """What an endpoint says. With an `error` (unreachable, key refused, no such endpoint) nothing is known of the
    models."""

    endpoint: Endpoint
    models: tuple[ModelState, ...] = ()
    error: ProviderError | None = None

    @property
    def is_reachable(self) -> bool:
        return self.error is None


async def check_models(endpoint: Endpoint, models: Iterable[str], *, retry: Retry | None = None) -> EndpointState:
    """The state of an endpoint and of the configured models there. Costs nothing; never raises ProviderError."""
    connection = Connection(endpoint)
    try:
        offered = await (retry or Retry(attempts=2)).call(lambda: _offered(connection))
    except ProviderError as error:
        return EndpointState(endpoint=endpoint, error=error)
    finally:
        await connection.aclose()
    return EndpointState(endpoint=endpoint, models=tuple(_state(endpoint, model, offered) for model in models))


async def _offered(connection: Connection) -> Mapping[str, date | None]:
    """Every model in the list, with its shutdown date where the list tells it."""
    fields = await connection.get("/models")
    if not isinstance(fields.get("data"), list):
        raise wrong_address(connection.endpoint)
    found: dict[str, date | None] = {}
    for item in map(mapping, sequence(fields["data"])):
        name = string(item.get("id"))
        if name is not None:
            found[name] = _date(item.get("shutdown_date"))
    return found


def _state(endpoint: Endpoint, model: str, offered: Mapping[str, date | None]) -> ModelState:
    listed = model if model in offered else f"{model}:latest"
    ends_on = offered.get(listed) or known_end(endpoint, model)
    return ModelState(model=model, is_offered=listed in offered, ends_on=ends_on)


def known_end(endpoint: Endpoint, model: str) -> date | None:
    """The announced shutdown of a model, as it is known here; None: none is announced, or it is another vendor's."""
    return SHUTDOWN_DATES.get(model) if endpoint.known_flavour in (Flavour.OPENAI, Flavour.AUTO) else None


def _date(value: object) -> date | None:
    try:
        return date.fromisoformat((string(value) or "")[:10])
    except ValueError:
        return None
