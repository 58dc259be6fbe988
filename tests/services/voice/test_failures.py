"""What fails is told once, and nobody is left waiting; who is alone or silent for long is left."""

import pytest

from bot.domain.errors import ProviderCategory
from bot.domain.voice import LineState
from tests.fakes.providers import broken
from tests.services.voice.room import ANNA, BEN, Encoder, Model, Recogniser, Room, Voice
from tests.virtual_time import run_virtually


def after_a_question(seconds: float = 20.0, **settings: object) -> Room:
    async def scene() -> Room:
        async with Room(**settings) as room:  # type: ignore[arg-type]
            await room.speak(ANNA, 1.0, 3.0, "What is the time?")
            await room.until(seconds)
            assert room.state == "listening"
            return room

    return run_virtually(scene())


def test_a_model_that_fails_is_told_in_words_and_aloud():
    room = after_a_question(model=Model(fails=broken(ProviderCategory.SERVER)))
    assert [failure.code for failure in room.follower.failures] == ["scripted_failure"]
    assert room.voice.said == ["Sorry, that did not work. I wrote why in the chat."]
    assert room.sounded
    assert room.memory.turns == []
    assert room.service.sessions == ()


def test_a_mistake_of_ours_leaves_nobody_waiting():
    room = after_a_question(model=Model(fails=KeyError("oops")))
    assert [failure.code for failure in room.follower.failures] == ["voice_broken"]


def test_a_voice_that_fails_leaves_the_text():
    room = after_a_question(voice=Voice(fails=True))
    [turn] = room.follower.turns
    assert turn.written == "All is well. Nothing to tell."
    assert turn.answer == ""
    assert [notice.code for notice in turn.notices] == ["speech_missing"]
    assert room.memory.turns[0].answer == turn.written
    assert room.session.status().counters["voice_failures"] == 1


def test_a_recogniser_that_fails_asks_to_say_it_again():
    room = after_a_question(recogniser=Recogniser(fails=True, gives_interim=False))
    assert [failure.code for failure in room.follower.failures] == ["voice_unheard"]
    assert room.model.prompts == []


def test_live_words_do_where_the_recogniser_fails_at_the_end():
    room = after_a_question(recogniser=Recogniser(fails=True))
    [turn] = room.follower.turns
    assert turn.question == "What is the time?"


def test_live_words_do_where_the_recogniser_lags():
    async def scene() -> None:
        async with Room() as room:
            room.recogniser.lags[1] = 0.1
            talk = room.speaks(ANNA, 1.0, 3.0, "What is the time?", recognition_delay=0.1)
            await room.until(3.05)
            room.recogniser.lags[1] = 100.0
            await talk
            await room.until(12.0)
            assert len(room.follower.turns) == 1

    run_virtually(scene())


def test_a_model_that_hangs_is_given_up():
    room = after_a_question(60.0, model=Model(hangs=True), idle_seconds=1000)
    assert room.session.status().counters["watchdog_resets"] == 1
    assert room.model.cancelled == len(room.model.prompts)


def test_a_voice_that_hangs_is_given_up():
    room = after_a_question(60.0, voice=Voice(hangs=True), idle_seconds=1000)
    assert room.session.status().counters["watchdog_resets"] == 1


def test_a_draft_that_goes_wrong_before_the_turn_is_over_is_not_told():
    async def scene() -> None:
        async with Room(model=Model(first_token=0.1), patience_seconds=1.0) as room:
            room.model.fails = broken()
            await room.speak(ANNA, 1.0, 3.0, "What is the time?")
            await room.until(3.6)
            room.model.fails = None
            await room.until(10.0)
            assert room.follower.failures == []
            assert len(room.follower.turns) == 1

    run_virtually(scene())


def test_a_draft_goes_when_the_person_goes_on():
    async def scene() -> None:
        async with Room(patience_seconds=1.0) as room:
            await room.speak(ANNA, 1.0, 3.0, "What is the weather")
            await room.speak(ANNA, 3.5, 5.0, "in Paris tomorrow?")
            await room.until(12.0)
            [turn] = room.follower.turns
            assert turn.question == "What is the weather in Paris tomorrow?"
            assert room.counters["speculation_wasted"] == 1
            assert room.counters["speculation_used"] == 1
            assert [prompt.question.text for prompt in room.model.prompts] == [
                "What is the weather", "What is the weather in Paris tomorrow?",
            ]  # fmt: skip

    run_virtually(scene())


def test_no_more_than_three_drafts_for_one_turn():
    async def scene() -> None:
        async with Room(patience_seconds=2.0) as room:
            for number in range(6):
                await room.speak(ANNA, 1.0 + 1.5 * number, 2.0 + 1.5 * number, f"and number {number} as well")
            await room.until(30.0)
            assert len(room.model.prompts) == 4
            assert len(room.follower.turns) == 1

    run_virtually(scene())


def test_a_long_wait_is_acknowledged_and_the_answer_cuts_it():
    async def scene() -> None:
        async with Room(model=Model(first_token=4.0), acknowledge_seconds=1.5) as room:
            await room.speak(ANNA, 1.0, 3.0, "What is the time?")
            await room.until(30.0)
            assert room.voice.said[0] == "One moment."
            assert 5.0 <= room.sounded[0] < 5.3
            await room.speak(ANNA, 31.0, 33.0, "And what is the date?")
            await room.until(60.0)
            assert len(room.follower.turns) == 2
            assert 33.9 <= min(at for at in room.sounded if at > 33.0) < 34.1  # known to be slow by now

    run_virtually(scene())


def test_a_short_wait_is_not():
    room = after_a_question()
    assert room.voice.said == ["All is well.", "Nothing to tell."]


@pytest.mark.parametrize("way", ["alone", "idle", "removed"])
def test_it_leaves(way: str):
    async def scene() -> None:
        async with Room(people=(ANNA, BEN), alone_seconds=60, idle_seconds=600) as room:
            if way == "alone":
                room.present(())
                await room.until(59.0)
                assert room.follower.reasons == []
                await room.until(63.0)
            elif way == "idle":
                await room.speak(ANNA, 10.0, 11.0, "Hello there, everybody in here.")
                await room.until(609.0)
                assert room.follower.reasons == []
                await room.until(700.0)
            else:
                room.session.line_changed(LineState.GONE)
                await room.until(1.0)
            assert room.follower.reasons == [way]
            assert room.line.is_closed
            assert room.ears.is_closed
            assert room.service.sessions == ()
        assert room.follower.reasons == [way]

    run_virtually(scene())


def test_nothing_is_open_after_all_that():
    assert Encoder.live == 0
