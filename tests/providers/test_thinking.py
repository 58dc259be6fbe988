"""Thoughts never reach an answer, however they are cut."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.providers.openai.thinking import ThoughtFilter, without_thoughts

SAID = "<think>The frame is red < blue.</think>\n\nIt is red, a < b.<think>hm</think> Yes."
MEANT = "It is red, a < b.Yes."


def pieces(text: str, cuts: list[int]) -> list[str]:
    borders = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[a:b] for a, b in pairwise(borders)]


@given(st.lists(st.integers(min_value=0, max_value=500), max_size=12))
def test_cuts_make_no_difference(cuts: list[int]) -> None:
    thoughts = ThoughtFilter()
    assert "".join(map(thoughts.feed, pieces(SAID, cuts))) + thoughts.finish() == MEANT


def test_text_is_not_held_back_without_need() -> None:
    thoughts = ThoughtFilter()
    assert thoughts.feed("It is ") == "It is "
    assert thoughts.feed("a <t") == "a "
    assert thoughts.feed("able>") == "<table>"


def test_a_thought_without_end_stays_a_thought() -> None:
    thoughts = ThoughtFilter()
    assert thoughts.feed("Yes. <think>but maybe") + thoughts.finish() == "Yes. "


@pytest.mark.parametrize(
    ("text", "meant"),
    [("plain", "plain"), ("hidden</think>shown", "shown"), ("<think>a</think>b", "b"), ("a<think>b", "a")],
)
def test_whole_texts(text: str, meant: str) -> None:
    assert without_thoughts(text) == meant
