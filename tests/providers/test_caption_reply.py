"""Captions are found in whatever a model replies, and put to the right frames."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.providers.openai.caption_reply import Described, match, read_captions, read_plain, time_label
from tests.providers.material import frames

ITEM = {"at_seconds": 1.5, "caption": "A green card.", "text_on_screen": None}
PLAIN = Described(at_seconds=1.5, text="A green card.", text_on_screen=None)


@pytest.mark.parametrize(
    ("at_seconds", "label"),
    [(0.0, "t=00:00.0"), (12.04, "t=00:12.0"), (59.96, "t=01:00.0"), (83.55, "t=01:23.6"), (3723.5, "t=1:02:03.5")],
)
def test_labels(at_seconds: float, label: str) -> None:
    assert time_label(at_seconds) == label


@given(st.floats(min_value=0, max_value=36_000))
def test_a_label_reads_back_as_its_time(at_seconds: float) -> None:
    (caption,) = read_captions(json.dumps({"at_seconds": time_label(at_seconds), "caption": "x"}))
    assert caption.at_seconds == pytest.approx(at_seconds, abs=0.0501)


@pytest.mark.parametrize(
    "reply",
    [
        json.dumps({"captions": [ITEM]}),
        json.dumps([ITEM]),
        json.dumps(ITEM),
        json.dumps({"frames": [ITEM], "subjects": ["a card"]}),
        f"Sure! ```json\n{json.dumps({'captions': [ITEM]}, indent=2)}\n```",
        f"Here is one [1] {json.dumps(ITEM)}",
        json.dumps({"captions": [ITEM, ITEM]})[:-20],
        json.dumps({"captions": [{**ITEM, "at_seconds": "1.5"}]}),
        json.dumps({"captions": [{**ITEM, "at_seconds": "t=00:01.5"}]}),
        json.dumps({"captions": [{"t": "00:01.5", "description": "A green  card."}]}),
        json.dumps({"captions": [{**ITEM, "text_on_screen": "null"}]}),
        "t=00:01.5 A green card.",
        "1. nonsense\n* **t=00:01.5**: A green card.",
        "t=00:01.5\nA green card.",
        "1.5s - A green card.",
    ],
)
def test_shapes(reply: str) -> None:
    assert read_captions(reply)[0] == PLAIN


def test_text_on_screen_may_be_a_list() -> None:
    (caption,) = read_captions(json.dumps([{**ITEM, "text_on_screen": ["Results", "2025"]}]))
    assert caption.text_on_screen == "Results\n2025"


@pytest.mark.parametrize("reply", ["", "A green card on a table.", "{}", "[]", '{"captions": []}', "null", "[[[{"])
def test_nothing_to_find(reply: str) -> None:
    assert read_captions(reply) == ()


@pytest.mark.parametrize(
    "text", ["I'm sorry, I can't help with that.", "I cannot see it.", "Error analyzing the frame"]
)
def test_excuses_are_no_captions(text: str) -> None:
    assert read_plain(text) is None
    assert read_captions(json.dumps([{**ITEM, "caption": text}, ITEM])) == (PLAIN,)


@pytest.mark.parametrize("text", ["", '{"captions": []}', "[]", "```json"])
def test_data_is_no_plain_caption(text: str) -> None:
    assert read_plain(text) is None


@pytest.mark.parametrize("text", ["An error message covers the screen.", "Sorry is written on the card."])
def test_captions_about_errors_stay(text: str) -> None:
    assert read_plain(text) is not None


def described(*times: float | None) -> list[Described]:
    return [Described(at_seconds=at, text=f"caption {n}", text_on_screen=None) for n, at in enumerate(times)]


@pytest.mark.parametrize(
    ("times", "matched"),
    [
        ((0.0, 1.5, 3.0), {0: 0, 1: 1, 2: 2}),
        ((3.0, 0.0, 1.5), {2: 0, 0: 1, 1: 2}),
        ((0.04, 1.46, 3.0), {0: 0, 1: 1, 2: 2}),
        ((0.0, 3.0), {0: 0, 2: 1}),
        ((0.0, 99.0, 3.0), {0: 0, 2: 2}),  # a time never sent
        ((None, None, None), {0: 0, 1: 1, 2: 2}),
        ((None, None), {}),
        ((70.0, 80.0, 90.0), {0: 0, 1: 1, 2: 2}),  # no time fits, the counts agree
        ((70.0, 80.0), {}),
        ((0.0, 1.0, 2.0), {0: 0, 1: 1, 2: 2}),  # the frames' numbers
        ((1.0, 2.0, 3.0), {0: 0, 1: 1, 2: 2}),
        ((0.0, 0.0, 3.0), {0: 0, 2: 2}),  # the first of two for one frame
    ],
)
def test_matching(times: tuple[float | None, ...], matched: dict[int, int]) -> None:
    captions = described(*times)
    found = match(frames(3), captions)
    assert found == {position: captions[number] for position, number in matched.items()}


def test_frames_closer_than_their_labels_take_turns() -> None:
    near = frames(3, step_seconds=0.04)
    found = match(near, described(0.0, 0.0, 0.1))
    assert sorted(found) == [0, 1, 2]
