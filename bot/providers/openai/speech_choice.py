"""Which of the two ways of speech a server offers: REST where it has it, else Realtime."""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import UTC, date, datetime

from bot.domain.errors import ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.timeline import Notice
from bot.providers.base import SpeechEnd, SpeechRequest, Synthesizer
from bot.providers.openai.endpoint import Endpoint, Flavour
from bot.providers.streams import Begun, begin, resume

_log = logging.getLogger(__name__)

Item = AudioChunk | SpeechEnd | Notice

# The published shutdown of /v1/audio/speech and every model behind it.
REST_SPEECH_ENDS = date(2027, 1, 6)

_NOT_THERE = frozenset({ProviderCategory.GONE, ProviderCategory.WRONG_ADDRESS})


def _today() -> date:
    return datetime.now(UTC).date()


def choose_synthesizer(
    endpoint: Endpoint, *, rest: Synthesizer, realtime: Synthesizer, today: Callable[[], date] = _today
) -> Synthesizer:
    """A Synthesizer that speaks over REST until the server has it no more. `today` is a date in UTC."""
    return _SpeechByOffer(endpoint, rest=rest, realtime=realtime, today=today)


class _SpeechByOffer:
    """Finds out with the first sentence, and by the date at OpenAI, and remembers."""

    def __init__(
        self, endpoint: Endpoint, *, rest: Synthesizer, realtime: Synthesizer, today: Callable[[], date]
    ) -> None:
        self._ends = REST_SPEECH_ENDS if endpoint.known_flavour is Flavour.OPENAI else None
        self._rest = rest
        self._realtime = realtime
        self._today = today
        self._rest_is_gone = False

    async def speak(self, request: SpeechRequest) -> AsyncIterator[Item]:
        """The sentence, by whichever way the server offers."""
        async with aclosing(resume(await self._begin(request))) as items:
            async for item in items:
                yield item

    async def _begin(self, request: SpeechRequest) -> Begun[Item]:
        if self._rest_is_gone or (self._ends is not None and self._today() >= self._ends):
            return await begin(self._realtime.speak(request))
        try:
            return await begin(self._rest.speak(request))
        except ProviderError as rest_error:
            if rest_error.category not in _NOT_THERE:
                raise
            try:
                begun = await begin(self._realtime.speak(request))
            except ProviderError:
                raise rest_error from None
        self._rest_is_gone = True
        _log.info("speech over REST is not offered; using Realtime")
        return begun
