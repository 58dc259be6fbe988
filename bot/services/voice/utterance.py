"""One person's turn in sound: whose it is stands from its first packet on; its words grow and are settled at pauses."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from bot.domain.answer import Usage
from bot.domain.errors import ProviderError
from bot.domain.media import AudioChunk
from bot.domain.voice import HEARD_RATE_HZ
from bot.providers.base import SpeechStream, StreamingTranscriber, StreamRequest, TranscriptPiece
from bot.services.voice.means import Part
from bot.voice.endpointer import RECENT_PARTIALS
from bot.voice.plain_words import same_words

log = logging.getLogger(__name__)

_MOST_STRETCHES = 8
_BYTES_PER_SECOND = 2 * HEARD_RATE_HZ
_MOST_SOUND_BYTES = 30 * _BYTES_PER_SECOND


class _Stretch:
    """What is transcribed in one piece. `final` None: not settled since sound was fed last."""

    def __init__(self, stream: SpeechStream) -> None:
        self.stream = stream
        self.interim = ""
        self.final: str | None = None

    @property
    def text(self) -> str:
        return self.interim if self.final is None else self.final


class Utterance:
    """`person_id`, `name` and `utterance_id` never change; results that come late still come to this object. Speech of
    one turn that the ears gave in several stretches is one utterance.

    `changed` is called when its live words change, `spent` with what recognising cost. With `keeps_sound` its first 30
    seconds stay in memory until it is over.
    """

    def __init__(
        self,
        *,
        utterance_id: int,
        person_id: int,
        name: str,
        began_at: float,
        transcriber: StreamingTranscriber,
        request: StreamRequest,
        changed: Callable[["Utterance"], None],
        spent: Callable[[tuple[Usage, ...]], None],
        keeps_sound: bool = False,
    ) -> None:
        self.utterance_id = utterance_id
        self.person_id = person_id
        self.name = name
        self.began_at = began_at
        self.ended_at = began_at
        self.settled_at: float | None = None
        self.partials: deque[str] = deque(maxlen=RECENT_PARTIALS)
        self.tries = 0
        self.over_answer = False
        """Whether it was said, at least in part, while an answer was to be heard."""
        self.began_at_end = False
        """Whether it was begun in the last moment of an answer, where it may be meant for after."""
        self.is_broken = False
        self.settling: asyncio.Task[None] | None = None
        self._transcriber = transcriber
        self._request = request
        self._changed = changed
        self._spent = spent
        self._stretches: list[_Stretch] = []
        self._fed_bytes = 0
        self._sound: bytearray | None = bytearray() if keeps_sound else None
        self._is_closed = False

    @property
    def text(self) -> str:
        """All words so far, as sure as they are."""
        return " ".join(text for stretch in self._stretches if (text := stretch.text.strip()))

    @property
    def _last(self) -> _Stretch | None:
        return self._stretches[-1] if self._stretches else None

    @property
    def is_settled(self) -> bool:
        return all(stretch.final is not None for stretch in self._stretches)

    @property
    def speech_seconds(self) -> float:
        """How much sound was fed."""
        return self._fed_bytes / _BYTES_PER_SECOND

    @property
    def sound(self) -> AudioChunk | None:
        """Its first seconds, where they are kept for plugins."""
        if not self._sound:
            return None
        return AudioChunk(pcm=bytes(self._sound), rate_hz=HEARD_RATE_HZ, offset_seconds=0.0)

    @property
    def part(self) -> Part:
        return Part(
            utterance_id=self.utterance_id,
            person_id=self.person_id,
            name=self.name,
            text=self.text,
            began_at=self.began_at,
            ended_at=self.ended_at,
            settled_at=self.settled_at,
        )

    @property
    def is_full(self) -> bool:
        """Whether the turn has gone on for so long that it is cut."""
        return len(self._stretches) >= _MOST_STRETCHES

    def begin(self, pcm: bytes) -> None:
        """A stretch of speech begins, the first or, where the ears took a pause for the end, another."""
        stretch: _Stretch | None = None

        def interim(text: str) -> None:
            if stretch is not None and not self._is_closed and text != stretch.interim:
                stretch.interim = text
                if stretch.final is not None and not same_words(text, stretch.final):
                    stretch.final = None
                self.partials.append(self.text)
                self._changed(self)

        stretch = _Stretch(self._transcriber.open(self._request, interim))
        self._stretches.append(stretch)
        self.feed(pcm)

    def feed(self, pcm: bytes) -> None:
        """More sound of the stretch."""
        if self._stretches and not self._is_closed and pcm:
            stretch = self._stretches[-1]
            stretch.final = None
            self._fed_bytes += len(pcm)
            if self._sound is not None and len(self._sound) < _MOST_SOUND_BYTES:
                self._sound += pcm
            stretch.stream.feed(pcm)

    async def settle(self, seconds: float) -> None:
        """Make the words of all sound final, as far as that takes no longer; others keep their live words."""
        waiting = [stretch for stretch in self._stretches if stretch.final is None or stretch is self._last]
        try:
            async with asyncio.timeout(seconds):
                for stretch in waiting:
                    await self._settle(stretch)
        except TimeoutError:
            log.info("recognition lags: live words were taken")
            for stretch in waiting:
                stretch.final = stretch.text
        self.partials.append(self.text)

    async def _settle(self, stretch: _Stretch) -> None:
        try:
            piece = await stretch.stream.settle()
        except ProviderError as error:
            log.warning("speech was not recognised: %s", error.code)
            self.is_broken = True
            stretch.final = stretch.interim
        else:
            self.is_broken = False
            stretch.final = _text_of(piece)
            self._spent(piece.usages)

    def close(self) -> None:
        """Nothing is fed or told any more; words that are final stay."""
        self._is_closed = True
        if self.settling is not None:
            self.settling.cancel()

    async def aclose(self) -> None:
        """Let go of the recogniser."""
        self.close()
        for stretch in self._stretches:
            await stretch.stream.aclose()

    def forget(self) -> None:
        """The words go as well."""
        self._sound = None
        for stretch in self._stretches:
            stretch.interim = ""
            stretch.final = ""
        self.partials.clear()


def _text_of(piece: TranscriptPiece) -> str:
    return " ".join(segment.text.strip() for segment in piece.transcript.segments if segment.text.strip())
