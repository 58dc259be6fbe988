"""Turns what the SDK, its HTTP client and its sockets raise into ProviderError; the only place that does.

Vendors' words are read here to understand a failure, never passed on: every public sentence is ours.
"""

import json
import re
import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager

import httpx2
import openai
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from bot.domain.errors import ProviderCategory, ProviderError, QuotaError
from bot.domain.sentence import sentence
from bot.providers.openai.endpoint import Endpoint
from bot.providers.openai.retry_after import retry_after_seconds
from bot.providers.openai.untyped import mapping, sequence, string

_WIRE_ERRORS = (
    openai.OpenAIError,
    httpx2.HTTPError,
    httpx2.StreamError,
    httpx2.InvalidURL,
    WebSocketException,
    json.JSONDecodeError,
    UnicodeDecodeError,
    ssl.SSLError,
    OSError,
)

# Everything we may send that a server may not know; ordinary words count only in quotes or as a named field.
_PARAMETERS = (
    "max_completion_tokens",
    "max_tokens",
    "response_format",
    "encoding_format",
    "stream_options",
    "reasoning_effort",
    "temperature",
    "timestamp_granularities",
    "detail",
    "dimensions",
    "instructions",
    "keywords",
    "languages",
    "language",
    "prompt",
    "speed",
    "tool_choice",
    "tools",
    "voice",
)
_UNMISTAKABLE = frozenset(name for name in _PARAMETERS if "_" in name) | {"temperature"}

_QUOTA_CODES = re.compile(r"insufficient_quota|billing|spend|credit|payment|budget")
_GONE_CODES = re.compile(r"model_not_found|model_(deprecated|retired|gone)|unknown_model|deployment_?not_?found", re.I)
_REFUSED_CODES = re.compile(r"content_policy|content_filter|moderation|policy_violation|safety")
_LARGE_CODES = re.compile(r"context_length|context_size|string_above_max|too_large|token_limit")
_LARGE_WORDS = re.compile(r"context (length|size|window)|maximum context|prompt is too long|too many tokens", re.I)
_IMAGE_WORDS = re.compile(
    r"patches|invalid image|image.{0,40}(too (large|big)|exceed|dimension|size)|(decode|load|process|read).{0,20}image",
    re.IGNORECASE,
)
_IMAGE_COUNT = re.compile(r"at most (\d+) images?\b|at most (\d+) image\(s\)", re.I)
# Servers and models that call nothing say so in words of their own, with whatever status.
_NO_TOOLS = re.compile(
    r"not support tools|tool choice requires|tools param requires|endpoints found that support tool use"
    r"|supplied: tools\b|tool[ _]call(s|ing)? (is|are) not (supported|enabled)",
    re.I,
)
_ONE_IMAGE = re.compile(r"(only (one|a single|1) image|single image only|multiple images)", re.I)


class RejectionError(ProviderError):
    """A request that the server understood and did not accept, with what we can learn from that.

    `parameter` is one of our own names. `max_images` is how many pictures one request may hold. `about_image` says
    that a picture was too large or not to the server's taste.
    """

    parameter: str | None = None
    max_images: int | None = None
    about_image: bool = False


@contextmanager
def translated(endpoint: Endpoint) -> Generator[None]:
    """Raises ProviderError instead of anything that the wire can raise."""
    try:
        yield
    except _WIRE_ERRORS as error:
        raise translate(error, endpoint) from error


def translate(error: Exception, endpoint: Endpoint) -> ProviderError:
    """The ProviderError for something the wire raised, as the table of errors says."""
    if isinstance(error, openai.APITimeoutError | httpx2.TimeoutException | TimeoutError):
        return _network("timeout", sentence("{who} did not answer in time. Try again later.", who=_who(endpoint)))
    if isinstance(error, openai.APIStatusError):
        reason = _Reason(error.status_code, error.body, error.response.headers)
        _hush(error, reason)
        return _from_reason(reason, endpoint)
    if isinstance(error, InvalidStatus):
        reason = _Reason(
            error.response.status_code, _json(error.response.body), dict(error.response.headers.raw_items())
        )
        return _from_reason(reason, endpoint)
    if isinstance(error, openai.APIConnectionError):
        unreachable = _unreachable(endpoint)
        unreachable.never_sent = isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
        return unreachable
    if isinstance(error, openai.APIError):
        reason = _Reason(None, error.body, {})
        _hush(error, reason)
        return _from_reason(reason, endpoint)
    if isinstance(error, httpx2.InvalidURL | httpx2.UnsupportedProtocol):
        return wrong_address(endpoint)
    if isinstance(error, httpx2.HTTPError | httpx2.StreamError | ConnectionClosed | OSError):
        return _unreachable(endpoint)
    if isinstance(error, json.JSONDecodeError | UnicodeDecodeError | WebSocketException):
        return malformed(endpoint)
    return _server("server_error", endpoint, None, None)


