"""Progress is told in words and numbers, rarely enough for Discord and soon enough for people."""

import asyncio
from types import SimpleNamespace
from typing import Any

import discord
import pytest

from bot.discord_io.pace import Room
from bot.discord_io.progress import JobMessage
from bot.domain.errors import DeliveryError
from bot.domain.events import JobEvent, Outcome, RunStarted, Stage, StageEnded, StageProgress, StageStarted
from bot.locales import catalogue
from tests.discord_io.recording_place import RecordingPlace, VirtualTime, surface_on


def started(stage: Stage, job_id: str = "a") -> JobEvent:
    return StageStarted(job_id=job_id, at_seconds=0.0, stage=stage)


def progress(stage: Stage, done: float, total: float | None, job_id: str = "a") -> JobEvent:
    return StageProgress(job_id=job_id, at_seconds=0.0, stage=stage, done=done, total=total)


class Scene:
    """A job message on a recording place in virtual time."""

    def __init__(self, locale: str | None = None) -> None:
        self.time = VirtualTime()
        self.place = RecordingPlace(self.time)
        self.message = JobMessage(
            surface_on(self.place), catalogue(locale), view=None, clock=self.time.clock, sleep=self.time.sleep
        )

    @property
    def shown(self) -> list[str]:
        return self.place.shown

    @property
    def times(self) -> list[float]:
        return [at for at, _what, _content in self.place.done]


def refusal(status: int, code: int) -> discord.HTTPException:
    response: Any = SimpleNamespace(status=status, reason="")
    kinds = {403: discord.Forbidden, 404: discord.NotFound}
    return kinds.get(status, discord.HTTPException)(response, {"code": code, "message": ""})


async def test_every_stage_has_its_words() -> None:
    scene = Scene()
    message = scene.message
    await message.open()
    async with message.following():
        for event in (
            started(Stage.FETCH),
            started(Stage.PROBE),
            progress(Stage.FRAMES, 1, None),
            progress(Stage.FRAMES, 24, None),
            progress(Stage.CAPTIONS, 8, 24),
            progress(Stage.TRANSCRIPT, 190.4, 842.0),
            started(Stage.FUSION),
        ):
            message.event(event)
            await scene.time.advance(2)
    assert scene.shown == [
        "⏳ Just a moment…",
        "📥 Fetching the clip…",
        "👀 Reading the file…",
        "👀 1 frame chosen",
        "👀 24 frames chosen",
        "👀 8/24 frames",
        "👀 8/24 frames · 👂 3:10 of 14:02 heard",
        "💭 Thinking…",
    ]


async def test_looking_again_is_told_while_it_lasts() -> None:
    scene = Scene()
    message = scene.message
    await message.open()
    over = StageEnded(job_id="a", at_seconds=0.0, stage=Stage.LOOK, outcome=Outcome.DONE)
    async with message.following():
        for event in (started(Stage.ANSWER), progress(Stage.LOOK, 40.0, 45.5), over):
            message.event(event)
            await scene.time.advance(2)
    assert scene.shown == ["⏳ Just a moment…", "💭 Thinking…", "🔎 Looking again at 0:40–0:45", "💭 Thinking…"]


async def test_clips_are_added_up() -> None:
    scene = Scene()
    await scene.message.open()
    async with scene.message.following():
        for event in (
            progress(Stage.CAPTIONS, 2, 8, "a"),
            progress(Stage.CAPTIONS, 3, 8, "a"),
            progress(Stage.CAPTIONS, 1, 16, "b"),
            progress(Stage.TRANSCRIPT, 10, 60, "a"),
            progress(Stage.TRANSCRIPT, 20, 30, "b"),
        ):
            scene.message.event(event)
        await scene.time.advance(1)
    assert scene.shown[-1] == "👀 4/24 frames · 👂 0:30 of 1:30 heard"


async def test_it_waits_in_turn() -> None:
    scene = Scene()
    scene.message.waiting(3)
    await scene.message.open()
    async with scene.message.following():
        for ahead in (2, 0):
            scene.message.waiting(ahead)
            await scene.time.advance(1)
    assert scene.shown == ["⏳ Waiting for 3 before you…", "⏳ Waiting for 2 before you…", "⏳ Just a moment…"]


async def test_edits_are_a_second_apart_and_only_when_something_changed() -> None:
    scene = Scene()
    await scene.message.open()
    async with scene.message.following():
        for number in range(1, 41):
            scene.message.event(progress(Stage.CAPTIONS, number, 40))
            await scene.time.advance(0.1)
        scene.message.event(StageEnded(job_id="a", at_seconds=0, stage=Stage.CAPTIONS, outcome=Outcome.DONE))
        scene.message.event(progress(Stage.CAPTIONS, 40, 40))
        await scene.time.advance(10)
    assert scene.times == pytest.approx([0.0, 1.0, 2.0, 3.0, 6.0])
    assert scene.shown[-1] == "👀 40/40 frames"


async def test_messages_of_one_channel_leave_room_for_the_first_words() -> None:
    """Four edits in five seconds are taken by others; the fifth is not spent on progress."""
    scene = Scene()
    room = Room(scene.time.clock)
    place = RecordingPlace(scene.time)
    message = JobMessage(surface_on(place), catalogue(None), room=room, clock=scene.time.clock, sleep=scene.time.sleep)
    await message.open()
    for _ in range(4):
        room.took()
    async with message.following():
        message.event(progress(Stage.CAPTIONS, 1, 2))
        await scene.time.advance(3)
        assert len(place.done) == 1
        message.text("A cat")
        await scene.time.advance(0)
        assert place.done[-1][2] == "A cat ▌"


