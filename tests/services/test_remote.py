"""A job through the wall and back: what is told, what comes of it, what is stopped, what another gateway takes up."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.database.engine import Database, open_database
from bot.database.where import Where
from bot.domain.answer import Usage, WantedCall
from bot.domain.ask import Ask
from bot.domain.conversation import PlaceSettings
from bot.domain.errors import BotError, BudgetError, MediaError, ProviderCategory, ProviderError, QuotaError
from bot.domain.events import JobEvent, RunListener, RunStarted, Stage, StageProgress
from bot.domain.media import AudioChunk, VoiceClip
from bot.domain.money import PAYING
from bot.domain.quote import Consent, Quote
from bot.domain.role import Role
from bot.domain.sentence import Sentence, sentence
from bot.domain.timeline import Moment, MomentKind, Notice, NoticeCode, Timeline
from bot.jobs.builtin import BuiltinQueue
from bot.jobs.intake import Intake
from bot.jobs.runner import Runner
from bot.jobs.table import JobTable
from bot.locales import catalogue
from bot.services.chat import Done
from bot.services.clips import Storyboard
from bot.services.parcel import UnreadableError, pack_done, pack_error, unpack_done, unpack_error
from bot.services.remote import RemoteWorks
from bot.services.worker import WorkerService

from ..database.material import ask, clip, message

PLACE = PlaceSettings(language="zh-CN")
Doing = Callable[[Ask, PlaceSettings, RunListener], Awaitable[Done]]


class Works:
    """What a worker does, as a test says."""

    def __init__(self, doing: Doing) -> None:
        self.doing = doing

    async def serve(self, asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        return await self.doing(asked, place, listener)

    async def carry_out(self, call: WantedCall, asked: Ask) -> str:
        return f"carried out {call.tool}"


class Listener:
    """What was told."""

    def __init__(self) -> None:
        self.events: list[JobEvent] = []
        self.words = ""
        self.news = asyncio.Event()

    def event(self, event: JobEvent) -> None:
        if isinstance(event, RunStarted):
            self.words = ""
        self.events.append(event)
        self.news.set()

    def text(self, delta: str) -> None:
        self.words += delta
        self.news.set()

    def audio(self, chunk: AudioChunk) -> None:
        raise AssertionError

    async def until(self, look: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not look():
                self.news.clear()
                await self.news.wait()


class Bridge:
    """A gateway and workers over one database."""

    def __init__(self, database: Database) -> None:
        self.table = JobTable(database)
        self.queue = BuiltinQueue(database, poll_seconds=0.05)
        self.intake = Intake(database)
        self.is_leaving = False

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[RemoteWorks]:
        own = Works(_never)
        remote = RemoteWorks(self.table, self.queue, own, lease_seconds=30, is_leaving=lambda: self.is_leaving)
        remote.start()
        try:
            yield remote
        finally:
            await remote.aclose()

    @asynccontextmanager
    async def worker(self, doing: Doing, *, owner: str = "worker") -> AsyncIterator[None]:
        serve = WorkerService(Works(doing)).serve
        runner = Runner(self.table, self.queue, serve, owner=owner, at_once=2, lease_seconds=30, pause=lambda _: 0)
        working = asyncio.create_task(runner.work(grace_seconds=0))
        try:
            yield
        finally:
            runner.stop()
            await working

    async def asked(self, number: int = 1) -> Ask:
        asked = replace(ask(number), source=message(number), question="What is it?")
        await self.intake.accept(asked, reply_to=None)
        return asked


@pytest.fixture
async def bridge(migrated: Path, tmp_path: Path) -> AsyncIterator[Bridge]:
    shutil.copy(migrated, tmp_path / "kibitz.db")
    async with open_database(Where(directory=tmp_path)) as database:
        yield Bridge(database)


async def eventually(look: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(30):
        while True:
            if await look():
                return
            await asyncio.sleep(0.01)


async def _never(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
    await asyncio.Event().wait()
    raise AssertionError


WHOLE = Done(
    text="It is 绿色.",
    question="What?",
    timelines=(
        Timeline(
            duration_seconds=2.0,
            moments=(Moment(kind=MomentKind.HEARD, start_seconds=0.0, end_seconds=1.0, text="hello", speaker="A"),),
            notices=(Notice(code=NoticeCode.NO_PICTURE, public=sentence("Nothing for {n} s.", n=3)),),
        ),
    ),
    storyboards=(Storyboard(ref=clip(1), png=b"\x89PNG one", at_seconds=(0.0, 1.5)),),
    has_picture=True,
    notices=(Notice(code=NoticeCode.FALLBACK_USED, public=sentence("It was {what}.", what="so"), role=Role.CHAT),),
    usages=(Usage(role=Role.CHAT, provider="openai", model="m", input_tokens=7, cost_usd=0.01),),
    voice=VoiceClip(duration_seconds=1.0, waveform=b"\x00\xff", ogg=b"OggS\x00"),
    wanted=(WantedCall(tool="t", arguments="{}"),),
    quote=Quote(cost_usd=0.5, frames=3),
    timings_seconds={"total": 1.25},
)


def test_everything_that_comes_of_a_job_survives_the_way() -> None:
    there = unpack_done(*pack_done(WHOLE))
    assert there == WHOLE
    (notice,) = there.timelines[0].notices
    assert isinstance(notice.public, Sentence)
    assert notice.public.values == {"n": 3}
    with pytest.raises(UnreadableError):
        unpack_done("{}", b"")


@pytest.mark.parametrize(
    "error",
    [
        BotError("turn_gone", sentence("Gone since {n}.", n=1)),
        MediaError("no_clip", "There is no clip to go by. Attach one, or reply to a message that has one."),
        ProviderError(
            "p", "Busy.", category=ProviderCategory.RATE, retryable=True, retry_after_seconds=2.5, request_id="r"
        ),
        QuotaError("q", "No money.", resets_at=datetime(2026, 12, 1, tzinfo=UTC)),
        BudgetError("b", "No more today."),
    ],
)
def test_an_error_stays_what_it_is(error: BotError) -> None:
    there = unpack_error(pack_error(error))
    assert type(there) is type(error)
    names = ("code", "public", "category", "retryable", "retry_after_seconds", "request_id", "resets_at")
    assert [getattr(there, name, None) for name in names] == [getattr(error, name, None) for name in names]
    assert there.public.template == error.public.template


def test_an_error_of_a_kind_of_its_own_is_one_of_the_next_kind_above() -> None:
    class OddError(MediaError):
        pass

    assert type(unpack_error(pack_error(OddError("odd", "Odd.")))) is MediaError
    said = unpack_error(pack_error(MediaError("no_clip", "Post the file again.")))
    assert catalogue("zh-CN").of(said.public) == catalogue("zh-CN").of(Sentence.of("Post the file again."))


async def test_what_a_worker_tells_and_does_comes_to_the_gateway(bridge: Bridge) -> None:
    heard, go = Listener(), asyncio.Event()
    paid: list[str] = []

    async def doing(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        assert place == PLACE
        paid.append(PAYING.get().job_id)
        listener.event(RunStarted(job_id=asked.job_id, at_seconds=0.0))
        for frame in (1.0, 2.0):
            listener.event(
                StageProgress(job_id=asked.job_id, at_seconds=1.0, stage=Stage.CAPTIONS, done=frame, total=2.0)
            )
        listener.text("It is ")
        await go.wait()
        listener.text("green.")
        return WHOLE

    asked = await bridge.asked()
    async with bridge.gateway() as remote, bridge.worker(doing):
        serving = asyncio.create_task(remote.serve(asked, PLACE, heard))
        await heard.until(lambda: heard.words == "It is ")
        assert [type(event) for event in heard.events] == [RunStarted, StageProgress]
        assert await remote.elsewhere() == ()
        go.set()
        assert await serving == WHOLE
    assert paid == [asked.job_id]
    assert await bridge.table.standings([asked.job_id]) == {}


async def test_words_begin_anew_with_another_worker(bridge: Bridge) -> None:
    heard, first, times = Listener(), asyncio.Event(), list[str]()

    async def broken_off(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        listener.event(RunStarted(job_id=asked.job_id, at_seconds=0.0))
        listener.text("It is a long st")
        first.set()
        return await _never(asked, place, listener)

    async def whole(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        times.append(asked.job_id)
        listener.event(RunStarted(job_id=asked.job_id, at_seconds=0.0))
        listener.text("It is.")
        await heard.until(lambda: heard.words == "It is.")
        return Done(text="It is.")

    async with bridge.gateway() as remote:
        serving = asyncio.create_task(remote.serve(await bridge.asked(), PLACE, heard))
        async with bridge.worker(broken_off, owner="first"):
            await heard.until(lambda: heard.words == "It is a long st")
        async with bridge.worker(whole, owner="second"):
            assert (await serving).text == "It is."
    assert len(times) == 1


async def test_an_error_of_the_worker_is_raised_here(bridge: Bridge) -> None:
    async def fail(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        raise MediaError("no_clip", "There is no clip.")

    async with bridge.gateway() as remote, bridge.worker(fail):
        with pytest.raises(MediaError, match="no_clip"):
            await remote.serve(await bridge.asked(), PLACE, Listener())


async def test_what_fails_in_every_worker_is_a_failure_of_ours(bridge: Bridge) -> None:
    async def fail(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        raise ValueError

    async with bridge.gateway() as remote, bridge.worker(fail):
        with pytest.raises(RuntimeError):
            await remote.serve(await bridge.asked(), PLACE, Listener())


async def test_what_takes_three_workers_down_is_told_of(bridge: Bridge) -> None:
    async with bridge.gateway() as remote:
        serving = asyncio.create_task(remote.serve(await bridge.asked(), PLACE, Listener()))
        for _ in range(3):
            await eventually(lambda: bridge.table.claim("gone", lease_seconds=-1))
            await bridge.table.tidy()
        with pytest.raises(BotError, match="gave_up"):
            await serving


async def test_what_is_cancelled_here_stops_there(bridge: Bridge) -> None:
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def until_stopped(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        begun.set()
        try:
            return await _never(asked, place, listener)
        except asyncio.CancelledError:
            stopped.set()
            raise

    asked = await bridge.asked()
    async with bridge.gateway() as remote, bridge.worker(until_stopped):
        serving = asyncio.create_task(remote.serve(asked, PLACE, Listener()))
        await begun.wait()
        serving.cancel()
        await asyncio.wait({serving})
        assert stopped.is_set(), "it has stopped when the cancelling returns"
        assert serving.cancelled()
    assert await bridge.table.standings([asked.job_id]) == {}


async def test_what_is_forgotten_or_finished_meanwhile_is_withdrawn(bridge: Bridge) -> None:
    asked, begun = await bridge.asked(), asyncio.Event()

    async def beginning(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        begun.set()
        return await _never(asked, place, listener)

    async with bridge.gateway() as remote, bridge.worker(beginning):
        serving = asyncio.create_task(remote.serve(asked, PLACE, Listener()))
        await begun.wait()
        await bridge.intake.finished(asked.job_id)
        with pytest.raises(BotError, match="withdrawn"):
            await serving
        with pytest.raises(BotError, match="withdrawn"):
            await remote.serve(asked, PLACE, Listener())


async def test_another_gateway_stops_what_it_has_not_ordered(bridge: Bridge) -> None:
    asked, other, begun = await bridge.asked(1), await bridge.asked(2), asyncio.Event()

    async def beginning(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        begun.set()
        return await _never(asked, place, listener)

    async with bridge.gateway() as ordering, bridge.gateway() as forgetting, bridge.worker(beginning):
        servings = [asyncio.create_task(ordering.serve(one, PLACE, Listener())) for one in (asked, other)]
        await begun.wait()

        async def sees_both() -> bool:
            return len(await forgetting.elsewhere()) == 2

        await eventually(sees_both)
        await forgetting.stop(lambda one: one.job_id == asked.job_id)
        with pytest.raises(BotError, match="withdrawn"):
            await servings[0]
        assert not servings[1].done()
        servings[1].cancel()
        await asyncio.wait(servings)


async def test_the_next_gateway_takes_up_what_goes_on_without_the_first(bridge: Bridge) -> None:
    asked, begun, go = await bridge.asked(), asyncio.Event(), asyncio.Event()
    times: list[str] = []

    async def doing(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        times.append(asked.job_id)
        begun.set()
        await go.wait()
        return Done(text="done")

    async with bridge.worker(doing):
        async with bridge.gateway() as first:
            serving = asyncio.create_task(first.serve(asked, PLACE, Listener()))
            await begun.wait()
            bridge.is_leaving = True
            serving.cancel()
            await asyncio.wait({serving})
        bridge.is_leaving = False
        go.set()
        async with bridge.gateway() as second:
            assert (await second.serve(asked, PLACE, Listener())).text == "done"
    assert times == [asked.job_id]


async def test_what_the_asker_agreed_to_meanwhile_goes_with_the_order(bridge: Bridge) -> None:
    async def doing(asked: Ask, place: PlaceSettings, listener: RunListener) -> Done:
        return Done(quote=Quote(cost_usd=1.0)) if asked.consent is Consent.UNASKED else Done(text=asked.consent)

    asked = await bridge.asked()
    async with bridge.gateway() as remote, bridge.worker(doing):
        assert (await remote.serve(asked, PLACE, Listener())).quote == Quote(cost_usd=1.0)
        agreed = replace(asked, consent=Consent.AGREED)
        assert (await remote.serve(agreed, PLACE, Listener())).text == "agreed"
        assert await remote.carry_out(WantedCall(tool="t", arguments="{}"), asked) == "carried out t"