def from_event(body: object, endpoint: Endpoint) -> ProviderError:
    """The ProviderError for an error that arrived as an event of a stream or socket."""
    return _from_reason(_Reason(None, body, {}), endpoint)


def wrong_address(endpoint: Endpoint) -> ProviderError:
    """For a reply that no OpenAI endpoint gives."""
    return ProviderError(
        "wrong_address",
        sentence("{who} is not an OpenAI endpoint, check base_url.", who=_who(endpoint)),
        category=ProviderCategory.WRONG_ADDRESS,
    )


def malformed(endpoint: Endpoint) -> ProviderError:
    """For a reply that is broken or empty where there must be something."""
    return ProviderError(
        "malformed_reply",
        sentence("{who} sent a reply that cannot be read. Try again later.", who=_who(endpoint)),
        category=ProviderCategory.SERVER,
        retryable=True,
    )


class _Reason:
    """What a failure says about itself. `status` is None for errors inside a stream, unless the code is one."""

    def __init__(self, status: int | None, body: object, headers: Mapping[str, str]) -> None:
        fields = mapping(body)
        fields = mapping(fields.get("error")) or mapping(fields.get("detail")) or fields
        code = fields.get("code")
        self.code = str(code).lower() if isinstance(code, str | int) else ""
        self.kind = (string(fields.get("type")) or "").lower()
        self.named = string(fields.get("param")) or _field_at_fault(fields.get("detail"))
        words = (fields.get("message"), fields.get("error"), fields.get("detail"), body)
        self.message = next((text for text in map(string, words) if text), "")
        self.status = status or (int(self.code) if re.fullmatch(r"[45]\d\d", self.code) else None)
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.request_id = self.headers.get("x-request-id")

    def says(self, codes: re.Pattern[str]) -> bool:
        return codes.search(self.code) is not None or codes.search(self.kind) is not None

    @property
    def is_about_the_path(self) -> bool:
        """Whether a 404 means that nothing lives at this path, rather than that a model is missing."""
        return not self.message or self.message.startswith(("Invalid URL", "Not Found", "404", "<"))

    @property
    def parameter(self) -> str | None:
        """The first of our parameters that the server names."""
        if _NO_TOOLS.search(self.message):
            return "tools"
        if self.named:
            parts = re.split(r"[^a-z_]+", self.named.lower())
            return next((name for name in reversed(parts) if name in _PARAMETERS), None)
        found = [(at, name) for name in _PARAMETERS if (at := _mentions(self.message, name)) is not None]
        return min(found)[1] if found else None


def _from_reason(reason: _Reason, endpoint: Endpoint) -> ProviderError:
    who, request_id, status = _who(endpoint), reason.request_id, reason.status
    if status == 402 or reason.says(_QUOTA_CODES):
        return QuotaError(
            "no_credit",
            sentence("{who} has no credit left in this account. Top it up or choose another provider.", who=who),
            category=ProviderCategory.QUOTA,
            request_id=request_id,
        )
    if reason.says(_REFUSED_CODES):
        return ProviderError(
            "declined",
            sentence("{who} declined this content. Try another clip or question.", who=who),
            category=ProviderCategory.REFUSED,
            request_id=request_id,
        )
    if status in (401, 403) or reason.code == "invalid_api_key":
        return ProviderError(
            "key_refused",
            sentence("{who} refused the key. Check the key and what it is allowed to do.", who=who),
            category=ProviderCategory.AUTH,
            request_id=request_id,
        )
    if status != 429 and _NO_TOOLS.search(reason.message):
        return _rejection(reason, endpoint)
    if reason.says(_GONE_CODES):
        return _gone(endpoint, request_id)
    if status in (405, 501) or (status == 404 and reason.is_about_the_path):
        return _not_offered(endpoint, request_id)
    if status in (404, 410):
        return _gone(endpoint, request_id)
    if status == 429 or (status is None and "rate_limit" in reason.code + reason.kind):
        return ProviderError(
            "rate_limited",
            sentence("{who} allows no more calls at the moment. Try again later.", who=who),
            category=ProviderCategory.RATE,
            retryable=True,
            retry_after_seconds=retry_after_seconds(reason.headers),
            request_id=request_id,
        )
    if status in (400, 413, 415, 422) or "invalid_request" in reason.kind or reason.says(_LARGE_CODES):
        return _rejection(reason, endpoint)
    overloaded = status == 503 and "overloaded" in reason.code + reason.kind
    code = "overloaded" if overloaded else "server_error"
    return _server(code, endpoint, retry_after_seconds(reason.headers), request_id)


