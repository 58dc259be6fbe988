"""Where silence begins and where a stretch of sound is cut, on made-up levels."""

import numpy as np
import pytest

from bot.media.loudness import FLOOR_DBFS, Levels, levels_dbfs
from bot.media.pauses import LEVELS_PER_SECOND, MARGIN, MAX_PIECE, MIN_PIECE, Gap, Gate, best_cut, find_gap

LOUD, SOFT = -20.0, -90.0


def levels(*stretches: tuple[float, float]) -> Levels:
    """(seconds, dBFS) one after the other."""
    return np.concatenate(
        [np.full(round(seconds * LEVELS_PER_SECOND), dbfs, np.float32) for seconds, dbfs in stretches]
    )


def second(place: int | None) -> float:
    assert place is not None
    return place / LEVELS_PER_SECOND


def gate_after(*stretches: tuple[float, float]) -> float:
    gate, heard = Gate(), levels(*stretches)
    for at in range(0, len(heard), LEVELS_PER_SECOND):
        gate.hear(heard[at : at + LEVELS_PER_SECOND])
    return gate.dbfs


def test_levels_are_loudness_without_the_constant_part():
    times = np.arange(320) / 16_000
    sine = (32767 * np.sin(2 * np.pi * 500 * times)).astype("<i2")
    flat = np.full(320, 8000, "<i2")
    found = levels_dbfs(np.concatenate([sine, flat, sine[:100]]).tobytes(), 320)
    assert found[0] == pytest.approx(-3.01, abs=0.01)
    assert found[1] == pytest.approx(FLOOR_DBFS)
    assert len(found) == 3


def test_nothing_is_silence_for_being_softer_than_the_rest_unless_it_is_inaudible():
    assert gate_after((10, -20), (5, -45)) == -50
    assert gate_after((10, -20), (5, -57)) == pytest.approx(-51, abs=0.1)
    assert gate_after((10, -20), (5, -80)) == -60


@pytest.mark.parametrize("dbfs", [-20.0, -45.0, -57.0])
def test_a_steady_tone_is_not_taken_for_the_noise_of_the_recording(dbfs: float):
    assert gate_after((20, dbfs)) < dbfs


def test_noise_stays_noise_when_nobody_speaks_for_long():
    assert gate_after((10, -20), (60, -56)) > -56


def test_a_long_pause_is_a_gap_with_margins():
    found = find_gap(levels((6, LOUD), (2, SOFT), (6, LOUD)), -60, in_silence=False, ended=False)
    assert found == Gap(begin=6 * LEVELS_PER_SECOND + MARGIN, end=8 * LEVELS_PER_SECOND - MARGIN, open=False)


@pytest.mark.parametrize(
    ("sound", "pause", "splits"), [(6, 1.2, False), (6, 1.5, True), (3, 1.5, False), (3, 2.5, True)]
)
def test_a_pause_splits_when_it_is_long_for_what_came_before(sound: float, pause: float, splits: bool):
    found = find_gap(levels((sound, LOUD), (pause, SOFT), (6, LOUD)), -60, in_silence=False, ended=False)
    assert (found is not None) is splits


def test_a_gap_at_the_end_stays_open_until_the_end_is_known():
    quiet_end = levels((3, LOUD), (4, SOFT))
    going_on = find_gap(quiet_end, -60, in_silence=False, ended=False)
    ended = find_gap(quiet_end, -60, in_silence=False, ended=True)
    assert going_on == Gap(begin=3 * LEVELS_PER_SECOND + MARGIN, end=len(quiet_end) - MARGIN, open=True)
    assert ended == Gap(begin=3 * LEVELS_PER_SECOND + MARGIN, end=len(quiet_end), open=False)


def test_within_silence_the_next_sound_ends_it():
    found = find_gap(levels((0.5, SOFT), (2, LOUD)), -60, in_silence=True, ended=False)
    assert found == Gap(begin=0, end=LEVELS_PER_SECOND // 2 - MARGIN, open=False)


def test_the_cut_falls_into_the_middle_of_the_longest_pause():
    talk = levels((7, LOUD), (0.1, -60), (4, LOUD), (0.6, -60), (4, LOUD), (0.1, -60), (20, LOUD))
    assert second(best_cut(talk, ended=False)) == pytest.approx(11.4, abs=0.05)


def test_pauses_in_noise_are_found():
    noise = np.random.default_rng(7).normal(0, 1.5, 40 * LEVELS_PER_SECOND).astype(np.float32)
    talk = levels((9, -20), (0.4, -32), (30.6, -20)) + noise
    assert second(best_cut(talk, ended=False)) == pytest.approx(9.2, abs=0.15)


def test_of_equal_pauses_the_one_after_a_handy_length_is_taken():
    talk = levels(*[(2.5, LOUD), (0.5, -60)] * 12)
    assert second(best_cut(talk, ended=False)) == pytest.approx(8.75, abs=0.05)


def test_without_a_pause_the_softest_moment_is_taken_once_a_piece_is_too_long():
    music = levels((13, -20), (1, -23), (22, -20))
    assert second(best_cut(music, ended=False)) == pytest.approx(13.5, abs=0.5)


def test_a_stretch_that_fits_is_cut_only_at_a_real_pause():
    assert best_cut(levels((20, LOUD)), ended=True) is None
    assert second(best_cut(levels((8, LOUD), (0.5, -60), (11.5, LOUD)), ended=True)) == pytest.approx(8.25, abs=0.05)


def test_neither_the_piece_nor_the_rest_is_too_short_or_too_long():
    assert best_cut(levels((9.9, LOUD)), ended=True) is None
    talk = levels((4, LOUD), (0.9, -60), (21.1, LOUD), (0.9, -60), (3, LOUD))
    cut = best_cut(talk, ended=True)
    assert cut is not None
    assert MIN_PIECE <= cut <= MAX_PIECE
    assert len(talk) - cut >= MIN_PIECE


def test_a_cut_waits_for_what_comes_after():
    assert best_cut(levels((29.9, LOUD)), ended=False) is None
