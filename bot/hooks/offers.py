"""Who does the work of a role: what a plugin offers, else what is configured, which also steps in when that fails."""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from types import MappingProxyType
from typing import Any, Generic, TypeVar, cast

from bot.domain.answer import Prompt, Question, ToolCall, Usage
from bot.domain.errors import BotError, ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice, NoticeCode, Timeline
from bot.hooks.checks import NonsenseError, check_offered
from bot.hooks.guest import Guest
from bot.hooks.values import Fusion, ModelTool
from bot.providers.base import (
    AnswerDelta,
    AnswerEnd,
    CaptionBatch,
    Captioner,
    CaptionRequest,
    ChatModel,
    SpeechEnd,
    SpeechRequest,
    SpeechStream,
    StreamingTranscriber,
    StreamRequest,
    Synthesizer,
    Transcriber,
    TranscriptPiece,
    TranscriptRequest,
)
from bot.providers.streams import closing

log = logging.getLogger(__name__)

Result = TypeVar("Result")
Item = TypeVar("Item")

CONFIGURED = "configured"
"""The name under which the providers of the settings are offered."""


_ITEM = 16  # letters or bytes that an item of a stream counts besides its own
_MOST_LINES = 20_000


class Work(StrEnum):
    """What can be offered; the values are names of settings."""

    CAPTIONS = "captions"
    TRANSCRIPTS = "transcripts"
    CHAT = "chat"
    SPEECH = "speech"
    FUSION = "fusion"


HOOK_OF_WORK = {
    Work.CAPTIONS: "register_captioners",
    Work.TRANSCRIPTS: "register_transcribers",
    Work.CHAT: "register_chat_models",
    Work.SPEECH: "register_synthesizers",
    Work.FUSION: "register_fusion",
}


SECONDS = {Work.CAPTIONS: 60.0, Work.TRANSCRIPTS: 60.0, Work.CHAT: 30.0, Work.SPEECH: 5.0, Work.FUSION: 5.0}
"""How long one of a plugin may take for a request, or until the next piece of a stream."""

