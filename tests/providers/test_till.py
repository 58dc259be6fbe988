"""Money around a call: held back before it, at least what it costs, and closed whatever becomes of it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import pytest

from bot.domain.answer import Usage
from bot.domain.errors import BudgetError, ProviderCategory, ProviderError
from bot.domain.role import Role
from bot.providers.base import CaptionRequest, EmbedRequest, SpeechRequest, TranscriptRequest
from bot.providers.openai.captions import OpenAICaptioner
from bot.providers.openai.chat import OpenAIChatModel
from bot.providers.openai.connection import Connection
from bot.providers.openai.embeddings import OpenAIEmbedder
from bot.providers.openai.endpoint import Endpoint
from bot.providers.openai.speech import RestSynthesizer
from bot.providers.openai.transcripts import OpenAITranscriber
from bot.providers.prices import Quantity, price_list, vendors_prices
from bot.providers.till import Till, most_seconds, most_tokens
from tests.providers.material import QUICK, as_wav, frames, prompt, tone
from tests.simulator.openai_server import OpenAIEmulator
from tests.simulator.openai_server import faults as make

MOST = Quantity(input_tokens=1000, output_tokens=100)


class Payment:
    def __init__(self, model: str, usd: float) -> None:
        self.model = model
        self.reserved = usd
        self.closed: list[tuple[str, float | None]] = []

    async def settle(self, usd: float | None) -> None:
        self.closed.append(("settled", usd))

    async def release(self) -> None:
        self.closed.append(("released", 0.0))

    async def presume(self) -> None:
        self.closed.append(("presumed", None))


class Purse:
    """Has enough for everything."""

    def __init__(self) -> None:
        self.payments: list[Payment] = []

    async def reserve(self, *, role: Role, model: str, usd: float) -> Payment:
        self.payments.append(Payment(model, usd))
        return self.payments[-1]

    @property
    def ends(self) -> list[str]:
        """How each payment ended; once, or it is told here."""
        return ["+".join(end for end, _ in payment.closed) or "open" for payment in self.payments]


def usage(**used: int) -> Usage:
    return Usage(role=Role.CHAT, provider="here", model="gpt-6-luna", cost_usd=0.001, **used)


def failure(category: ProviderCategory, code: str = "x") -> ProviderError:
    return ProviderError(code, "It failed.", category=category)


@pytest.mark.parametrize(
    ("used", "booked"),
    [(usage(input_tokens=10), 0.001), (usage(), None)],
    ids=["the server says what it used", "it does not"],
)
async def test_what_a_call_cost_is_booked(used: Usage, booked: float | None) -> None:
    purse = Purse()
    async with Till(vendors_prices(), purse).paying(Role.CHAT, "gpt-6-luna", MOST) as bill:
        assert purse.ends == ["open"], "money is held back before the call"
        bill.settle(used)
    assert purse.payments[0].reserved == pytest.approx(1000 * 0.10 / 1e6 + 100 * 0.50 / 1e6)
    assert purse.payments[0].closed == [("settled", booked)]


@pytest.mark.parametrize(
    ("error", "end"),
    [
        (failure(ProviderCategory.RATE), "released"),
        (failure(ProviderCategory.AUTH), "released"),
        (failure(ProviderCategory.BAD_REQUEST), "released"),
        (failure(ProviderCategory.SERVER, "server_error"), "released"),
        (failure(ProviderCategory.SERVER, "malformed_reply"), "presumed"),
        (failure(ProviderCategory.NETWORK, "timeout"), "presumed"),
        (failure(ProviderCategory.NETWORK, "unreachable"), "presumed"),
        (failure(ProviderCategory.REFUSED), "presumed"),
        (RuntimeError("a mistake of ours"), "presumed"),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_call_that_may_have_been_billed_is_booked_at_its_most(error: Exception, end: str) -> None:
    purse = Purse()
    with pytest.raises(type(error)):
        async with Till(vendors_prices(), purse).paying(Role.CHAT, "gpt-6-luna", MOST):
            raise error
    assert purse.ends == [end]


async def test_a_stream_that_had_begun_is_billed_whatever_error_ends_it() -> None:
    purse = Purse()

    async def call() -> None:
        async with Till(vendors_prices(), purse).paying(Role.CHAT, "gpt-6-luna", MOST) as bill:
            bill.begun()
            raise failure(ProviderCategory.SERVER, "server_error")

    with pytest.raises(ProviderError):
        await call()
    assert purse.ends == ["presumed"]


async def test_who_gives_up_on_a_call_pays_for_it() -> None:
    purse = Purse()
    begun = asyncio.Event()

    async def call() -> None:
        async with Till(vendors_prices(), purse).paying(Role.CHAT, "gpt-6-luna", MOST):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(call())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert purse.ends == ["presumed"]


@pytest.mark.parametrize("model", ["nobody-knows-it", "gpt-transcribe"], ids=["no price", "no price for tokens"])
async def test_a_hole_in_the_prices_is_never_paid(model: str) -> None:
    purse = Purse()
    with pytest.raises(BudgetError) as refused:
        async with Till(vendors_prices(), purse).paying(Role.CHAT, model, MOST):
            pytest.fail("it was called")
    assert (refused.value.code, purse.payments) == ("no_price", [])
    async with Till(price_list(unpriced=(model,)), purse).paying(Role.CHAT, model, MOST) as bill:
        bill.settle(usage(input_tokens=10))
    assert purse.payments[0].reserved == 0.0


Connect = Callable[..., Connection]


@pytest.fixture
async def cloud() -> AsyncIterator[OpenAIEmulator]:
    async with OpenAIEmulator() as server:
        yield server


@pytest.fixture
def purse() -> Purse:
    return Purse()


@pytest.fixture
async def connect(cloud: OpenAIEmulator, purse: Purse) -> AsyncIterator[Connect]:
    connections: list[Connection] = []

    def made(role: Role, *, is_free: bool = False) -> Connection:
        endpoint = Endpoint(role=role, base_url=cloud.base_url, api_key=cloud.api_key, is_free=is_free)
        connections.append(Connection(endpoint, purse=purse))
        return connections[-1]

    yield made
    for connection in connections:
        await connection.aclose()


async def use(role: Role, connect: Connect, *, is_free: bool = False) -> None:
    """One piece of work of each kind."""
    connection = connect(role, is_free=is_free)
    match role:
        case Role.CAPTIONS:
            captioner = OpenAICaptioner(connection, model="gpt-6-luna", retry=QUICK)
            await captioner.caption(CaptionRequest(frames=frames(4)))
        case Role.TRANSCRIPTS:
            transcriber = OpenAITranscriber(connection, model="whisper-1", encode=as_wav, retry=QUICK)
            await transcriber.transcribe(TranscriptRequest(chunk=tone()))
        case Role.CHAT:
            async with aclosing(OpenAIChatModel(connection, model="gpt-6-luna", retry=QUICK).answer(prompt())) as items:
                async for _ in items:
                    continue
        case Role.SPEECH:
            speech = RestSynthesizer(connection, model="gpt-4o-mini-tts", retry=QUICK)
            async with aclosing(speech.speak(SpeechRequest(text="It is green, and nothing moves."))) as sound:
                async for _ in sound:
                    continue
        case Role.EMBEDDINGS:
            embedder = OpenAIEmbedder(connection, model="text-embedding-3-small", retry=QUICK)
            await embedder.embed(EmbedRequest(texts=("one", "两个")))


@pytest.mark.parametrize("role", list(Role))
async def test_every_adapter_holds_back_enough_for_each_of_its_calls(
    role: Role, connect: Connect, purse: Purse, cloud: OpenAIEmulator
) -> None:
    await use(role, connect)
    assert len(purse.payments) == len(cloud.requests)
    assert purse.ends == ["settled"] * len(purse.payments)
    for payment in purse.payments:
        ((_, usd),) = payment.closed
        assert usd is not None
        assert 0 < usd <= payment.reserved


@pytest.mark.parametrize("role", list(Role))
async def test_what_is_tried_again_is_paid_for_again(
    role: Role, connect: Connect, purse: Purse, cloud: OpenAIEmulator
) -> None:
    cloud.fail("any", make.server_error())
    await use(role, connect)
    assert purse.ends == ["released", "settled"]


async def test_a_server_of_ones_own_costs_nothing(connect: Connect, purse: Purse) -> None:
    await use(Role.CHAT, connect, is_free=True)
    assert purse.payments == []


def test_bounds_are_bounds() -> None:
    assert most_tokens("a" * 400) >= 100 + 16
    assert most_tokens("字" * 100) >= 150
    assert most_tokens("1 2,3.4;5 ") >= 9 + 16
    assert most_tokens("😀" * 100) >= 400
    assert most_tokens("⠓" * 100) >= 300
    assert most_seconds("It is green.") > 1.2
    assert most_seconds("7,777,777") > 4.0
    assert most_seconds("50 %") > 1.8
    assert most_seconds("它是绿色的。") > 2.0
