"""Captions: one message per stretch of talk, edited no faster than Discord takes it, and nothing in them is live."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import discord
import pytest

from bot.discord_io.parts import LIMIT, length
from bot.discord_io.surface import Surface
from bot.discord_io.voice_captions import SECONDS_BETWEEN_EDITS, Captions
from bot.domain.voice_session import SpokenLine
from tests.discord_io.recording_place import RecordingPlace, VirtualTime, surface_on

ANNA, BEN = 1, 2
NAMES = {ANNA: "Anna", BEN: "Ben"}


def line(number: int, text: str, *, who: int = ANNA, at: float = 0.0, final: bool = True) -> SpokenLine:
    return SpokenLine(
        utterance_id=number,
        person_id=who,
        name=NAMES[who],
        text=text,
        start_seconds=at,
        end_seconds=at + 1,
        is_final=final,
    )


class Scene:
    """Captions on places that write down what is shown; `messages` are what stands in each of them last."""

    def __init__(self) -> None:
        self.time = VirtualTime()
        self.places: list[RecordingPlace] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.captions = Captions(self._surface, self._spawn, clock=self.time.clock, sleep=self.time.sleep)

    def _surface(self) -> Surface:
        self.places.append(RecordingPlace(self.time))
        return surface_on(self.places[-1])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks.add(asyncio.create_task(work))

    @property
    def messages(self) -> list[str]:
        return [place.shown[-1] for place in self.places if place.shown]

    @property
    def times(self) -> list[float]:
        return [at for place in self.places for at, _what, _content in place.done]


@pytest.fixture
def scene() -> Scene:
    return Scene()


async def test_a_line_grows_in_place(scene: Scene) -> None:
    scene.captions.show(line(1, "What", final=False))
    await scene.time.settle()
    assert scene.messages == ["**Anna** What …"]
    scene.captions.show(line(1, "What colour", final=False))
    scene.captions.show(line(2, "mhm", who=BEN, at=0.5))
    scene.captions.show(line(1, "What colour is it?"))
    await scene.time.advance(SECONDS_BETWEEN_EDITS)
    assert scene.messages == ["**Anna** What colour is it?\n**Ben** mhm"]
    assert [what for _at, what, _content in scene.places[0].done] == ["create", "change"]


async def test_edits_keep_to_the_pace_and_none_is_made_without_news(scene: Scene) -> None:
    for number in range(40):
        scene.captions.show(line(1, " ".join(["word"] * number), final=False))
        await scene.time.advance(0.25)
    scene.captions.show(line(1, "The end."))
    await scene.time.advance(10)
    gaps = [after - before for before, after in zip(scene.times, scene.times[1:], strict=False)]
    assert min(gaps) >= SECONDS_BETWEEN_EDITS
    assert len(scene.times) <= 10 / SECONDS_BETWEEN_EDITS + 2
    assert scene.messages == ["**Anna** The end."]
    await asyncio.gather(*scene.tasks)


async def test_a_new_stretch_after_another_post_a_pause_or_much_text(scene: Scene) -> None:
    scene.captions.show(line(1, "One."))
    await scene.time.advance(5)
    scene.captions.close_stretch()
    scene.captions.show(line(2, "Two.", at=2))
    await scene.time.advance(5)
    scene.captions.show(line(3, "Three.", at=40))
    await scene.time.advance(5)
    scene.captions.show(line(4, "long " * 250, at=41))
    await scene.time.advance(5)
    scene.captions.show(line(5, "Five.", at=42))
    await scene.time.advance(5)
    assert [message.splitlines()[0][:14] for message in scene.messages] == [
        "**Anna** One.",
        "**Anna** Two.",
        "**Anna** Three",
        "**Anna** Five.",
    ]


async def test_a_line_that_began_above_changes_there(scene: Scene) -> None:
    scene.captions.show(line(1, "I think", final=False))
    await scene.time.advance(5)
    scene.captions.close_stretch()
    scene.captions.show(line(2, "Yes.", who=BEN, at=1))
    scene.captions.show(line(1, "I think so."))
    await scene.time.advance(5)
    assert scene.messages == ["**Anna** I think so.", "**Ben** Yes."]


async def test_what_is_said_pings_nobody_and_is_shown_as_it_is(scene: Scene) -> None:
    scene.captions.show(line(1, "@everyone **loud**\n<@1> https://evil.example/x"))
    await scene.time.settle()
    assert scene.messages == ["**Anna** @`everyone` \\*\\*loud\\*\\* \\<@1\\> `https://evil.example/x`"]


async def test_nothing_is_cut_off_that_does_not_fit_one_message(scene: Scene) -> None:
    text = " ".join(f"word{number}" for number in range(600))
    scene.captions.show(line(1, text))
    await scene.time.advance(10)
    assert len(scene.messages) > 1
    assert all(length(message) <= LIMIT for message in scene.messages)
    shown = " ".join(message.partition("\n-# ")[0] for message in scene.messages)
    assert shown == f"**Anna** {text}"


async def test_words_of_a_person_can_be_taken_back(scene: Scene) -> None:
    scene.captions.show(line(1, "My secret."))
    scene.captions.show(line(2, "Oh.", who=BEN, at=1))
    await scene.time.advance(5)
    scene.captions.forget(ANNA)
    await scene.time.advance(5)
    assert scene.messages == ["**Ben** Oh."]
    scene.captions.forget(BEN)
    await scene.time.advance(5)
    assert scene.messages == ["…"]


async def test_where_nothing_may_be_posted_it_is_not_tried_again(scene: Scene) -> None:
    await scene.time.settle()
    forbidden: Any = type("Response", (), {"status": 403, "reason": "Forbidden"})()
    refused = discord.Forbidden(forbidden, {"code": 50013, "message": "Missing Permissions"})

    def broken() -> Surface:
        surface = scene._surface()
        scene.places[-1].fails_with.append(refused)
        return surface

    captions = Captions(broken, scene._spawn, clock=scene.time.clock, sleep=scene.time.sleep)
    captions.show(line(1, "One."))
    await scene.time.advance(5)
    captions.show(line(2, "Two."))
    await scene.time.advance(5)
    assert len(scene.places) == 1
    await asyncio.gather(*scene.tasks)
