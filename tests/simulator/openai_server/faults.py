"""Ways to go wrong on purpose, one per request, in the order they are planned."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.simulator.openai_server.refusals import Refusal

ENDPOINTS = (
    "any",
    "models",
    "chat",
    "captions",
    "answers",
    "transcriptions",
    "speech",
    "embeddings",
    "handshake",
    "realtime",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Answers with this status, body and headers instead of doing the work. In a websocket the response fails
    with the type and code of the body."""

    status: int
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reset:
    """Drops the connection before the first byte of an answer."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Drops the connection after `after` pieces of the answer: events of a stream, chunks of sound. An answer in
    one piece is cut half-way."""

    after: int = 1


@dataclass(frozen=True, slots=True)
class StreamError:
    """Sends an error as an event after `after` pieces, with status 200, and ends. Over REST speech it is a cut."""

    after: int = 1
    code: str | None = "server_error"
    message: str = "The server had an error while processing your request. Sorry about that!"


@dataclass(frozen=True, slots=True)
class Stall:
    """Says nothing for `seconds` after `after` pieces (0: before the status line), then goes on."""

    seconds: float = 3600.0
    after: int = 0


@dataclass(frozen=True, slots=True)
class TruncatedJson:
    """Status 200 and the first half of the JSON body, properly ended."""


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Does the work, but changes the words of the answer: the content of a chat message, the text of a
    transcript."""

    change: Callable[[str], str]
    finish_reason: str = "stop"


Fault = Status | Reset | Cut | StreamError | Stall | TruncatedJson | Rewrite


class FaultPlan:
    """Which request gets which fault. A request takes the first plan of its endpoints that has something left."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Fault | None]] = {}
        self._always: dict[str, Fault] = {}

    def plan(self, endpoint: str, *faults: Fault | None, at: int = 1, always: bool = False) -> None:
        """The next requests get `faults` in turn (None: no fault), beginning with the `at`-th from here; with
        `always`, the last of them stays for all that follow."""
        if endpoint not in ENDPOINTS:
            raise ValueError(f"no such endpoint: {endpoint}")
        queue = self._queues.setdefault(endpoint, deque())
        queue.extend([None] * (at - 1))
        queue.extend(faults)
        if always and faults[-1] is not None:
            self._always[endpoint] = faults[-1]

    def clear(self) -> None:
        """Everything works again."""
        self._queues.clear()
        self._always.clear()

    def take(self, *endpoints: str) -> Fault | None:
        """The fault of a request that counts for all of `endpoints`."""
        found: Fault | None = None
        for endpoint in (*endpoints, "any"):
            queue = self._queues.get(endpoint)
            fault = queue.popleft() if queue else self._always.get(endpoint)
            found = found or fault
        return found


def _refused(refusal: Refusal, headers: dict[str, str] | None = None) -> Status:
    return Status(status=refusal.status, body=json.dumps({"error": refusal.error()}), headers=headers or {})


def rate_limited(retry_after: float | str | None = 1) -> Status:
    """429 with Retry-After, in seconds or as an HTTP date."""
    refusal = Refusal(
        429,
        "Rate limit reached for requests. Please try again later.",
        kind="requests",
        code="rate_limit_exceeded",
    )
    headers = {"x-ratelimit-remaining-requests": "0"}
    if retry_after is not None:
        headers["retry-after"] = str(retry_after)
        headers["x-ratelimit-reset-requests"] = f"{retry_after}s"
    return _refused(refusal, headers)


def insufficient_quota() -> Status:
    """429 that no waiting will heal."""
    return _refused(
        Refusal(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            kind="insufficient_quota",
            code="insufficient_quota",
        )
    )


def server_error(status: int = 500) -> Status:
    """500 with an error body, as the API itself sends."""
    return _refused(
        Refusal(status, "The server had an error while processing your request. Sorry about that!", kind="server_error")
    )


def bad_gateway() -> Status:
    """502 with the HTML of a proxy."""
    return Status(
        status=502,
        body="<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>",
        content_type="text/html",
    )


