"""What a question may spend on its clips: less is looked at, the asker is asked, or it is refused; nothing is paid
before that is known."""

from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.database.engine import Database
from bot.domain.answer import AnswerMode
from bot.domain.ask import Ask, AskKind
from bot.domain.conversation import ConversationKey, PlaceSettings
from bot.domain.errors import BudgetError, MediaError
from bot.domain.money import Account, CapKind, paying
from bot.domain.quote import Consent, dollars
from bot.domain.timeline import MomentKind, NoticeCode
from bot.jobs.bookings import Caps
from bot.jobs.ledger import Ledger
from bot.memory.store import Memory
from bot.pipeline.crew import Crew
from bot.pipeline.degrade import Step, Unseen, choose
from bot.services.chat import ChatService, Done
from bot.services.clips import ClipService
from bot.services.remembrance import Remembrance
from tests import clips
from tests.fakes.providers import KeepingListener, ScriptedCaptioner, ScriptedTranscriber
from tests.pipeline.test_degrade import clip_of, cost, crew
from tests.services.conftest import Shelf

pytestmark = pytest.mark.parametrize("where", ["sqlite"], indirect=True)

KEY = ConversationKey(server_id=5, channel_id=1)
SECONDS = 12.0


@dataclass
class Counter:
    """A chat with a ledger behind it; `budget` opens another with other caps over the same memory."""

    crew: Crew
    captioner: ScriptedCaptioner
    transcriber: ScriptedTranscriber
    shelf: Shelf
    memory: Memory
    database: Database
    folder: Path
    stack: AsyncExitStack
    ledger: Ledger | None = None
    jobs: int = field(default=0)

    def chat(self, cap_usd: float | None, *, confirm_usd: float = 0.0) -> ChatService:
        self.ledger = Ledger(self.database, Caps(person_day_usd=cap_usd))
        service = ClipService(self.crew, self.memory, self.shelf, folder=self.folder, budget=self.ledger)
        remembrance = Remembrance(self.crew, self.memory, recent=timedelta(days=1), summarises=False)
        self.stack.push_async_callback(remembrance.finish, 5.0)
        return ChatService(
            self.crew,
            self.memory,
            service,
            remembrance,
            mode=AnswerMode.AUTO,
            max_clips=3,
            budget=self.ledger,
            confirm_usd=confirm_usd,
        )

    async def ask(self, chat: ChatService, *paths: Path, **fields: object) -> Done:
        self.jobs += 1
        ask = Ask(job_id=f"{self.jobs:012x}", key=KEY, asker_id=7, asked_at=datetime.now(UTC), question="What?")
        sources = tuple(self.shelf.put(100 * self.jobs + number, path) for number, path in enumerate(paths))
        ask = replace(ask, clips=sources, **fields)  # type: ignore[arg-type]
        with paying(Account(job_id=ask.job_id, person_id=7, server_id=5)):
            return await chat.serve(ask, PlaceSettings(), KeepingListener())

    @property
    def paid(self) -> tuple[int, int]:
        """Requests for captions and for transcripts."""
        return len(self.captioner.requests), len(self.transcriber.requests)

    def room_for(self, step: Step) -> float:
        """Money with which a clip like ours is understood by this step, as little as will do."""
        unseen = [Unseen(facts=clip_of(SECONDS, size=(160, 90)))]
        full = cost(choose(self.crew, unseen, room_usd=None))
        for share in range(1, 200):
            choice = choose(self.crew, unseen, room_usd=full * share / 100)
            if choice.fits and choice.plans[0].step is step:
                return full * share / 100 * 1.02
        raise AssertionError(step)


@pytest.fixture
async def counter(database: Database, tmp_path: Path) -> AsyncGenerator[Counter]:
    captioner, transcriber = ScriptedCaptioner(), ScriptedTranscriber()
    someone = replace(crew(captions="gpt-4o"), captioner=captioner, transcriber=transcriber)
    async with AsyncExitStack() as stack:
        yield Counter(
            crew=someone,
            captioner=captioner,
            transcriber=transcriber,
            shelf=Shelf(),
            memory=Memory(database),
            database=database,
            folder=tmp_path / "work",
            stack=stack,
        )


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes with a tone each."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    scenes = [(("red", "blue", "green")[number % 3], 300 + 40 * number) for number in range(12)]
    clips.colour_tone_clip(path, scenes=scenes, seconds=SECONDS / 12, size=(160, 90))
    return path


def codes(done: Done) -> set[NoticeCode]:
    return {notice.code for notice in done.notices}


async def test_with_less_money_less_is_looked_at_and_everybody_is_told(counter: Counter, clip: Path) -> None:
    whole = await counter.ask(counter.chat(None), clip)
    frames = sum(len(request.frames) for request in counter.captioner.requests)
    assert NoticeCode.DEGRADED not in codes(whole)
    assert frames > 8
    await _forget(counter)
    few = await counter.ask(counter.chat(counter.room_for(Step.FEWER)), clip)
    assert 8 <= sum(len(request.frames) for request in counter.captioner.requests) < frames
    assert not any(request.are_sheets for request in counter.captioner.requests)
    assert NoticeCode.DEGRADED in codes(few)
    assert few.timelines[0].of(MomentKind.SEEN)
    assert any("To save money" in notice.public for notice in few.timelines[0].notices)


