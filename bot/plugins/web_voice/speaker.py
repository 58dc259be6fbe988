"""Speaks by web: a sentence goes to the server, its sound is passed on as it comes."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import aiohttp

from bot.hooks import AudioChunk, Role, SpeechEnd, SpeechRequest, Usage, request_failed
from bot.plugins.web_voice.settings import WebVoiceSettings
from bot.plugins.web_voice.sound import SoundReader, UnplayableError

_CHUNK_SECONDS = 0.1
_LONGEST_SECONDS = 600.0
_MEGA = 1_000_000


class WebSpeaker:
    """A Synthesizer. `name` is the plugin's; the session stays the caller's to close."""

    def __init__(self, name: str, settings: WebVoiceSettings, session: aiohttp.ClientSession) -> None:
        self._name = name
        self._settings = settings
        self._session = session

    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd]:
        """Chunks of 100 ms or more, but for the last."""
        spoken_seconds = 0.0
        async with aclosing(self._sound(request)) as pieces:
            async for rate_hz, pcm in pieces:
                chunk = AudioChunk(rate_hz=rate_hz, offset_seconds=spoken_seconds, pcm=pcm)
                spoken_seconds += chunk.duration_seconds
                yield chunk
                if spoken_seconds > _LONGEST_SECONDS:
                    break
        if not spoken_seconds:
            raise request_failed(self._name, 200)
        yield SpeechEnd(usage=self._usage(len(request.text), spoken_seconds))

    async def _sound(self, request: SpeechRequest) -> AsyncGenerator[tuple[int, bytes]]:
        reader, waiting = SoundReader(self._settings.rate_hz), b""
        try:
            async with self._session.post(
                f"{self._settings.base_url}/audio/speech", json=self._body(request), allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise request_failed(self._name, response.status)
                async for data in response.content.iter_any():
                    waiting += reader.feed(data)
                    if len(waiting) >= 2 * reader.rate_hz * _CHUNK_SECONDS:
                        yield reader.rate_hz, waiting
                        waiting = b""
        except UnplayableError as error:
            raise request_failed(self._name, 400) from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise request_failed(self._name, None) from error
        if waiting:
            yield reader.rate_hz, waiting

    def _body(self, request: SpeechRequest) -> dict[str, object]:
        settings, persona = self._settings, self._settings.persona(request.voice)
        body: dict[str, object] = {
            "model": settings.model,
            "input": request.text,
            "voice": persona.voice,
            "response_format": settings.format,
        }
        if persona.speed != 1.0:
            body["speed"] = persona.speed
        if persona.instructions:
            body["instructions"] = persona.instructions
        return body

    def _usage(self, characters: int, seconds: float) -> Usage:
        price = self._settings.usd_per_million_characters
        return Usage(
            role=Role.SPEECH,
            provider=self._name,
            model=self._settings.model,
            audio_seconds=seconds,
            characters=characters,
            cost_usd=None if price is None else price * characters / _MEGA,
        )
