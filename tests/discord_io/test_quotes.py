"""A question that waits for its asker to agree to what it costs."""

import asyncio
from datetime import UTC, datetime

import pytest

from bot.discord_io.quotes import Quotes, quote_text, quote_view
from bot.discord_io.surface import Surface
from bot.domain.ask import Ask
from bot.domain.conversation import ConversationKey
from bot.domain.errors import BotError
from bot.domain.quote import Consent, Quote, dollars
from bot.locales import catalogue
from tests.discord_io.recording_place import RecordingPlace

ASK = Ask(
    job_id="0" * 12,
    key=ConversationKey(server_id=1, channel_id=2),
    asker_id=7,
    asked_at=datetime(2026, 11, 30, tzinfo=UTC),
)
DEAR = Quote(cost_usd=0.2312, sound_seconds=838.0, frames=96, less_usd=0.1)
WORDS = catalogue("en-US")


def surface() -> tuple[Surface, RecordingPlace]:
    place = RecordingPlace()
    return Surface(place, job_id=ASK.job_id, words=WORDS), place


@pytest.mark.parametrize("consent", [Consent.AGREED, Consent.LESS])
async def test_it_goes_on_as_its_asker_says(consent: Consent) -> None:
    quotes, (shown, _) = Quotes(), surface()
    waiting = asyncio.create_task(quotes.agreed(ASK, DEAR, shown, WORDS))
    while not quotes.waits_for(ASK.job_id):  # noqa: ASYNC110 - it has no event of its own
        await asyncio.sleep(0)
    quotes.decide(ASK.job_id, consent)
    quotes.decide(ASK.job_id, Consent.AGREED)
    assert await waiting is consent
    with pytest.raises(BotError) as late:
        quotes.decide(ASK.job_id, consent)
    assert late.value.code == "not_waiting"


async def test_without_an_answer_it_is_withdrawn_with_a_word() -> None:
    shown, _ = surface()
    with pytest.raises(BotError) as withdrawn:
        await Quotes(seconds=0.01).agreed(ASK, DEAR, shown, WORDS)
    assert withdrawn.value.code == "not_agreed_in_time"


async def test_at_the_end_nobody_waits() -> None:
    quotes, (shown, _) = Quotes(), surface()
    waiting = asyncio.create_task(quotes.agreed(ASK, DEAR, shown, WORDS))
    while not quotes.waits_for(ASK.job_id):  # noqa: ASYNC110 - it has no event of its own
        await asyncio.sleep(0)
    quotes.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    with pytest.raises(asyncio.CancelledError):
        await quotes.agreed(ASK, DEAR, shown, WORDS)


async def test_what_is_asked() -> None:
    first, second = quote_text(DEAR, WORDS).splitlines()
    assert first == "💰 This will cost about $0.23 (14 min of sound, 96 frames). Shall I go on?"
    assert second.startswith("-# Only the person who asked can say so.")
    assert "(" not in quote_text(Quote(cost_usd=1.0), WORDS)
    labels = [getattr(item, "item", item).label for item in quote_view(ASK.job_id, DEAR, WORDS).children]  # type: ignore[union-attr]
    assert labels == ["Go on", "Fewer frames, about $0.10", "Cancel"]
    cheap = quote_view(ASK.job_id, Quote(cost_usd=1.0), WORDS)
    assert len(cheap.children) == 2


@pytest.mark.parametrize(
    ("amount", "shown"), [(0.0, "$0.00"), (12.3, "$12.30"), (0.2312, "$0.23"), (0.0231, "$0.023"), (0.0023, "$0.0023")]
)
def test_money_has_as_many_digits_as_say_something(amount: float, shown: str) -> None:
    assert dollars(amount) == shown
