"""What every chat completion has in common: the body's parameters and the reading of a whole reply."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.sentence import sentence
from bot.providers.openai.capabilities import Capabilities
from bot.providers.openai.endpoint import Endpoint
from bot.providers.openai.errors import from_event, malformed, wrong_address
from bot.providers.openai.thinking import without_thoughts
from bot.providers.openai.untyped import mapping, sequence, string

PATH = "/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """What the operator chose for a model; None leaves it to the server. `reasoning_effort` None: our own default
    for the model, if there is one."""

    reasoning_effort: str | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole reply without thoughts. `is_cut`: it ended at the output limit."""

    text: str = field(repr=False)
    is_cut: bool
    usage: object


def chat_body(
    *,
    model: str,
    rules: str,
    content: Sequence[Mapping[str, object]] | str,
    max_tokens: int,
    settings: ChatSettings,
    capabilities: Capabilities,
    since: Sequence[Mapping[str, object]] = (),
) -> dict[str, object]:
    """The body of a request: our rules in the system role, everything else in one user message; `since` are the
    messages that came after it."""
    body: dict[str, object] = {
        "model": model,
        "messages": [{"role": "system", "content": rules}, {"role": "user", "content": content}, *since],
    }
    if capabilities.token_params:
        body[capabilities.token_params[0]] = max_tokens
    effort = settings.reasoning_effort or capabilities.reasoning_effort
    if effort is not None and capabilities.accepts("reasoning_effort"):
        body["reasoning_effort"] = effort
    thinks = effort not in (None, "none")
    if settings.temperature is not None and not thinks and capabilities.accepts("temperature"):
        body["temperature"] = settings.temperature
    return body


def read_reply(fields: Mapping[str, object], endpoint: Endpoint) -> Reply:
    """The one choice of a reply that is not a stream. Raises ProviderError for anything that holds no answer."""
    if fields.get("error"):
        raise from_event(fields["error"], endpoint)
    choices = sequence(fields.get("choices"))
    if not choices:
        raise wrong_address(endpoint)
    choice = mapping(choices[0])
    message = mapping(choice.get("message"))
    reason = string(choice.get("finish_reason"))
    text = without_thoughts(content_text(message.get("content")))
    if not text and (reason == "content_filter" or message.get("refusal")):
        raise declined(endpoint)
    if not text and reason != "length":
        raise malformed(endpoint)
    return Reply(text=text, is_cut=reason == "length", usage=fields.get("usage"))


def content_text(content: object) -> str:
    """The words of a message or delta, which is a string, a list of parts, or nothing."""
    if isinstance(content, str):
        return string(content) or ""
    return "".join(string(mapping(part).get("text")) or "" for part in sequence(content))


def declined(endpoint: Endpoint) -> ProviderError:
    """For a model that will not answer."""
    return ProviderError(
        "declined",
        sentence("{who} declined this content. Try another clip or question.", who=f"{endpoint.role}: {endpoint.host}"),
        category=ProviderCategory.REFUSED,
    )
