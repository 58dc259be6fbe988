"""What paid calls gave is there again for whoever goes on with the job, and gone with it."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.database.engine import Database
from bot.database.tables import BookingRow, StepRow
from bot.domain.answer import Prompt, ToolCall
from bot.domain.money import Account, paying
from bot.domain.role import Role
from bot.domain.sentence import sentence
from bot.domain.timeline import Notice, NoticeCode
from bot.jobs.bookings import BookingState, Caps
from bot.jobs.intake import Intake
from bot.jobs.ledger import Ledger
from bot.jobs.steps import Steps
from bot.pipeline.crew import Crew
from bot.providers.base import (
    AnswerEnd,
    CaptionBatch,
    CaptionRequest,
    SpeechEnd,
    SpeechRequest,
    TranscriptPiece,
    TranscriptRequest,
)
from bot.services.purse import LedgerPurse
from bot.services.recorded import recorded
from tests.databases import SQLITE, only
from tests.fakes.providers import broken, crew_of
from tests.providers.material import frames, prompt, tone

from ..database.material import ask

JOB = Account(job_id=ask(1).job_id, person_id=42, is_durable=True)
GAP = Notice(code=NoticeCode.FALLBACK_USED, public=sentence("The model {n} stepped in.", n=2))

pytestmark = only(SQLITE)


@pytest.fixture
async def accepted(database: Database) -> Intake:
    intake = Intake(database)
    await intake.accept(ask(1), reply_to=None)
    return intake


async def kept(database: Database) -> int:
    return await database.read(lambda session: session.scalar(select(func.count()).select_from(StepRow))) or 0


async def everything(crew: Crew) -> list[Any]:
    """One call of each kind, and what came of it."""
    captions = await crew.captioner.caption(CaptionRequest(frames=frames(3), language="en"))
    piece = await crew.transcriber.transcribe(TranscriptRequest(chunk=tone(), keywords=("Anna",)))
    answer = [item async for item in crew.chat.answer(replace(prompt(), step="answer"))]
    sound = [item async for item in crew.synthesizer.speak(SpeechRequest(text="It is green."))]
    pcm = b"".join(getattr(item, "pcm", b"") for item in sound)
    return [captions, piece, "".join(getattr(item, "text", "") for item in answer), answer[-1], pcm, sound[-1]]


@pytest.mark.usefixtures("accepted")
async def test_a_call_that_was_paid_is_not_made_again(database: Database) -> None:
    crew = crew_of()
    with paying(JOB):
        first = await everything(recorded(crew, Steps(database)))
        others = crew_of()
        again = await everything(recorded(others, Steps(database)))
    assert again == first
    assert all(first)
    made = [others.captioner.requests, others.transcriber.requests, others.chat.prompts, others.synthesizer.sentences]
    assert made == [[], [], [], []]


async def test_with_the_job_it_goes(accepted: Intake, database: Database) -> None:
    with paying(JOB):
        await everything(recorded(crew_of(), Steps(database)))
        assert await kept(database) == 4
        await accepted.finished(JOB.job_id)
        assert await kept(database) == 0
        await everything(recorded(crew_of(), Steps(database)))
        assert await kept(database) == 0, "nothing is kept for what has ended"


@pytest.mark.usefixtures("accepted")
@pytest.mark.parametrize("account", [replace(JOB, is_durable=False), replace(JOB, job_id="unknown")])
async def test_for_others_nothing_is_kept(account: Account, database: Database) -> None:
    with paying(account):
        await everything(recorded(crew_of(), Steps(database)))
    assert await kept(database) == 0


@pytest.mark.usefixtures("accepted")
async def test_what_depends_on_the_order_of_calls_does_not_count_and_all_else_does(database: Database) -> None:
    crew = crew_of()
    captioner = recorded(crew, Steps(database)).captioner
    three = CaptionRequest(frames=frames(3), language="en")
    with paying(JOB):
        batch = await captioner.caption(three)
        await captioner.caption(replace(three, previous=batch.captions[0]))
        assert len(crew.captioner.requests) == 1
        for other in (
            replace(three, language="de"),
            replace(three, question="what colour?"),
            replace(three, focus=("dog",)),
            replace(three, frames=frames(2)),
        ):
            await captioner.caption(other)
    assert len(crew.captioner.requests) == 5


@pytest.mark.usefixtures("accepted")
async def test_an_answer_is_known_by_its_step_and_what_has_none_by_all_its_words(database: Database) -> None:
    crew = crew_of()
    chat = recorded(crew, Steps(database)).chat
    named = replace(prompt(), step="answer")
    with paying(JOB):
        for asked in (named, replace(named, evidence="something remembered meanwhile")):
            async for _ in chat.answer(asked):
                continue
        assert len(crew.chat.prompts) == 1
        for asked in (replace(named, step="notes 1"), prompt(), replace(prompt(), evidence="other words")):
            async for _ in chat.answer(asked):
                continue
    assert len(crew.chat.prompts) == 4


@pytest.mark.usefixtures("accepted")
async def test_calls_of_tools_and_notices_come_back_as_they_were(database: Database) -> None:
    call = ToolCall(call_id="c1", name="look", arguments='{"from": 1}')

    class Curious:
        def __init__(self) -> None:
            self.asked = 0

        async def answer(self, _prompt: object) -> AsyncIterator[Any]:
            self.asked += 1
            yield GAP
            yield call
            async for item in crew_of().chat.answer(prompt()):
                if isinstance(item, AnswerEnd):
                    yield item

    curious = Curious()
    chat = recorded(replace(crew_of(), chat=curious), Steps(database)).chat
    with paying(JOB):
        first = [item async for item in chat.answer(prompt())]
        again = [item async for item in chat.answer(prompt())]
    assert curious.asked == 1
    assert again == first
    assert again[:2] == [GAP, call]
    assert getattr(again[0].public, "template", "") == "The model {n} stepped in.", "it can still be translated"


@pytest.mark.usefixtures("accepted")
async def test_what_broke_off_is_not_kept(database: Database) -> None:
    class Breaking:
        async def answer(self, _prompt: object) -> AsyncIterator[Any]:
            yield next(iter([item async for item in crew_of().chat.answer(prompt())]))
            raise broken()

        async def caption(self, _request: object) -> CaptionBatch:
            raise broken()

    crew = recorded(replace(crew_of(), chat=Breaking(), captioner=Breaking()), Steps(database))

    async def answer() -> None:
        async for _ in crew.chat.answer(prompt()):
            continue

    with paying(JOB):
        with pytest.raises(type(broken())):
            await answer()
        with pytest.raises(type(broken())):
            await crew.captioner.caption(CaptionRequest(frames=frames(1)))
    assert await kept(database) == 0


class Paid:
    """The fakes of a crew, whose calls are paid as the adapters do it: before the last item of a stream goes out."""

    def __init__(self, crew: Crew, purse: LedgerPurse) -> None:
        self.crew = replace(crew, captioner=self, transcriber=self, chat=self, synthesizer=self)
        self._inner = crew
        self._purse = purse

    async def caption(self, request: CaptionRequest) -> CaptionBatch:
        payment = await self._purse.reserve(role=Role.CAPTIONS, model="m", usd=0.02)
        batch = await self._inner.captioner.caption(request)
        await payment.settle(0.01)
        return batch

    async def transcribe(self, request: TranscriptRequest) -> TranscriptPiece:
        payment = await self._purse.reserve(role=Role.TRANSCRIPTS, model="m", usd=0.02)
        piece = await self._inner.transcriber.transcribe(request)
        await payment.settle(0.01)
        return piece

    def answer(self, asked: Prompt) -> AsyncIterator[Any]:
        return self._paid(Role.CHAT, self._inner.chat.answer(asked), AnswerEnd)

    def speak(self, request: SpeechRequest) -> AsyncIterator[Any]:
        return self._paid(Role.SPEECH, self._inner.synthesizer.speak(request), SpeechEnd)

    async def _paid(self, role: Role, items: AsyncIterator[Any], last: type) -> AsyncIterator[Any]:
        payment = await self._purse.reserve(role=role, model="m", usd=0.02)
        async for item in items:
            if isinstance(item, last):
                await payment.settle(0.01)
            yield item


class Noting(Steps):
    """Notes which bookings are open at the moment something is kept."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.open: list[set[str]] = []
        self._looked = database

    async def put(self, job_id: str, key: str, value: bytes) -> None:
        await super().put(job_id, key, value)
        self.open.append({role for role, state in await bookings(self._looked) if state == BookingState.OPEN})


async def bookings(database: Database) -> list[tuple[str, str]]:
    rows = await database.read(lambda session: session.execute(select(BookingRow.role, BookingRow.state)))
    return [(role, state) for role, state in rows]


@pytest.mark.usefixtures("accepted")
async def test_what_a_call_gave_is_kept_before_it_counts_as_paid(database: Database) -> None:
    steps = Noting(database)
    with paying(JOB):
        await everything(recorded(Paid(crew_of(), LedgerPurse(Ledger(database, Caps()))).crew, steps))
    assert steps.open == [{"captions"}, {"transcripts"}, {"chat"}, {"speech"}]
    assert {state for _, state in await bookings(database)} == {BookingState.PAID}
