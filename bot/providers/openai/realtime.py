"""Speech over the Realtime websocket: one response outside any conversation per sentence."""

import asyncio
import base64
import binascii
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing

from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.realtime import (
    RealtimeResponseCreateParamsParam,
    RealtimeSessionCreateRequestParam,
)

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice
from bot.providers.base import SpeechEnd, SpeechRequest
from bot.providers.openai.billing import usage_of_sound
from bot.providers.openai.connection import Connection
from bot.providers.openai.errors import RejectionError, from_event, malformed, translated
from bot.providers.openai.speech import PCM_RATE_HZ, Voice, most_of_speech
from bot.providers.openai.untyped import mapping, string
from bot.providers.retry import Retry
from bot.providers.streams import begin, resume

_log = logging.getLogger(__name__)

Item = AudioChunk | SpeechEnd | Notice

_VERBATIM = (
    "Read the user's text aloud word for word, in its own language. Add nothing, leave nothing out, never answer it."
)
_VOICES = frozenset({"alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"})
_NEAREST_VOICES = {"fable": "ballad", "onyx": "ash", "nova": "coral"}
_DEFAULT_VOICE = "marin"
_SPEED_RANGE = (0.25, 1.5)


class RealtimeSynthesizer:
    """A Synthesizer over the Realtime API. `mismatches` counts sentences that were not read as written."""

    def __init__(
        self, connection: Connection, *, model: str, voice: Voice | None = None, retry: Retry | None = None
    ) -> None:
        self._connection = connection
        self._endpoint = connection.endpoint
        self._model = model
        self._voice = voice or Voice()
        self._retry = retry or Retry()
        self._reasons = True
        self.mismatches = 0

    async def speak(self, request: SpeechRequest) -> AsyncIterator[Item]:
        """Mono PCM at 24 kHz as it is made."""
        begun = await self._retry.call(lambda: begin(self._stream(request)))
        async with aclosing(resume(begun)) as items:
            async for item in items:
                yield item

    async def _stream(self, request: SpeechRequest) -> AsyncGenerator[Item]:
        spoken_seconds = 0.0
        held = b""
        async with (
            self._connection.paying(self._model, most_of_speech(request.text, self._voice.speed)) as bill,
            aclosing(self._events(request)) as events,
        ):
            async for event in events:
                match event.get("type"):
                    case "response.output_audio.delta":
                        bill.begun()
                        held += self._pcm(event)
                        whole = len(held) - len(held) % 2
                        if whole:
                            chunk = AudioChunk(rate_hz=PCM_RATE_HZ, offset_seconds=spoken_seconds, pcm=held[:whole])
                            spoken_seconds += chunk.duration_seconds
                            held = held[whole:]
                            yield chunk
                    case "response.output_audio_transcript.done":
                        self._compare(string(event.get("transcript")) or "", request.text)
                    case "response.done":
                        end = self._end(mapping(event.get("response")), request, spoken_seconds)
                        bill.settle(end.usage)
                        yield end
                        return
                    case _:
                        continue
        raise malformed(self._endpoint)

    async def _events(self, request: SpeechRequest) -> AsyncGenerator[Mapping[str, object]]:
        """Everything the server says about one sentence. Error events are raised."""
        with translated(self._endpoint):
            async with self._connection.client.realtime.connect(model=self._model) as socket:
                # The greeting comes first: a refusal in its place would be lost if we spoke before listening.
                yield await self._next(socket)
                await socket.session.update(session=self._session(request))
                await socket.response.create(response=self._response(request))
                while True:
                    yield await self._next(socket)

    async def _next(self, socket: AsyncRealtimeConnection) -> Mapping[str, object]:
        async with asyncio.timeout(self._endpoint.timeouts.idle_seconds):
            event = mapping(json.loads(await socket.recv_bytes()))
        if event.get("type") == "error":
            raise self._error(event.get("error"))
        return event

    def _session(self, request: SpeechRequest) -> RealtimeSessionCreateRequestParam:
        slowest, fastest = _SPEED_RANGE
        return {
            "type": "realtime",
            "output_modalities": ["audio"],
            "audio": {
                "output": {
                    "voice": _server_voice(request.voice or self._voice.name, self._voice.voices),
                    "format": {"type": "audio/pcm", "rate": PCM_RATE_HZ},
                    "speed": min(max(self._voice.speed, slowest), fastest),
                }
            },
        }

    def _response(self, request: SpeechRequest) -> RealtimeResponseCreateParamsParam:
        manner = self._voice.instructions
        response: RealtimeResponseCreateParamsParam = {
            "conversation": "none",
            "input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": request.text}]}],
            "instructions": f"{_VERBATIM}\n{manner}" if manner else _VERBATIM,
            "tools": [],
        }
        if self._reasons:
            response["reasoning"] = {"effort": "minimal"}
        return response

    def _error(self, body: object) -> ProviderError:
        """An error event as an exception; a model that cannot reason is asked without that from here on."""
        error = from_event(body, self._endpoint)
        if (
            isinstance(error, RejectionError)
            and self._reasons
            and "reasoning" in (string(mapping(body).get("param")) or "")
        ):
            self._reasons = False
            error.retryable = True
        return error

    def _pcm(self, event: Mapping[str, object]) -> bytes:
        try:
            return base64.b64decode(string(event.get("delta")) or "", validate=True)
        except binascii.Error as error:
            raise malformed(self._endpoint) from error

    def _compare(self, spoken: str, written: str) -> None:
        if _words(spoken) != _words(written):
            self.mismatches += 1
            _log.info("sentences not read as written: %d", self.mismatches)

    def _end(self, response: Mapping[str, object], request: SpeechRequest, spoken_seconds: float) -> SpeechEnd:
        details = mapping(response.get("status_details"))
        if response.get("status") == "failed" or not spoken_seconds:
            raise self._failed(details)
        if response.get("status") in ("cancelled", "incomplete"):
            raise malformed(self._endpoint)
        return SpeechEnd(
            usage=usage_of_sound(
                self._endpoint,
                self._model,
                audio_seconds=spoken_seconds,
                characters=len(request.text),
                reported=response.get("usage"),
            )
        )

    def _failed(self, details: Mapping[str, object]) -> ProviderError:
        if details.get("reason") == "content_filter":
            return ProviderError(
                "declined",
                sentence("{who} declined to read this aloud.", who=f"{self._endpoint.role}: {self._endpoint.host}"),
                category=ProviderCategory.REFUSED,
            )
        return from_event(details["error"], self._endpoint) if details.get("error") else malformed(self._endpoint)


def _server_voice(name: str, voices: Mapping[str, str]) -> str:
    name = voices.get(name) or _NEAREST_VOICES.get(name, name)
    return name if name in _VOICES or name.startswith("voice_") else _DEFAULT_VOICE


def _words(text: str) -> list[str]:
    """The words alone: a reader may drop or add punctuation."""
    return ["".join(filter(str.isalnum, word)) for word in text.casefold().split() if any(map(str.isalnum, word))]
