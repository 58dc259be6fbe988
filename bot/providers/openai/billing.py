"""Makes the Usage of a call out of what the server reports and what we know ourselves."""

from collections.abc import Mapping

from bot.domain.answer import Usage
from bot.providers.openai.endpoint import Endpoint
from bot.providers.openai.untyped import count, mapping
from bot.providers.prices import Quantity


def usage_of_tokens(
    endpoint: Endpoint, model: str, reported: object, *, image_tokens: int = 0, requests: int = 1
) -> Usage:
    """For calls billed by the token; `reported` is the reply's `usage`. `image_tokens` is our own estimate of the
    part of the input that is pictures."""
    fields = mapping(reported)
    details = mapping(fields.get("prompt_tokens_details"))
    used = Quantity(
        input_tokens=count(fields.get("prompt_tokens")),
        cached_tokens=count(details.get("cached_tokens")),
        output_tokens=count(fields.get("completion_tokens")),
    )
    return Usage(
        role=endpoint.role,
        provider=endpoint.host,
        model=model,
        requests=requests,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        image_tokens=image_tokens,
        cost_usd=_cost(endpoint, model, used),
    )


def usage_of_sound(
    endpoint: Endpoint, model: str, *, audio_seconds: float, characters: int = 0, reported: object = None
) -> Usage:
    """For calls billed by the minute or the character."""
    fields: Mapping[str, object] = mapping(reported)
    return Usage(
        role=endpoint.role,
        provider=endpoint.host,
        model=model,
        input_tokens=count(fields.get("input_tokens")),
        output_tokens=count(fields.get("output_tokens")),
        audio_seconds=audio_seconds,
        characters=characters,
        cost_usd=_cost(endpoint, model, Quantity(audio_seconds=audio_seconds, characters=characters)),
    )


def _cost(endpoint: Endpoint, model: str, used: Quantity) -> float | None:
    if endpoint.is_free:
        return 0.0
    return None if endpoint.known_flavour.is_local else endpoint.prices.cost_usd(model, used)