async def test_nothing_is_edited_between_thinking_and_the_first_words() -> None:
    scene = Scene()
    await scene.message.open()
    async with scene.message.following():
        scene.message.event(started(Stage.FUSION))
        await scene.time.advance(2)
        scene.message.event(progress(Stage.CAPTIONS, 5, 5))
        scene.message.event(started(Stage.ANSWER))
        await scene.time.advance(5)
        assert scene.shown[1:] == ["💭 Thinking…"]


async def test_the_first_words_do_not_wait_and_later_ones_do() -> None:
    scene = Scene()
    await scene.message.open()
    async with scene.message.following():
        scene.message.event(started(Stage.FUSION))
        await scene.time.advance(1.2)
        scene.message.text(" ")
        scene.message.text("A *cat*")
        await scene.time.advance(0)
        assert scene.place.done[-1][2] == r"A \*cat\* ▌"
        for _ in range(13):
            scene.message.text(" runs")
            await scene.time.advance(0.25)
    assert scene.times == pytest.approx([0.0, 1.0, 1.2, 2.2, 3.2])


async def test_a_long_answer_shows_its_first_part_and_the_cancel_button_stays() -> None:
    scene = Scene()
    view = object()
    message = JobMessage(
        surface_on(scene.place), catalogue(None), view=view, clock=scene.time.clock, sleep=scene.time.sleep
    )  # type: ignore[arg-type]
    await message.open()
    async with message.following():
        message.text("word " * 300)
        await scene.time.advance(1)
        message.text("word " * 900)
        await scene.time.advance(1)
        edits = len(scene.shown)
        message.text("word " * 900)
        await scene.time.advance(5)
        assert len(scene.shown) == edits
    assert all(len(content) <= 2000 for content in scene.shown)
    assert scene.shown[-1].endswith("word ▌")
    assert len(scene.shown[-1]) > 1900
    assert scene.place.views == [view] * edits


async def test_an_edit_under_way_ends_before_the_block_does_and_none_begins_after_it() -> None:
    scene = Scene()
    await scene.message.open()
    scene.place.gate = asyncio.Event()
    following = scene.message.following()
    await following.__aenter__()
    scene.message.event(progress(Stage.CAPTIONS, 1, 2))
    await scene.time.advance(1)
    scene.message.event(progress(Stage.CAPTIONS, 2, 2))
    leaving = asyncio.create_task(following.__aexit__(None, None, None))
    await scene.time.advance(5)
    assert not leaving.done()
    scene.place.gate.set()
    await leaving
    await scene.time.advance(5)
    assert scene.shown[1:] == ["👀 1/2 frames"]


async def test_leaving_does_not_wait_for_the_second_to_pass() -> None:
    scene = Scene()
    await scene.message.open()
    async with scene.message.following():
        scene.message.event(progress(Stage.CAPTIONS, 1, 2))
        await scene.time.advance(0.1)
    assert scene.shown == ["⏳ Just a moment…"]


async def test_the_message_is_opened_while_it_is_followed_and_once() -> None:
    scene = Scene()
    async with scene.message.following():
        scene.message.event(progress(Stage.CAPTIONS, 1, 2))
        await scene.time.advance(3)
        assert scene.shown == []
        await scene.message.open()
        scene.message.event(progress(Stage.CAPTIONS, 2, 2))
        await scene.time.advance(1)
    assert [(what, content) for _at, what, content in scene.place.done] == [
        ("create", "👀 1/2 frames"),
        ("change", "👀 2/2 frames"),
    ]


@pytest.mark.parametrize(
    ("error", "goes_on"), [(refusal(500, 0), True), (refusal(404, 10008), False), (refusal(403, 50013), False)]
)
async def test_an_edit_that_fails_harms_nothing(error: Exception, goes_on: bool) -> None:
    scene = Scene()
    await scene.message.open()
    async with scene.message.following():
        scene.place.fails_with = [error]
        scene.message.event(progress(Stage.CAPTIONS, 1, 3))
        await scene.time.advance(1)
        scene.message.event(progress(Stage.CAPTIONS, 2, 3))
        await scene.time.advance(5)
    assert scene.shown[1:] == (["👀 2/3 frames"] if goes_on else [])


async def test_a_failed_edit_is_followed_by_the_same_pause() -> None:
    scene = Scene()
    await scene.message.open()
    async with scene.message.following():
        scene.place.fails_with = [refusal(500, 0)]
        scene.message.event(progress(Stage.CAPTIONS, 1, 3))
        await scene.time.advance(1.5)
        scene.message.event(progress(Stage.CAPTIONS, 2, 3))
        await scene.time.advance(0.25)
        assert len(scene.shown) == 1
        await scene.time.advance(1)
    assert scene.times == pytest.approx([0.0, 2.0])


async def test_where_nothing_can_be_shown_opening_says_so() -> None:
    scene = Scene()
    scene.place.fails_with = [refusal(403, 50013)]
    with pytest.raises(DeliveryError) as caught:
        await scene.message.open()
    assert caught.value.code == "discord_missing_permission"


async def test_the_failure_of_the_work_comes_through() -> None:
    scene = Scene()
    await scene.message.open()

    async def work() -> None:
        async with scene.message.following():
            scene.message.event(progress(Stage.CAPTIONS, 1, 3))
            raise LookupError

    with pytest.raises(LookupError):
        await work()


async def test_when_another_worker_begins_what_was_shown_begins_anew() -> None:
    scene = Scene()
    message = scene.message
    await message.open()
    async with message.following():
        message.event(started(Stage.ANSWER))
        message.text("It is a long st")
        await scene.time.advance(3)
        message.event(RunStarted(job_id="a", at_seconds=0.0))
        await scene.time.advance(3)
        message.text("It is.")
        await scene.time.advance(3)
    assert scene.shown[-3:] == ["It is a long st ▌", "⏳ Just a moment…", "It is. ▌"]
