"""Cuts from scene scores."""

from collections.abc import Iterable

from bot.media.cuts import CutDetector


def cuts(scores: Iterable[tuple[float, float]]) -> list[float]:
    detector = CutDetector()
    found = [cut for at, score in scores for cut in detector.feed(at, score)]
    return found + detector.finish()


def thirty_fps(spikes: dict[int, float], *, noise: float = 0.0, frames: int = 120) -> list[tuple[float, float]]:
    return [(n / 30, spikes.get(n, noise)) for n in range(frames)]


def test_a_high_score_is_a_cut_even_amid_motion():
    assert cuts(thirty_fps({60: 0.5}, noise=0.1)) == [2.0]


def test_motion_alone_is_none():
    assert cuts(thirty_fps({}, noise=0.2)) == []
    assert cuts(thirty_fps({60: 0.25}, noise=0.1)) == []


def test_a_small_change_between_stills_is_a_cut():
    assert cuts(thirty_fps({60: 0.06})) == [2.0]


def test_small_writing_is_none():
    assert cuts(thirty_fps({60: 0.01})) == []


def test_the_start_of_motion_is_none():
    moving = dict.fromkeys(range(60, 120), 0.06)
    assert cuts(thirty_fps(moving)) == []


def test_two_scores_side_by_side_are_one_cut():
    assert cuts(thirty_fps({60: 0.5, 61: 0.4})) == [2.0]


def test_slides_of_one_picture_a_second():
    assert cuts((float(n), 0.5 if n in {3, 6} else 0.0) for n in range(9)) == [3.0, 6.0]


def test_what_is_judged_lags_a_quarter_second():
    detector = CutDetector()
    for at, score in thirty_fps({}, frames=31):
        detector.feed(at, score)
    assert 0.7 <= detector.judged_seconds <= 0.75
    detector.finish()
    assert detector.judged_seconds == 1.0
