"""Every row of the table of errors, as the SDK brings it in over a socket."""

import json
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bot.domain.errors import ProviderCategory, ProviderError, QuotaError
from bot.domain.role import Role
from bot.providers.openai.connection import Connection
from bot.providers.openai.endpoint import Timeouts
from bot.providers.openai.errors import RejectionError, from_event
from bot.providers.openai.retry_after import retry_after_seconds
from tests.providers.material import connected, endpoint
from tests.simulator.openai_server import OpenAIEmulator, Reset, Stall, Status, TruncatedJson
from tests.simulator.openai_server import faults as make

NO_PAGE = Status(status=404, body="404 page not found", content_type="text/plain")
SECRET = "the words of a person"


def detail(http: int, words: str) -> Status:
    return Status(status=http, body=json.dumps({"detail": words}))


def says(words: str) -> Status:
    return Status(status=400, body=json.dumps({"error": {"message": words}}))


def status(http: int, /, **error: object) -> Status:
    return Status(status=http, body=json.dumps({"error": {"message": SECRET, **error}}))


@pytest.fixture
async def emulator() -> AsyncIterator[OpenAIEmulator]:
    async with OpenAIEmulator() as server:
        yield server


@pytest.fixture
async def connection(emulator: OpenAIEmulator) -> AsyncIterator[Connection]:
    async with connected(emulator, Role.CHAT, idle_seconds=0.5) as link:
        yield link


async def error_of(connection: Connection) -> ProviderError:
    with pytest.raises(ProviderError) as raised:
        await connection.post(
            "/chat/completions", {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "x"}]}
        )
    return raised.value


@pytest.mark.parametrize(
    ("fault", "category", "code", "retryable"),
    [
        (Reset(), ProviderCategory.NETWORK, "unreachable", True),
        (make.Cut(), ProviderCategory.NETWORK, "unreachable", True),
        (Stall(seconds=30), ProviderCategory.NETWORK, "timeout", True),
        (status(408), ProviderCategory.SERVER, "server_error", True),
        (status(409), ProviderCategory.SERVER, "server_error", True),
        (make.server_error(), ProviderCategory.SERVER, "server_error", True),
        (make.bad_gateway(), ProviderCategory.SERVER, "server_error", True),
        (make.server_error(504), ProviderCategory.SERVER, "server_error", True),
        (make.overloaded(), ProviderCategory.SERVER, "overloaded", True),
        (make.rate_limited(7), ProviderCategory.RATE, "rate_limited", True),
        (status(429, code="slow_down", type="slow_down"), ProviderCategory.RATE, "rate_limited", True),
        (make.insufficient_quota(), ProviderCategory.QUOTA, "no_credit", False),
        (status(400, code="billing_hard_limit_reached"), ProviderCategory.QUOTA, "no_credit", False),
        (status(402), ProviderCategory.QUOTA, "no_credit", False),
        (status(400, param="max_tokens"), ProviderCategory.BAD_REQUEST, "bad_request", False),
        (status(400, code="context_length_exceeded"), ProviderCategory.TOO_LARGE, "too_large", False),
        (status(413), ProviderCategory.TOO_LARGE, "too_large", False),
        (make.bad_key(), ProviderCategory.AUTH, "key_refused", False),
        (make.forbidden(), ProviderCategory.AUTH, "key_refused", False),
        (make.policy_violation(), ProviderCategory.REFUSED, "declined", False),
        (make.model_gone(), ProviderCategory.GONE, "model_gone", False),
        (status(410), ProviderCategory.GONE, "model_gone", False),
        (status(503, code="model_not_found"), ProviderCategory.GONE, "model_gone", False),
        (detail(404, "Model 'x' is not installed locally."), ProviderCategory.GONE, "model_gone", False),
        (NO_PAGE, ProviderCategory.WRONG_ADDRESS, "not_offered", False),
        (detail(404, "Not Found"), ProviderCategory.WRONG_ADDRESS, "not_offered", False),
        (make.unprocessable("speed"), ProviderCategory.BAD_REQUEST, "bad_request", False),
        (make.captive_portal(), ProviderCategory.WRONG_ADDRESS, "wrong_address", False),
        (TruncatedJson(), ProviderCategory.SERVER, "malformed_reply", True),
    ],
)  # fmt: skip
async def test_the_table(
    emulator: OpenAIEmulator,
    connection: Connection,
    fault: make.Fault,
    category: ProviderCategory,
    code: str,
    retryable: bool,
) -> None:
    emulator.fail("chat", fault)
    error = await error_of(connection)
    assert (error.category, error.code, error.retryable) == (category, code, retryable)
    assert isinstance(error, QuotaError) is (category is ProviderCategory.QUOTA)
    assert "127.0.0.1" in error.public
    assert "chat" in error.public
    assert len(emulator.requests) == 1, "the SDK must not retry by itself"
    if isinstance(fault, Status) and fault.status != 200:
        assert error.request_id is not None
    told = "".join(traceback.format_exception(error))
    assert SECRET not in told
    assert "Rate limit reached" not in told


async def test_nobody_answers() -> None:
    connection = Connection(endpoint("http://127.0.0.1:9/v1", Role.SPEECH))
    error = await error_of(connection)
    await connection.aclose()
    assert (error.category, error.retryable) == (ProviderCategory.NETWORK, True)
    assert error.public == "speech: 127.0.0.1 could not be reached. Check the network and base_url."


