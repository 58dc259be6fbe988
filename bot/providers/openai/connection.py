"""One endpoint's HTTP connections, through the vendor's SDK; everything comes back as untyped JSON or bytes."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import AbstractAsyncContextManager
from functools import cache

import httpx2
from openai import AsyncOpenAI, AsyncStream, DefaultAsyncHttpxClient

from bot.domain.media import EncodedAudio
from bot.providers.openai.endpoint import Endpoint
from bot.providers.openai.errors import malformed, translated, wrong_address
from bot.providers.openai.untyped import mapping
from bot.providers.prices import Quantity
from bot.providers.till import Bill, Purse, Till

# The SDK wants a key; servers that need none ignore it.
_NO_KEY = "none"
_MOST_CONNECTIONS = 100
_KEPT_OPEN_SECONDS = 120.0  # in talk, questions come every minute or so, and none should pay for a new connection


class Connection:
    """Calls to one endpoint over a shared pool of connections, paid out of the `purse`. Whoever makes it closes it.

    Every method raises ProviderError, and never tries twice: that is the business of Retry.
    """

    def __init__(self, endpoint: Endpoint, *, purse: Purse | None = None) -> None:
        self.endpoint = endpoint
        self.client = _client(endpoint)
        self._till = Till(endpoint.prices, None if endpoint.is_free else purse)

    def paying(self, model: str, most: Quantity) -> AbstractAsyncContextManager[Bill]:
        """Around each call that costs something; see Till."""
        return self._till.paying(self.endpoint.role, model, most)

    async def aclose(self) -> None:
        """Close all connections; calls under way fail."""
        await self.client.close()

    async def get(self, path: str) -> Mapping[str, object]:
        """The JSON object at a path."""
        with translated(self.endpoint):
            reply = await self.client.get(path, cast_to=object)
        return self._object(reply)

    async def post(self, path: str, body: Mapping[str, object]) -> Mapping[str, object]:
        """The JSON object that answers a JSON body."""
        with translated(self.endpoint):
            async with asyncio.timeout(self.endpoint.timeouts.whole_seconds):
                reply = await self.client.post(path, cast_to=object, body=dict(body))
        return self._object(reply)

    async def upload(self, path: str, fields: Mapping[str, object], audio: EncodedAudio) -> Mapping[str, object]:
        """The JSON object that answers a form with a file."""
        with translated(self.endpoint):
            async with asyncio.timeout(self.endpoint.timeouts.whole_seconds):
                reply = await self.client.post(
                    path,
                    cast_to=object,
                    body=dict(fields),
                    files={"file": (audio.name, audio.data, audio.media_type)},
                    options={"headers": {"Content-Type": "multipart/form-data"}},
                )
        return self._object(reply)

    async def events(self, path: str, body: Mapping[str, object]) -> AsyncGenerator[Mapping[str, object]]:
        """The JSON objects of a stream of events, as they arrive. Errors in the stream are raised."""
        with translated(self.endpoint):
            stream = await self.client.post(
                path, cast_to=object, body={**body, "stream": True}, stream=True, stream_cls=AsyncStream[object]
            )
        try:
            if "event-stream" not in stream.response.headers.get("content-type", ""):
                raise wrong_address(self.endpoint)
            with translated(self.endpoint):
                async for event in stream:
                    yield mapping(event)
        finally:
            await stream.close()

    async def sound(self, body: Mapping[str, object]) -> AsyncGenerator[bytes]:
        """The bytes of a spoken sentence, as they arrive."""
        with translated(self.endpoint):
            response = self.client.audio.speech.with_streaming_response.create(
                model=str(body["model"]),
                voice=str(body["voice"]),
                input=str(body["input"]),
                extra_body=dict(body),
            )
            async with response as reply:
                kind = reply.headers.get("content-type", "")
                if kind.startswith("text/") or "json" in kind:
                    raise wrong_address(self.endpoint)
                async for piece in reply.iter_bytes():
                    yield piece

    def _object(self, reply: object) -> Mapping[str, object]:
        """JSON objects only. Text, which is what HTML with status 200 becomes, means a wrong address."""
        if isinstance(reply, str):
            raise wrong_address(self.endpoint)
        fields = mapping(reply)
        if not fields:
            raise malformed(self.endpoint)
        return fields


@cache
def _trusted() -> ssl.SSLContext:
    """Whom to trust, for all endpoints: to read all certificates is most of the work of making a client."""
    return httpx2.create_ssl_context()


def _client(endpoint: Endpoint) -> AsyncOpenAI:
    timeouts = endpoint.timeouts
    client = AsyncOpenAI(
        api_key=endpoint.api_key or _NO_KEY,
        base_url=endpoint.base_url,
        timeout=httpx2.Timeout(
            connect=timeouts.connect_seconds,
            read=timeouts.idle_seconds,
            write=timeouts.send_seconds,
            pool=timeouts.send_seconds,
        ),
        max_retries=0,
        http_client=DefaultAsyncHttpxClient(
            base_url=endpoint.base_url,
            verify=_trusted(),
            limits=httpx2.Limits(
                max_connections=_MOST_CONNECTIONS,
                max_keepalive_connections=_MOST_CONNECTIONS,
                keepalive_expiry=_KEPT_OPEN_SECONDS,
            ),
        ),
    )
    # The SDK fills these from OPENAI_* variables, which need not be meant for this endpoint.
    client.organization = client.project = client.admin_api_key = None
    client._custom_headers = {}  # pyright: ignore[reportPrivateUsage] - the SDK has no public way to refuse OPENAI_CUSTOM_HEADERS
    return client
