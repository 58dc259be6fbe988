"""The benchmark of voice tells whose sound it hears, and counts from the right moment."""

import numpy as np
import pytest

from tests.bench.voice_scene import BriskMind, at, pitch_of
from tests.bench.voice_talk import LONG, formula, of_pitch
from tests.simulator.discord_voice import sound
from tests.simulator.discord_voice.speaker import Heard
from tests.simulator.openai_server.sound import SPEECH_RATE_HZ


def frames(text: str) -> list[Heard]:
    pcm = np.frombuffer(BriskMind().speak(text, "alloy", 1.0), np.int16)
    wire = np.repeat(pcm, sound.RATE_HZ // SPEECH_RATE_HZ).tobytes()
    return [Heard(at=0.0, sequence=n, timestamp=0, opus=opus) for n, opus in enumerate(sound.encode(wire))]


def test_two_answers_are_told_apart_by_their_pitch() -> None:
    old, new = frames(LONG[:60]), frames("The other one is blue.")
    assert len(of_pitch(old, pitch_of(LONG))) > len(old) * 0.9
    assert of_pitch(new, pitch_of(LONG)) == []


def test_the_formula_is_the_sum_of_what_is_waited_for() -> None:
    assert formula() == pytest.approx(0.75)


def test_the_95th_of_a_hundred_is_named_by_its_place() -> None:
    assert at([float(n) for n in range(100)], 0.95) == 95
    assert at([3.0], 0.95) == 3