@pytest.mark.parametrize("address", ["not an address", "ftp://127.0.0.1/v1", "http://"])
async def test_no_address_at_all(address: str) -> None:
    connection = Connection(endpoint(address, Role.CHAT))
    error = await error_of(connection)
    await connection.aclose()
    assert error.category in (ProviderCategory.WRONG_ADDRESS, ProviderCategory.NETWORK)


async def test_a_wrong_key(emulator: OpenAIEmulator) -> None:
    connection = Connection(endpoint(emulator.base_url, Role.CHAT, api_key="sk-other"))
    error = await error_of(connection)
    await connection.aclose()
    assert error.category is ProviderCategory.AUTH
    assert "sk-other" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("fault", "parameter"),
    [
        (status(400, param="max_tokens"), "max_tokens"),
        (status(400, param="messages[1].content[2].image_url.detail"), "detail"),
        (status(400, param="response_format.json_schema"), "response_format"),
        (says("Unrecognized request argument supplied: stream_options"), "stream_options"),
        (says("Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."), "max_tokens"),
        (says("Give more detail in the prompt."), None),
        (make.unprocessable("speed"), "speed"),
        (make.unprocessable("input"), None),
    ],
)  # fmt: skip
async def test_the_parameter_at_fault(
    emulator: OpenAIEmulator, connection: Connection, fault: Status, parameter: str | None
) -> None:
    emulator.fail("chat", fault)
    error = await error_of(connection)
    assert isinstance(error, RejectionError)
    assert error.parameter == parameter
    assert parameter is None or parameter in error.public


@pytest.mark.parametrize(
    ("message", "max_images", "about_image"),
    [
        ("At most 1 image(s) may be provided in one prompt.", 1, False),
        ("At most 5 images are allowed", 5, False),
        ("This model supports a single image only", 1, False),
        ("Image exceeds the limit of 30000 32x32 patches.", None, True),
        ("invalid image input", None, True),
        ("Failed to load image", None, True),
        ("Something else", None, False),
    ],
)
async def test_what_is_said_of_pictures(
    emulator: OpenAIEmulator, connection: Connection, message: str, max_images: int | None, about_image: bool
) -> None:
    emulator.fail("chat", says(message))
    error = await error_of(connection)
    assert isinstance(error, RejectionError)
    assert (error.max_images, error.about_image) == (max_images, about_image)


@pytest.mark.parametrize(
    ("body", "category"),
    [
        ({"code": "server_error", "message": "x"}, ProviderCategory.SERVER),
        ({"code": 502, "message": "x"}, ProviderCategory.SERVER),
        ({"code": 429, "message": "x"}, ProviderCategory.RATE),
        ({"code": "rate_limit_exceeded"}, ProviderCategory.RATE),
        ({"code": "insufficient_quota"}, ProviderCategory.QUOTA),
        ({"code": "context_length_exceeded"}, ProviderCategory.TOO_LARGE),
        ({"type": "invalid_request_error", "message": "x"}, ProviderCategory.BAD_REQUEST),
        ({"code": "model_not_found"}, ProviderCategory.GONE),
        ("boom", ProviderCategory.SERVER),
        (None, ProviderCategory.SERVER),
    ],
)
def test_errors_inside_a_stream(body: object, category: ProviderCategory) -> None:
    assert from_event(body, endpoint("http://127.0.0.1/v1", Role.CHAT)).category is category


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "1"}, 1.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.66s"}, 7.66),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "7s"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "later"}, None),
    ],
)
def test_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == pytest.approx(seconds)


def test_when_to_come_back_as_a_date() -> None:
    at = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    assert 100 < (retry_after_seconds({"retry-after": at}) or 0) <= 120


async def test_nothing_of_the_environment_goes_out(emulator: OpenAIEmulator, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": "sk-environment",
        "OPENAI_ADMIN_KEY": "sk-admin",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OPENAI_ORG_ID": "org-environment",
        "OPENAI_PROJECT_ID": "proj-environment",
        "OPENAI_CUSTOM_HEADERS": "X-Leak: leaked\nAuthorization: Bearer leaked",
    }.items():
        monkeypatch.setenv(name, value)
    for key in (None, "sk-emulator"):
        connection = Connection(endpoint(emulator.base_url, Role.CHAT, api_key=key))
        if key is None:
            assert (await error_of(connection)).category is ProviderCategory.AUTH
        else:
            await connection.post(
                "/chat/completions", {"model": "gpt-6-luna", "messages": [{"role": "user", "content": "x"}]}
            )
        await connection.aclose()
    assert len(emulator.requests) == 2
    for call in emulator.requests:
        sent = json.dumps(call.headers).lower()
        assert "environment" not in sent
        assert "leak" not in sent
        assert "admin" not in sent


def test_a_key_is_not_shown() -> None:
    assert "sk-" not in repr(endpoint("http://user:secret@127.0.0.1:1234/v1", Role.CHAT))
    assert endpoint("http://user:secret@127.0.0.1:1234/v1", Role.CHAT).host == "127.0.0.1"
    assert Timeouts().idle_seconds > 0
