"""Lists of providers: who is asked, who rests, and what the person is told."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bot.domain.answer import Prompt, Usage
from bot.domain.errors import ProviderCategory, ProviderError, QuotaError
from bot.domain.media import AudioChunk
from bot.domain.role import Role
from bot.domain.speech import Transcript
from bot.domain.timeline import Notice, NoticeCode
from bot.providers.base import (
    AnswerDelta,
    AnswerEnd,
    CaptionBatch,
    CaptionRequest,
    FinishReason,
    SpeechEnd,
    SpeechRequest,
    TranscriptPiece,
    TranscriptRequest,
)
from bot.providers.fallback import (
    Chain,
    FallbackCaptioner,
    FallbackChatModel,
    FallbackSynthesizer,
    FallbackTranscriber,
)
from tests.providers.material import frames, prompt, tone, until_it_breaks

USAGE = Usage(role=Role.CHAT, provider="double", model="double")
OWN = Notice(code=NoticeCode.OFFLINE, public="From this machine.")


def error(category: ProviderCategory, code: str = "failed") -> ProviderError:
    return ProviderError(code, "public", category=category)


class Double:
    """A provider of every role that fails as told, or works."""

    def __init__(self, name: str, *errors: ProviderError, always: ProviderError | None = None, after: int = 0) -> None:
        self.name = name
        self.errors = list(errors)
        self.always = always
        self.after = after
        self.calls = 0

    def fail(self) -> None:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        if self.always is not None:
            raise self.always

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        await asyncio.sleep(0)
        self.fail()
        return CaptionBatch(captions=(), usages=(USAGE,), notices=(OWN,))

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        self.fail()
        return TranscriptPiece(transcript=Transcript(language=self.name), usages=(USAGE,))

    async def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | AnswerEnd | Notice]:
        yield OWN
        for _ in range(self.after):
            yield AnswerDelta(text=self.name)
        self.fail()
        yield AnswerDelta(text=self.name)
        yield AnswerEnd(reason=FinishReason.COMPLETE, usage=USAGE)

    async def speak(self, request: SpeechRequest) -> AsyncIterator[AudioChunk | SpeechEnd | Notice]:
        self.fail()
        yield AudioChunk(rate_hz=24_000, pcm=b"\0\0")
        yield SpeechEnd(usage=USAGE)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


REQUEST = CaptionRequest(frames=frames(1))


async def test_the_preferred_one_is_used_in_silence() -> None:
    first, second = Double("first"), Double("second")
    batch = await FallbackCaptioner(Chain(Role.CAPTIONS, [first, second])).caption(REQUEST)
    assert batch.notices == (OWN,)
    assert (first.calls, second.calls) == (1, 0)


@pytest.mark.parametrize("category", list(ProviderCategory))
async def test_every_failure_goes_to_the_next(category: ProviderCategory) -> None:
    first, second = Double("first", error(category)), Double("second")
    batch = await FallbackCaptioner(Chain(Role.CAPTIONS, [first, second])).caption(REQUEST)
    notice = batch.notices[0]
    gone = category is ProviderCategory.GONE
    assert notice.code is (NoticeCode.MODEL_GONE if gone else NoticeCode.FALLBACK_USED)
    assert "captions" in notice.public
    assert batch.notices[1:] == (OWN,)
    assert second.calls == 1


async def test_when_all_fail_the_first_error_is_raised() -> None:
    chain = Chain(Role.TRANSCRIPTS, [
        Double("first", always=error(ProviderCategory.AUTH, "first")),
        Double("second", always=error(ProviderCategory.NETWORK, "second")),
    ])  # fmt: skip
    for _ in range(3):
        with pytest.raises(ProviderError, match="first"):
            await FallbackTranscriber(chain).transcribe(TranscriptRequest(chunk=tone(0.1)))


async def test_a_dead_provider_rests_and_comes_back() -> None:
    clock = Clock()
    first, second = Double("first", error(ProviderCategory.NETWORK)), Double("second")
    captioner = FallbackCaptioner(Chain(Role.CAPTIONS, [first, second], rest_seconds=60, monotonic=clock))
    said = [(await captioner.caption(REQUEST)).notices[0] for _ in range(3)]
    assert (first.calls, second.calls) == (1, 3)
    assert len(set(said)) == 1, "one sentence for all of them"

    clock.now += 61
    batches = await asyncio.gather(*(captioner.caption(REQUEST) for _ in range(4)))
    assert first.calls == 2, "one call tries it, the others still go past"
    assert sum(batch.notices == (OWN,) for batch in batches) == 1
    assert (await captioner.caption(REQUEST)).notices == (OWN,)


async def test_a_request_at_fault_gives_no_rest() -> None:
    first, second = Double("first", error(ProviderCategory.BAD_REQUEST)), Double("second")
    captioner = FallbackCaptioner(Chain(Role.CAPTIONS, [first, second]))
    await captioner.caption(REQUEST)
    assert (await captioner.caption(REQUEST)).notices == (OWN,)
    assert first.calls == 2


async def test_one_provider_alone_never_rests() -> None:
    only = Double("only", QuotaError("no_credit", "public"))
    captioner = FallbackCaptioner(Chain(Role.CAPTIONS, [only]))
    with pytest.raises(QuotaError):
        await captioner.caption(REQUEST)
    assert (await captioner.caption(REQUEST)).notices == (OWN,)


async def test_an_answer_moves_on_before_its_first_word() -> None:
    first, second = Double("first", error(ProviderCategory.GONE)), Double("second")
    items = [item async for item in FallbackChatModel(Chain(Role.CHAT, [first, second])).answer(prompt())]
    assert [type(item) for item in items] == [Notice, Notice, AnswerDelta, AnswerEnd]
    assert items[0].code is NoticeCode.MODEL_GONE  # type: ignore[union-attr]
    assert items[1] == OWN


async def test_an_answer_under_way_is_not_begun_again() -> None:
    first, second = Double("first", error(ProviderCategory.NETWORK), after=1), Double("second")
    chain = Chain(Role.CHAT, [first, second])
    said, raised = await until_it_breaks(FallbackChatModel(chain).answer(prompt()))
    assert raised.category is ProviderCategory.INTERRUPTED
    assert said == [OWN, AnswerDelta(text="first")]
    assert second.calls == 0


async def test_leaving_at_the_notice_closes_the_provider() -> None:
    closed = asyncio.Event()

    class Watched(Double):
        async def answer(self, prompt: Prompt) -> AsyncIterator[AnswerDelta | AnswerEnd | Notice]:
            try:
                yield AnswerDelta(text="a")
                yield AnswerDelta(text="b")
            finally:
                closed.set()

    chain = Chain(Role.CHAT, [Double("first", error(ProviderCategory.GONE)), Watched("second")])
    stream = FallbackChatModel(chain).answer(prompt())
    assert isinstance(await anext(stream), Notice)
    await stream.aclose()  # type: ignore[attr-defined]
    assert closed.is_set()


async def test_speech_moves_on_before_its_first_sound() -> None:
    first, second = Double("first", error(ProviderCategory.AUTH)), Double("second")
    stream = FallbackSynthesizer(Chain(Role.SPEECH, [first, second])).speak(SpeechRequest(text="Hello."))
    assert [type(item) async for item in stream] == [Notice, AudioChunk, SpeechEnd]


async def test_cancelling_is_no_failure() -> None:
    class Slow(Double):
        async def caption(self, request: CaptionRequest) -> CaptionBatch:
            self.calls += 1
            await asyncio.sleep(60)
            raise AssertionError

    first, second = Slow("first"), Double("second")
    captioner = FallbackCaptioner(Chain(Role.CAPTIONS, [first, second]))
    task = asyncio.create_task(captioner.caption(REQUEST))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert second.calls == 0


def test_a_list_needs_someone() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Chain(Role.CHAT, [])


@pytest.mark.parametrize(
    ("category", "asked"),
    [
        (ProviderCategory.QUOTA, [1, 0, 1]),
        (ProviderCategory.AUTH, [1, 0, 1]),
        (ProviderCategory.WRONG_ADDRESS, [1, 0, 1]),
        (ProviderCategory.NETWORK, [1, 0, 1]),
        (ProviderCategory.GONE, [1, 1, 0]),
        (ProviderCategory.SERVER, [1, 1, 0]),
    ],
)
async def test_what_an_address_refuses_is_not_asked_of_its_other_models(
    category: ProviderCategory, asked: list[int]
) -> None:
    doubles = [Double("one", always=error(category)), Double("two"), Double("elsewhere")]
    chain = Chain(Role.CAPTIONS, doubles, at_one_address=2)
    await FallbackCaptioner(chain).caption(CaptionRequest(frames=frames(1)))
    assert [double.calls for double in doubles] == asked
    await FallbackCaptioner(chain).caption(CaptionRequest(frames=frames(1)))
    assert doubles[0].calls == 1, "it rests"
    assert doubles[1].calls == 2 * asked[1], "and so do its neighbours"
