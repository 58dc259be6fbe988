"""Only times of the timeline reach the person, however the stream is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.timeline import Moment, MomentKind, Timeline
from bot.pipeline.citations import CitationFilter

TIMELINE = Timeline(
    duration_seconds=60,
    moments=(
        Moment(kind=MomentKind.HEARD, start_seconds=40, end_seconds=45, text="we meet at 10:45"),
        Moment(kind=MomentKind.CUT, start_seconds=5, end_seconds=5),
    ),
)


def checked(text: str, step: int = 1000, quotable: str = "") -> tuple[str, int]:
    checker = CitationFilter(TIMELINE, quotable=quotable)
    shown = "".join(checker.feed(text[at : at + step]) for at in range(0, len(text), step)) + checker.finish()
    return shown, checker.removed


@pytest.mark.parametrize(
    ("given_text", "shown", "removed"),
    [
        ("He says so [0:42].", "He says so [0:42].", 0),
        ("He says so [0:41–0:44].", "He says so [0:41–0:44].", 0),
        ("He says so (9:59).", "He says so.", 1),
        ("A window [0:42-0:59].", "A window.", 1),
        ("At 0:30 nothing.", "At ?:?? nothing.", 1),
        ("They meet at 10:45.", "They meet at 10:45.", 0),
        ("The cut [0:05] and pi 3.14 and 1:2.", "The cut [0:05] and pi 3.14 and 1:2.", 0),
        ("他说【0:42】，然后（0:33）。", "他说【0:42】，然后。", 1),
        ("No times at all", "No times at all", 0),
        ("at 99 seconds [59s] (at 1m35s) t=59.0", "at ?:?? t=?:??", 4),
        ("at 41 seconds [42s]; it took 99 seconds", "at 41 seconds [42s]; it took 99 seconds", 0),
        ("在0：33结束，第99秒", "在?:??结束，第?:??", 2),
        ("See [00:42.3], [00:40.0–00:00:45] and 00:05.0.", "See [0:42], [0:40–0:45] and 0:05.", 0),
    ],
)
@pytest.mark.parametrize("step", [1, 2, 7, 1000])
def test_times_are_kept_or_taken_out(given_text: str, shown: str, removed: int, step: int) -> None:
    assert checked(given_text, step) == (shown, removed)


def test_a_time_in_the_question_may_be_repeated() -> None:
    assert checked("Nothing at 0:20.", quotable="what happens at 0:20?") == ("Nothing at 0:20.", 0)


def test_quoted_characters_stay_as_they_are() -> None:
    said = "The sign says 00:41 (00:41), at 00:41.5"
    assert checked(said, quotable="the sign 00:41?") == ("The sign says 00:41 (00:41), at 0:41", 0)


def test_what_the_model_read_in_a_picture_is_left_alone() -> None:
    checker = CitationFilter(TIMELINE, frame_times=(0.0,))
    said = "The bus leaves at 00:42 or 10:42.5 [7:77]; from 00:40.5 on. "
    assert checker.feed(said) + checker.finish() == "The bus leaves at 00:42 or 10:42.5; from 0:40 on. "


@given(st.text(alphabet="at=s 0123:[]().–第\n", max_size=80), st.integers(1, 9))
def test_pieces_give_what_the_whole_gives(text: str, step: int) -> None:
    assert checked(text, step) == checked(text)
