"""Speech over REST: one sentence per request, PCM as it arrives."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace

from bot.domain.errors import ProviderCategory
from bot.domain.media import AudioChunk
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice
from bot.providers.base import SpeechEnd, SpeechRequest
from bot.providers.openai.billing import usage_of_sound
from bot.providers.openai.capabilities import Capabilities, Learner, drop_parameter, guess
from bot.providers.openai.connection import Connection
from bot.providers.openai.errors import RejectionError, malformed
from bot.providers.openai.wave import PcmReader, UnplayableSoundError
from bot.providers.prices import Quantity
from bot.providers.retry import Retry
from bot.providers.streams import begin, resume
from bot.providers.till import most_seconds

Item = AudioChunk | SpeechEnd | Notice

# The rate of OpenAI's headerless pcm, which the compatible servers took over.
PCM_RATE_HZ = 24_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How to speak. `voices` maps names of ours, or languages (`de`), to the server's own voices and goes before
    what is known of it.
    `speed` 1.0 is normal; it is clamped to what the server takes. `instructions` go only where they are heeded."""

    name: str = "alloy"
    voices: Mapping[str, str] = field(default_factory=dict[str, str])
    speed: float = 1.0
    instructions: str | None = field(default=None, repr=False)


class RestSynthesizer:
    """A Synthesizer over `/audio/speech`."""

    def __init__(
        self, connection: Connection, *, model: str, voice: Voice | None = None, retry: Retry | None = None
    ) -> None:
        self._connection = connection
        self._endpoint = connection.endpoint
        self._model = model
        self._voice = voice or Voice()
        self._retry = retry or Retry()
        self._learner = Learner(guess(connection.endpoint, model))

    @property
    def capabilities(self) -> Capabilities:
        """What is known of the model so far."""
        return self._learner.current

    async def speak(self, request: SpeechRequest) -> AsyncIterator[Item]:
        """Mono PCM as it is made; 24 kHz unless the server sends WAV of another rate."""
        begun = await self._retry.call(
            lambda: self._learner.call(lambda capabilities: begin(self._stream(request, capabilities)), _lesson)
        )
        async with aclosing(resume(begun)) as items:
            async for item in items:
                yield item

    async def _stream(self, request: SpeechRequest, capabilities: Capabilities) -> AsyncGenerator[Item]:
        reader = PcmReader(PCM_RATE_HZ)
        spoken_seconds = 0.0
        body = self._body(request, capabilities)
        async with (
            self._connection.paying(self._model, most_of_speech(request.text, self._voice.speed)) as bill,
            aclosing(self._connection.sound(body)) as pieces,
        ):
            async for piece in pieces:
                bill.begun()
                try:
                    pcm = reader.feed(piece)
                except UnplayableSoundError as error:
                    raise self._wrong_format() from error
                if pcm:
                    chunk = AudioChunk(rate_hz=reader.rate_hz, offset_seconds=spoken_seconds, pcm=pcm)
                    spoken_seconds += chunk.duration_seconds
                    yield chunk
            used = usage_of_sound(
                self._endpoint, self._model, audio_seconds=spoken_seconds, characters=len(request.text)
            )
            bill.settle(used)
        if not spoken_seconds:
            raise malformed(self._endpoint)
        yield SpeechEnd(usage=used)

    def _body(self, request: SpeechRequest, capabilities: Capabilities) -> dict[str, object]:
        voice = self._voice
        body: dict[str, object] = {
            "model": self._model,
            "input": request.text,
            "voice": _server_voice(request, voice, capabilities),
            "response_format": capabilities.sound_formats[0],
        }
        slowest, fastest = capabilities.speed_range
        if voice.speed != 1.0:
            body["speed"] = min(max(voice.speed, slowest), fastest)
        if voice.instructions:
            body["instructions"] = voice.instructions
        return {name: value for name, value in body.items() if capabilities.accepts(name)}

    def _wrong_format(self) -> RejectionError:
        """For a server that sends another format than it was asked for."""
        rejection = RejectionError(
            "wrong_sound_format",
            sentence(
                "{who} sent sound in a format that cannot be streamed. Choose another speech model.",
                who=f"{self._endpoint.role}: {self._endpoint.host}",
            ),
            category=ProviderCategory.BAD_REQUEST,
        )
        rejection.parameter = "response_format"
        return rejection


def most_of_speech(text: str, speed: float) -> Quantity:
    """What saying a text uses at the dearest."""
    return Quantity(characters=len(text), audio_seconds=most_seconds(text) / min(speed, 1.0))


def _server_voice(request: SpeechRequest, voice: Voice, capabilities: Capabilities) -> str:
    name = request.voice
    if name is None:
        language = (request.language or "").split("-")[0]
        name = voice.voices.get(language) or capabilities.language_voices.get(language) or voice.name
    return voice.voices.get(name) or capabilities.voices.get(name, name)


def _lesson(capabilities: Capabilities, rejection: RejectionError) -> Capabilities:
    """Any rejection without a parameter of its own is first taken as one of the format: few servers say why. What
    has no default is never left out."""
    if rejection.parameter in (None, "response_format"):
        formats = capabilities.sound_formats[1:]
        return replace(capabilities, sound_formats=formats) if formats else capabilities
    return capabilities if rejection.parameter == "voice" else drop_parameter(capabilities, rejection)