MOST_OF_STREAM = {Work.CHAT: 1_000_000, Work.SPEECH: 100_000_000}
"""Letters of an answer, bytes of a sentence's sound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """Something a plugin does. `guest` None: our own."""

    name: str
    provider: object
    guest: Guest | None = None


class Offers:
    """All there are. `wanted` names, for each work, which is used; None: the first that a plugin makes. `seconds`
    goes over the limits of all works; 0: each its own."""

    def __init__(self, wanted: Mapping[Work, str | None] = MappingProxyType({}), *, seconds: float = 0.0) -> None:
        self._wanted = wanted
        self.seconds = seconds
        self.books: Callable[[Usage], Awaitable[None]] | None = None
        """Where it is noted what plugins' offers say they cost."""
        self._all: dict[Work, list[Offer]] = {work: [] for work in Work}
        self._tools: list[tuple[Guest, ModelTool]] = []

    def limit(self, work: Work) -> float:
        """Seconds for a request, or until the next piece of a stream."""
        return self.seconds or SECONDS[work]

    def add(self, work: Work, offered: Mapping[str, object], guest: Guest | None = None) -> None:
        """Those of a plugin, or, with no guest, our own."""
        self._all[work] += [Offer(name=name, provider=one, guest=guest) for name, one in offered.items()]

    def set_tools(self, tools: Sequence[ModelTool], guest: Guest) -> None:
        """What the chat model may call of a plugin's, in place of what it might before."""
        self._tools = [(owner, tool) for owner, tool in self._tools if owner is not guest]
        self._tools += [(guest, tool) for tool in tools]

    def tools(self) -> tuple[tuple[Guest, ModelTool], ...]:
        """All of them; two may have one name."""
        return tuple(self._tools)

    def drop(self, guest: Guest) -> None:
        """A plugin offers nothing any more."""
        self._tools = [(owner, tool) for owner, tool in self._tools if owner is not guest]
        for work, offers in self._all.items():
            self._all[work] = [offer for offer in offers if offer.guest is not guest]

    def names(self, guest: Guest) -> dict[Work, list[str]]:
        """What a plugin offers."""
        mine = {work: [one.name for one in offers if one.guest is guest] for work, offers in self._all.items()}
        return {work: names for work, names in mine.items() if names}

    def missing(self) -> list[tuple[Work, str]]:
        """What is to be used and is offered by nobody."""
        return [
            (work, name)
            for work, name in self._wanted.items()
            if name not in (None, CONFIGURED) and name not in [offer.name for offer in self._all[work]]
        ]

    def chosen(self, work: Work) -> Offer | None:
        """The plugin's offer that is used; None: the configured one."""
        wanted = self._wanted.get(work)
        return next(
            (
                offer
                for offer in self._all[work]
                if offer.guest is not None and not offer.guest.is_off and wanted in (None, offer.name)
            ),
            None,
        )

    def own(self, work: Work) -> Any:
        """The configured provider. Raises LookupError where none was added."""
        return next(offer.provider for offer in self._all[work] if offer.guest is None)

    async def attempt(
        self, work: Work, call: Callable[[Any], object], kind: type[Result]
    ) -> tuple[Result | None, Notice | None]:
        """What a plugin's provider gives; where it fails nothing, with the notice that somebody else steps in; where
        there is none neither."""
        offer = self.chosen(work)
        if offer is None:
            return None, None
        try:
            return await self.call(offer, work, lambda: call(offer.provider), kind), None
        except ProviderError as error:
            return None, _stepped_in(work, offer, error)

    async def call(self, offer: Offer, work: Work, call: Callable[[], object], kind: type[Result]) -> Result:
        """One request to a plugin's provider. Raises ProviderError."""
        guest = offer.guest
        if guest is None:
            raise LookupError(offer.name)
        try:
            result = await guest.run(HOOK_OF_WORK[work], call, self.limit(work))
            check_offered(result, kind)
        except NonsenseError as nonsense:
            raise _failed(guest.fail(HOOK_OF_WORK[work], nonsense)) from nonsense
        except ProviderError:
            raise
        except BotError as error:
            raise _failed(error) from error
        await self._book(*getattr(result, "usages", ()))
        return cast("Result", result)

    async def stream(
        self, offer: Offer, work: Work, make: Callable[[], AsyncIterator[Item]], kinds: tuple[type, ...]
    ) -> AsyncIterator[Item]:
        """A stream of a plugin's provider. Raises ProviderError: INTERRUPTED after the first item."""
        guest = offer.guest
        if guest is None:
            raise LookupError(offer.name)
        begun, left = False, MOST_OF_STREAM[work]
        try:
            async with guest.stream(make, self.limit(work)) as items:
                async for item in items:
                    check_offered(item, kinds)
                    left -= _room(item, left)
                    begun = True
                    if isinstance(item, AnswerEnd | SpeechEnd):
                        await self._book(item.usage)
                    yield item
        except BotError as error:
            if isinstance(error, ProviderError) and (not begun or error.category is ProviderCategory.INTERRUPTED):
                raise
            raise _failed(error, begun=begun) from error
        except Exception as error:
            raise _failed(guest.fail(HOOK_OF_WORK[work], error, self.limit(work)), begun=begun) from error

    async def _book(self, *usages: Usage) -> None:
        if self.books is not None:
            for usage in usages:
                await self.books(usage)


class Attempt(Generic[Item]):
    """A stream asked of a plugin's provider. Afterwards `is_done` tells whether it gave one to its end; where not, and
    where it failed, `notice` tells that somebody else steps in."""

    def __init__(self, offers: Offers, work: Work) -> None:
        self._offers = offers
        self._work = work
        self.is_done = False
        self.notice: Notice | None = None

    async def stream(self, make: Callable[[Any], AsyncIterator[Item]], kinds: tuple[type, ...]) -> AsyncIterator[Item]:
        """Nothing where no plugin does this work. Raises ProviderError once there was an item."""
        offer = self._offers.chosen(self._work)
        if offer is None:
            return
        try:
            stream = self._offers.stream(offer, self._work, lambda: make(offer.provider), kinds)
            async with closing(stream) as items:
                async for item in items:
                    yield item
        except ProviderError as error:
            if error.category is ProviderCategory.INTERRUPTED:
                raise
            self.notice = _stepped_in(self._work, offer, error)
        else:
            self.is_done = True


