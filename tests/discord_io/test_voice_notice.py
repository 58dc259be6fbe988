"""The notice that the bot listens: always one, up to date, not too often, and it says when that is over."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from bot.config import DataSettings, Settings
from bot.discord_io.surface import Surface
from bot.discord_io.voice_notice import NoticePost, left_line, notice_text, notice_view
from bot.domain.conversation import MessageRef
from bot.domain.errors import VoiceError
from bot.domain.voice_session import LeaveReason
from bot.locales import catalogue
from tests.discord_io.recording_place import RecordingPlace, VirtualTime, surface_on

WORDS = catalogue(None)


class Scene:
    """The notice on places that write down what is shown."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.places: list[RecordingPlace] = []
        self.deleted: list[MessageRef] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.text = "one"
        self.post = NoticePost(
            self._surface,
            text=lambda: self.text,
            view=lambda: notice_view(WORDS),
            delete=self._delete,
            spawn=self._spawn,
            clock=self.time.clock,
            sleep=self.time.sleep,
        )

    def _surface(self) -> Surface:
        self.places.append(RecordingPlace(self.time))
        return surface_on(self.places[-1])

    async def _delete(self, ref: MessageRef) -> None:
        self.deleted.append(ref)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        return task

    @property
    def shown(self) -> list[list[str]]:
        return [place.shown for place in self.places]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_several_changes_are_one_edit(scene: Scene) -> None:
    await scene.post.open()
    for text in ("two", "three"):
        scene.text = text
        scene.post.refresh()
        await scene.time.settle()
    assert scene.shown == [["one"]]
    await scene.time.advance(3)
    assert scene.shown == [["one", "three"]]
    scene.post.refresh()
    await scene.time.advance(30)
    assert scene.shown == [["one", "three"]]
    assert all(task.done() for task in scene.tasks)


async def test_it_comes_down_once_for_all_who_came_meanwhile(scene: Scene) -> None:
    await scene.post.open()
    for _ in range(5):
        scene.post.renew()
        await scene.time.advance(1)
    assert scene.shown == [["one"]]
    await scene.time.advance(20)
    assert scene.shown == [["one"], ["one"]]
    assert len(scene.deleted) == 1
    await scene.time.advance(60)
    assert len(scene.places) == 2


async def test_after_the_end_nothing_changes_any_more(scene: Scene) -> None:
    await scene.post.open()
    scene.post.renew()
    await scene.time.settle()
    await scene.post.close("left")
    scene.text = "two"
    scene.post.refresh()
    await scene.time.advance(60)
    assert scene.shown == [["one", "left"]]
    assert scene.places[0].views[-1] is None
    assert all(task.done() for task in scene.tasks)


async def test_the_buttons_outlive_the_process() -> None:
    view = notice_view(WORDS)
    assert view.is_persistent()
    assert [(item.custom_id, item.item.label) for item in view.children] == [  # type: ignore[attr-defined]
        ("kibitz:hear:yes", "Hear me"),
        ("kibitz:hear:no", "Do not hear me"),
    ]


def test_it_says_what_is_heard_kept_and_how_long(tmp_path: Path) -> None:
    settings = Settings(data=DataSettings(directory=tmp_path, keep_days=7))
    text = notice_text(WORDS, settings, [])
    for part in ("press “Hear me”", "no recording is kept", "7 days", "this bot's own machine", "nobody yet"):
        assert part in text
    many = notice_text(WORDS, settings, range(1, 40))
    assert "<@1> <@2>" in many
    assert many.endswith("<@25> …")


@pytest.mark.parametrize("reason", list(LeaveReason))
def test_there_is_a_reason_for_every_end(tmp_path: Path, reason: LeaveReason) -> None:
    settings = Settings(data=DataSettings(directory=tmp_path))
    said = left_line(WORDS, settings, reason)
    assert said.startswith("👋 I ")
    assert said.endswith("/voice join brings me back.")


def test_a_failure_is_named(tmp_path: Path) -> None:
    settings = Settings(data=DataSettings(directory=tmp_path))
    error = VoiceError("voice_gone", "The connection broke.")
    assert left_line(WORDS, settings, LeaveReason.FAILED, error).startswith("👋 The connection broke. ")
