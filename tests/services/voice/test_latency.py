"""How long people wait for an answer, exactly, in virtual time."""

import pytest

from tests.services.voice.room import ANNA, Model, Recogniser, Room, Voice
from tests.virtual_time import run_virtually

SENTENCE = "What is the time?"


def first_sound(**settings: object) -> tuple[float, Room]:
    async def scene() -> tuple[float, Room]:
        async with Room(**settings) as room:  # type: ignore[arg-type]
            await room.speak(ANNA, 1.0, 3.0, SENTENCE)
            await room.until(10.0)
            return room.sounded[0] - 3.0, room

    return run_virtually(scene())


def test_the_answer_comes_when_the_formula_says():
    # pause 0.2 + transcript 0.15 + first token 0.3 + first speech 0.1
    seconds, room = first_sound()
    assert seconds == pytest.approx(0.75, abs=1e-6)
    [turn] = room.follower.turns
    assert turn.timings.transcript == pytest.approx(0.35)
    assert turn.timings.endpoint == pytest.approx(0.5)
    assert turn.timings.first_token == pytest.approx(0.65)
    assert turn.timings.first_speech == pytest.approx(0.75)
    assert turn.timings.first_audio == pytest.approx(0.75)
    assert turn.speculation == "used"


@pytest.mark.parametrize(
    ("patience", "lag", "token", "audio"),
    [
        (0.8, 0.15, 0.3, 0.1),
        (0.5, 0.4, 0.3, 0.1),
        (0.5, 0.05, 0.05, 0.05),
        (2.0, 0.15, 0.3, 0.1),
        (0.5, 0.15, 1.0, 0.3),
    ],
)
def test_a_patient_end_of_turn_costs_nothing_until_it_is_the_longer_one(patience, lag, token, audio):
    seconds, _ = first_sound(
        model=Model(first_token=token),
        voice=Voice(first_audio=audio),
        recogniser=Recogniser(lag=lag),
        patience_seconds=patience,
        acknowledge_seconds=0,
    )
    assert seconds == pytest.approx(max(patience, 0.2 + lag + token + audio), abs=1e-6)


def test_a_voice_that_costs_is_not_spent_before_the_turn_is_over():
    seconds, room = first_sound(is_free=False, patience_seconds=0.9)
    assert seconds == pytest.approx(0.9 + 0.1, abs=1e-6)
    assert room.model.prompts
    assert len(room.model.prompts) == 1