class OfferedCaptioner:
    """A Captioner."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        done, notice = await self._offers.attempt(Work.CAPTIONS, lambda one: one.caption(request), CaptionBatch)
        if done is not None:
            return done
        own: Captioner = self._offers.own(Work.CAPTIONS)
        batch = await own.caption(request)
        return batch if notice is None else replace(batch, notices=(*batch.notices, notice))


class OfferedTranscriber:
    """A Transcriber."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        done, notice = await self._offers.attempt(
            Work.TRANSCRIPTS, lambda one: one.transcribe(request), TranscriptPiece
        )
        if done is not None:
            return done
        own: Transcriber = self._offers.own(Work.TRANSCRIPTS)
        piece = await own.transcribe(request)
        return piece if notice is None else replace(piece, notices=(*piece.notices, notice))


class OfferedChatModel:
    """A ChatModel."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers

    async def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | ToolCall | AnswerEnd | Notice]:
        attempt = Attempt[AnswerDelta | ToolCall | AnswerEnd | Notice](self._offers, Work.CHAT)
        kinds = (AnswerDelta, ToolCall, AnswerEnd, Notice)
        async with closing(attempt.stream(lambda one: one.answer(prompt), kinds)) as items:
            async for item in items:
                yield item
        if attempt.is_done:
            return
        if attempt.notice is not None:
            yield attempt.notice
        own: ChatModel = self._offers.own(Work.CHAT)
        async with closing(own.answer(prompt)) as items:
            async for item in items:
                yield item


class OfferedSynthesizer:
    """A Synthesizer."""

    def __init__(self, offers: Offers) -> None:
        self._offers = offers

    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd | Notice]:
        attempt = Attempt[AudioChunk | SpeechEnd | Notice](self._offers, Work.SPEECH)
        kinds = (AudioChunk, SpeechEnd, Notice)
        async with closing(attempt.stream(lambda one: one.speak(request), kinds)) as items:
            async for item in items:
                yield item
        if attempt.is_done:
            return
        if attempt.notice is not None:
            yield attempt.notice
            request = replace(request, voice=None)  # its names are the plugin's
        own: Synthesizer = self._offers.own(Work.SPEECH)
        async with closing(own.speak(request)) as items:
            async for item in items:
                yield item


@dataclass(frozen=True, slots=True)
class _Lines:
    lines: tuple[str, ...]


class OfferedStreaming:
    """A StreamingTranscriber: `own`, or `offered` where a plugin transcribes."""

    def __init__(self, offers: Offers, *, own: StreamingTranscriber, offered: StreamingTranscriber) -> None:
        self._offers = offers
        self._own = own
        self._offered = offered

    def prepare(self) -> None:
        self._chosen.prepare()

    def open(self, request: StreamRequest, on_interim: Callable[[str], None]) -> SpeechStream:
        return self._chosen.open(request, on_interim)

    @property
    def _chosen(self) -> StreamingTranscriber:
        return self._own if self._offers.chosen(Work.TRANSCRIPTS) is None else self._offered


async def fused(
    offers: Offers, timelines: Sequence[Timeline], question: Question, room_tokens: int
) -> Sequence[str] | None:
    """The lines of a plugin's fusion; None: ours are used. Raises nothing: who fails is left out."""

    def lines(fusion: Fusion) -> _Lines:
        return _Lines(tuple(islice(fusion.lines(timelines, question, room_tokens), _MOST_LINES)))

    made, _ = await offers.attempt(Work.FUSION, lines, _Lines)
    return (made.lines or None) if made is not None else None


def _stepped_in(work: Work, offer: Offer, error: ProviderError) -> Notice:
    log.warning("%s by %s failed: %s", work.value, offer.name, error.code)
    said = sentence("The plugin offer {name} failed, so the configured model did its work.", name=offer.name)
    role = None if work is Work.FUSION else Role(work.value)
    return Notice(code=NoticeCode.FALLBACK_USED, public=said, role=role)


def _room(item: object, left: int) -> int:
    """What an item takes of what a stream may hold."""
    taken = _ITEM + len(cast("str | bytes", getattr(item, "text", None) or getattr(item, "pcm", "")))
    if taken > left:
        raise NonsenseError("gave more than is taken in one stream")
    return taken


def _failed(error: BotError, *, begun: bool = False) -> ProviderError:
    return ProviderError(
        error.code,
        error.public,
        category=ProviderCategory.INTERRUPTED if begun else ProviderCategory.SERVER,
    )