def overloaded() -> Status:
    """503 with `server_is_overloaded`."""
    return _refused(
        Refusal(
            503,
            "Our servers are currently overloaded. Please try again later.",
            kind="service_unavailable_error",
            code="server_is_overloaded",
        )
    )


def bad_key() -> Status:
    """401 of a wrong key."""
    return _refused(Refusal(401, "Incorrect API key provided.", code="invalid_api_key"))


def forbidden() -> Status:
    """403 of a project without the permission."""
    return _refused(Refusal(403, "Project does not have access to this model.", code="model_not_found"))


def policy_violation() -> Status:
    """403 because of what was asked."""
    return _refused(
        Refusal(403, "This request was refused by our safety systems.", code="misalignment_policy_violation")
    )


def model_gone(model: str = "the model") -> Status:
    """404 of a model that ended."""
    return _refused(Refusal(404, f"The model `{model}` has been deprecated.", code="model_not_found"))


def unprocessable(field_name: str = "speed") -> Status:
    """422 with `detail` in place of `error`."""
    detail = [{"type": "value_error", "loc": ["body", field_name], "msg": "Input should be valid", "input": None}]
    return Status(status=422, body=json.dumps({"detail": detail}))


def captive_portal() -> Status:
    """200 with HTML: a wrong address, or a network that wants a login first."""
    return Status(
        status=200,
        body="<!doctype html><html><body><h1>Welcome to the guest network</h1></body></html>",
        content_type="text/html; charset=utf-8",
    )


def _items(text: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The object in a reply, and the one list of objects in it."""
    reply = json.loads(text)
    return reply, next(value for value in reply.values() if isinstance(value, list))


def _time_key(item: dict[str, Any]) -> str:
    return next(key for key in ("at_seconds", "t", "time_seconds", "seconds") if key in item)


def shifted_times(seconds: float) -> Rewrite:
    """Captions at times that were never sent."""

    def change(text: str) -> str:
        reply, items = _items(text)
        for item in items:
            item[_time_key(item)] += seconds
        return json.dumps(reply)

    return Rewrite(change)


def missing_caption(index: int = -1) -> Rewrite:
    """One frame without a caption."""

    def change(text: str) -> str:
        reply, items = _items(text)
        del items[index]
        return json.dumps(reply)

    return Rewrite(change)


def extra_caption(at_seconds: float) -> Rewrite:
    """A caption for a frame that was never sent."""

    def change(text: str) -> str:
        reply, items = _items(text)
        items.append({**items[-1], _time_key(items[-1]): at_seconds})
        return json.dumps(reply)

    return Rewrite(change)


def reversed_captions() -> Rewrite:
    """Captions in the wrong order, each with its right time."""

    def change(text: str) -> str:
        reply, items = _items(text)
        items.reverse()
        return json.dumps(reply)

    return Rewrite(change)


def string_times() -> Rewrite:
    """Times as strings."""

    def change(text: str) -> str:
        reply, items = _items(text)
        for item in items:
            item[_time_key(item)] = str(item[_time_key(item)])
        return json.dumps(reply)

    return Rewrite(change)


def fenced_json() -> Rewrite:
    """JSON inside a Markdown fence, with a sentence before it."""
    return Rewrite(lambda text: f"Here are the captions:\n```json\n{text}\n```")


def prose(text: str = "The clip shows several pictures, one after another.") -> Rewrite:
    """A sentence where JSON was asked for."""
    return Rewrite(lambda _: text)


def broken_json() -> Rewrite:
    """JSON that stops in the middle because the output limit was reached."""
    return Rewrite(lambda text: text[: len(text) * 2 // 3], finish_reason="length")


def empty_reply() -> Rewrite:
    """Status 200 and no words."""
    return Rewrite(lambda _: "")


def filtered() -> Rewrite:
    """The answer is withheld by a content filter."""
    return Rewrite(lambda _: "", finish_reason="content_filter")