def _rejection(reason: _Reason, endpoint: Endpoint) -> RejectionError:
    limit = _IMAGE_COUNT.search(reason.message)
    too_large = reason.status == 413 or reason.says(_LARGE_CODES) or _LARGE_WORDS.search(reason.message) is not None
    field = f" ({reason.parameter})" if reason.parameter else ""
    rejection = RejectionError(
        "too_large" if too_large else "bad_request",
        sentence("{who} found the request too large. Use smaller limits or another model.", who=_who(endpoint))
        if too_large
        else sentence(
            "{who} could not handle the request{field}. Check that the model fits the role.",
            who=_who(endpoint),
            field=field,
        ),
        category=ProviderCategory.TOO_LARGE if too_large else ProviderCategory.BAD_REQUEST,
        request_id=reason.request_id,
    )
    if limit is not None:
        rejection.max_images = int(limit[1] or limit[2])
    elif _ONE_IMAGE.search(reason.message):
        rejection.max_images = 1
    elif _IMAGE_WORDS.search(reason.message):
        rejection.about_image = True
    else:
        rejection.parameter = reason.parameter
    return rejection


def _not_offered(endpoint: Endpoint, request_id: str | None) -> ProviderError:
    """For a server that does not do this role's work, or not at this path."""
    return ProviderError(
        "not_offered",
        sentence("{who} does not do this work at this address. Check base_url.", who=_who(endpoint)),
        category=ProviderCategory.WRONG_ADDRESS,
        request_id=request_id,
    )


def _gone(endpoint: Endpoint, request_id: str | None) -> ProviderError:
    return ProviderError(
        "model_gone",
        sentence("{who} does not offer the configured model. Choose a current one.", who=_who(endpoint)),
        category=ProviderCategory.GONE,
        request_id=request_id,
    )


def _server(code: str, endpoint: Endpoint, wish_seconds: float | None, request_id: str | None) -> ProviderError:
    return ProviderError(
        code,
        sentence("{who} is overloaded or had an error of its own. Try again later.", who=_who(endpoint)),
        category=ProviderCategory.SERVER,
        retryable=True,
        retry_after_seconds=wish_seconds,
        request_id=request_id,
    )


def _unreachable(endpoint: Endpoint) -> ProviderError:
    return _network(
        "unreachable", sentence("{who} could not be reached. Check the network and base_url.", who=_who(endpoint))
    )


def _network(code: str, public: str) -> ProviderError:
    return ProviderError(code, public, category=ProviderCategory.NETWORK, retryable=True)


def _who(endpoint: Endpoint) -> str:
    return f"{endpoint.role}: {endpoint.host}"


def _hush(error: openai.APIError, reason: _Reason) -> None:
    """Keep the vendor's words, which may quote ours or a person's, out of tracebacks."""
    error.args = (f"status {reason.status}, code {reason.code or reason.kind or 'none'}, request {reason.request_id}",)


def _field_at_fault(detail: object) -> str | None:
    """The field names of a FastAPI 422: `{"detail": [{"loc": ["body", "speed"], …}]}`."""
    places = [sequence(mapping(entry).get("loc")) for entry in sequence(detail)]
    return ".".join(str(part) for place in places[:1] for part in place) or None


def _mentions(message: str, name: str) -> int | None:
    bare = rf"(?<![A-Za-z_]){name}(?![A-Za-z_])"
    found = re.search(bare if name in _UNMISTAKABLE else rf"['\"`]{name}['\"`]", message)
    return found.start() if found else None


def _json(body: bytes | None) -> object:
    try:
        return json.loads(body or b"null")
    except ValueError:
        return None