async def test_contact_sheets_show_many_frames_for_the_price_of_few(counter: Counter, clip: Path) -> None:
    sheets = await counter.ask(counter.chat(counter.room_for(Step.SHEETS)), clip)
    assert all(request.are_sheets for request in counter.captioner.requests)
    pictures = [frame for request in counter.captioner.requests for frame in request.frames]
    assert 1 <= len(pictures) <= 3
    assert all(max(frame.width, frame.height) <= counter.crew.caption_edge_px for frame in pictures)
    assert NoticeCode.DEGRADED in codes(sheets)


async def test_with_hardly_any_it_only_listens(counter: Counter, clip: Path) -> None:
    heard = await counter.ask(counter.chat(counter.room_for(Step.TRANSCRIPT)), clip)
    assert counter.paid[0] == 0
    assert heard.timelines[0].of(MomentKind.HEARD)
    assert "only its sound was heard" in " ".join(notice.public for notice in heard.notices)


async def test_what_was_seen_in_part_does_not_stand_in_the_way_of_all(counter: Counter, clip: Path) -> None:
    sparing = counter.chat(counter.room_for(Step.SHEETS))
    await counter.ask(sparing, clip)
    paid = counter.paid
    again = await counter.ask(sparing, clip)
    assert counter.paid == paid, "for a while the little that was seen is not paid for again"
    assert NoticeCode.DEGRADED in codes(again)
    whole = await counter.ask(counter.chat(None), clip)
    assert counter.paid[0] > paid[0]
    assert counter.paid[1] == paid[1], "what was heard was whole"
    assert NoticeCode.DEGRADED not in codes(whole)


async def test_what_cannot_be_paid_is_refused_before_anything_is(counter: Counter, clip: Path) -> None:
    chat = counter.chat(0.000_5)
    with pytest.raises(BudgetError) as refused:
        await counter.ask(chat, clip)
    assert counter.paid == (0, 0)
    assert refused.value.code == "estimate_above_budget"
    assert refused.value.resets_at is not None
    assert dollars(0.000_5) in refused.value.public
    assert "what one person may spend here in a day" in refused.value.public


async def test_what_is_known_needs_no_money(counter: Counter, clip: Path) -> None:
    await counter.ask(counter.chat(None), clip)
    paid = counter.paid
    done = await counter.ask(counter.chat(0.000_000_1), clip)
    assert counter.paid == paid
    assert NoticeCode.DEGRADED not in codes(done)


async def test_what_is_dear_waits_for_the_asker(counter: Counter, clip: Path) -> None:
    chat = counter.chat(None, confirm_usd=0.01)
    asked = await counter.ask(chat, clip, clip)
    assert asked.quote is not None
    assert asked.quote.cost_usd > 0.01
    assert asked.quote.sound_seconds == pytest.approx(2 * SECONDS, abs=20)
    assert asked.quote.less_usd is not None
    assert counter.paid == (0, 0)
    assert not await counter.memory.chain("000000000001", limit=1), "nothing is kept of it"
    less = await counter.ask(chat, clip, consent=Consent.LESS)
    assert less.quote is None
    assert NoticeCode.DEGRADED in codes(less)
    whole = await counter.ask(chat, clip, consent=Consent.AGREED)
    assert NoticeCode.DEGRADED not in codes(whole)
    again = await counter.ask(chat, clip)
    assert again.quote is None, "what is known costs only the answer"


async def test_nobody_is_asked_on_the_command_line_but_a_bound_holds(counter: Counter, clip: Path) -> None:
    chat = counter.chat(None, confirm_usd=0.01)
    with pytest.raises(BudgetError) as refused:
        await counter.ask(chat, clip, asker_id=0, most_usd=0.000_1, kind=AskKind.TIMELINE)
    assert refused.value.code == "estimate_above_limit"
    bounded = await counter.ask(chat, clip, asker_id=0, most_usd=counter.room_for(Step.SHEETS))
    assert bounded.quote is None
    assert NoticeCode.DEGRADED in codes(bounded)


async def test_a_clip_that_cannot_be_used_holds_nobody_up(counter: Counter, clip: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no clip at all")
    done = await counter.ask(counter.chat(1.0), broken, clip)
    assert NoticeCode.CLIP_LEFT_OUT in codes(done)
    assert done.text
    with pytest.raises(MediaError):
        await counter.ask(counter.chat(1.0), broken)


async def test_what_was_held_back_is_free_again_at_the_end(counter: Counter, clip: Path) -> None:
    chat = counter.chat(1.0)
    await counter.ask(chat, clip)
    assert counter.ledger is not None
    (mine,) = [one for one in await counter.ledger.allowances(Account(person_id=7)) if one.kind is CapKind.PERSON_DAY]
    assert mine.reserved_usd == 0


async def _forget(counter: Counter) -> None:
    """Everything, so that a clip is understood anew."""
    counter.captioner.requests.clear()
    counter.transcriber.requests.clear()
    counter.crew = replace(counter.crew, frames_per_request=counter.crew.frames_per_request - 1)
