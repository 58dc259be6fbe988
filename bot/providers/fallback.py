"""Ordered lists of providers: when one cannot work, the next takes over and a Notice says so."""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Generic, TypeVar

from bot.domain.answer import Prompt, ToolCall
from bot.domain.errors import BudgetError, ProviderCategory, ProviderError
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice, NoticeCode
from bot.providers.base import (
    AnswerDelta,
    AnswerEnd,
    CaptionBatch,
    Captioner,
    CaptionRequest,
    ChatModel,
    SpeechEnd,
    SpeechRequest,
    Synthesizer,
    Transcriber,
    TranscriptPiece,
    TranscriptRequest,
)
from bot.providers.streams import Begun, begin, resume
from bot.tally import Figure, tell

Provider = TypeVar("Provider")
Result = TypeVar("Result")
Item = TypeVar("Item")

DEFAULT_REST_SECONDS = 60.0

# These speak about one request, not about the provider: the next request may well succeed.
_ABOUT_THE_REQUEST = frozenset(
    {
        ProviderCategory.BAD_REQUEST,
        ProviderCategory.TOO_LARGE,
        ProviderCategory.REFUSED,
        ProviderCategory.INTERRUPTED,
    }
)

# These speak about the server or the account, so about all models there.
_ABOUT_THE_ADDRESS = frozenset(
    {ProviderCategory.NETWORK, ProviderCategory.QUOTA, ProviderCategory.AUTH, ProviderCategory.WRONG_ADDRESS}
)

_REASONS = {
    ProviderCategory.NETWORK: sentence("could not be reached; check the network and base_url"),
    ProviderCategory.INTERRUPTED: sentence("broke off; try again later"),
    ProviderCategory.SERVER: sentence("had an error; try again later"),
    ProviderCategory.RATE: sentence("allows no more calls at the moment; try again later or raise its limit"),
    ProviderCategory.QUOTA: sentence("has no credit left; top up the account"),
    ProviderCategory.AUTH: sentence("refused the key; check the key and its permissions"),
    ProviderCategory.REFUSED: sentence("declined this request"),
    ProviderCategory.GONE: sentence("is no longer offered; choose a current model in the settings"),
    ProviderCategory.BAD_REQUEST: sentence("could not handle this request; check that the model fits the role"),
    ProviderCategory.TOO_LARGE: sentence("found this request too large; use smaller limits or another model"),
    ProviderCategory.WRONG_ADDRESS: sentence("is not at this address; check base_url"),
    ProviderCategory.MISSING_TOOL: sentence("lacks a program on this machine; install it"),
}


class Chain(Generic[Provider]):
    """One role's providers in order of preference.

    A provider that failed rests for `rest_seconds`: calls go past it, and when the rest is over a single call tries
    it while the others still go past. Resting providers are asked last, never skipped altogether. The first
    `at_one_address` of them share a server and an account: what that refuses to one is not asked of the others.
    `monotonic` gives seconds.
    """

    def __init__(
        self,
        role: Role,
        providers: Sequence[Provider],
        *,
        at_one_address: int = 0,
        rest_seconds: float = DEFAULT_REST_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if not providers:
            raise ValueError("a fallback needs at least one provider")
        self._role = role
        self._providers = tuple(providers)
        self._at_one_address = at_one_address
        self._rest_seconds = rest_seconds
        self._monotonic = monotonic
        self._rests_until: dict[int, float] = {}
        self._failures: dict[int, ProviderCategory] = {}

    async def first(self, call: Callable[[Provider], Awaitable[Result]]) -> tuple[Result, tuple[Notice, ...]]:
        """The first result in order of preference, and a Notice when it is not the preferred provider's.

        Raises the error of the most preferred provider when all fail, and at once where our own budget forbids a call:
        no provider is at fault, and the next would not be paid either.
        """
        errors: dict[int, ProviderError] = {}
        reason = self._failures.get(0)
        address_failed = False
        for position in self._order():
            if address_failed and position < self._at_one_address:
                continue
            if position in self._failures:
                self._rest(position)
            try:
                result = await call(self._providers[position])
            except BudgetError:
                raise
            except ProviderError as error:
                errors[position] = error
                self._failed(position, error)
                reason = error.category if position == 0 else reason
                address_failed = address_failed or error.category in _ABOUT_THE_ADDRESS
                continue
            if self._rests_until.pop(position, None) is not None:
                tell(Figure.REST_SECONDS, 0.0, f"{self._role}/{position}")
            self._failures.pop(position, None)
            return result, self._notices(position, reason)
        raise errors[min(errors)]

    async def stream(self, open_stream: Callable[[Provider], AsyncIterator[Item]]) -> AsyncGenerator[Item | Notice]:
        """Like `first` for streams: the next provider is asked only while nothing has been delivered."""
        begun, notices = await self.first(lambda provider: begin(open_stream(provider)))
        whole: Begun[Item | Notice] = Begun(head=(*notices, *begun.head), rest=begun.rest)
        async with aclosing(resume(whole)) as items:
            async for item in items:
                yield item

    def _order(self) -> list[int]:
        now = self._monotonic()
        return sorted(range(len(self._providers)), key=lambda position: self._rests_until.get(position, now) > now)

    def _failed(self, position: int, error: ProviderError) -> None:
        if error.category in _ABOUT_THE_REQUEST:
            return
        everyone_there = range(self._at_one_address) if error.category in _ABOUT_THE_ADDRESS else ()
        for failed in {position, *everyone_there}:
            self._failures[failed] = error.category
            self._rest(failed)

    def _rest(self, position: int) -> None:
        self._rests_until[position] = self._monotonic() + self._rest_seconds
        tell(Figure.REST_SECONDS, self._rest_seconds, f"{self._role}/{position}")

    def _notices(self, position: int, reason: ProviderCategory | None) -> tuple[Notice, ...]:
        if position == 0 or reason is None:
            return ()
        gone = reason is ProviderCategory.GONE
        return (
            Notice(
                code=NoticeCode.MODEL_GONE if gone else NoticeCode.FALLBACK_USED,
                role=self._role,
                public=sentence(
                    "The preferred model for {role} {reason}. The next one in the list stepped in.",
                    role=self._role,
                    reason=_REASONS[reason],
                ),
            ),
        )


class FallbackCaptioner:
    """A Captioner over a chain of them."""

    def __init__(self, chain: Chain[Captioner]) -> None:
        self._chain = chain

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        batch, notices = await self._chain.first(lambda provider: provider.caption(request))
        return replace(batch, notices=notices + batch.notices)


class FallbackTranscriber:
    """A Transcriber over a chain of them."""

    def __init__(self, chain: Chain[Transcriber]) -> None:
        self._chain = chain

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        piece, notices = await self._chain.first(lambda provider: provider.transcribe(request))
        return replace(piece, notices=notices + piece.notices)


class FallbackChatModel:
    """A ChatModel over a chain of them."""

    def __init__(self, chain: Chain[ChatModel]) -> None:
        self._chain = chain

    def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | ToolCall | AnswerEnd | Notice]:
        return self._chain.stream(lambda provider: provider.answer(prompt))


class FallbackSynthesizer:
    """A Synthesizer over a chain of them."""

    def __init__(self, chain: Chain[Synthesizer]) -> None:
        self._chain = chain

    def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd | Notice]:
        return self._chain.stream(lambda provider: provider.speak(request))
