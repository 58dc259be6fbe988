"""A Sentence is its English text and still knows how it was made, wherever it is copied to."""

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest

from bot.domain.sentence import Sentence, counted, sentence
from bot.domain.timeline import Notice, NoticeCode

COPIES: list[Callable[[Sentence], Sentence]] = [
    copy.copy,
    copy.deepcopy,
    *(
        lambda said, protocol=protocol: pickle.loads(pickle.dumps(said, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ),
]


def test_a_sentence_is_its_english_text() -> None:
    said = sentence("{done} of {total:.0f} seconds", done=3, total=9.6)
    assert said == "3 of 10 seconds"
    assert f"{said}." == "3 of 10 seconds."
    assert {said: 1}["3 of 10 seconds"] == 1


def test_values_are_not_templates() -> None:
    assert sentence("It said {text}", text="{total}") == "It said {total}"


@pytest.mark.parametrize(("n", "said"), [(0, "0 frames"), (1, "1 frame"), (2, "2 frames")])
def test_counting_chooses_the_form(n: int, said: str) -> None:
    assert counted("{n} frame", "{n} frames", n) == said


@pytest.mark.parametrize("copied", COPIES)
def test_a_copy_still_knows_how_it_was_made(copied: Callable[[Sentence], Sentence]) -> None:
    said = counted("{n} frame: {why}", "{n} frames: {why}", 2, why=sentence("{host} is gone", host="a.example"))
    twin = copied(said)
    assert type(twin) is Sentence
    assert twin == "2 frames: a.example is gone"
    assert (twin.template, twin.plural, dict(twin.values)) == (said.template, said.plural, dict(said.values))
    why = twin.values["why"]
    assert isinstance(why, Sentence)
    assert why.template == "{host} is gone"


def test_a_value_that_holds_one_can_be_copied() -> None:
    notice = Notice(code=NoticeCode.FRAMES_DROPPED, public=sentence("{n} dropped", n=2))
    twin = copy.deepcopy(replace(notice))
    assert twin == notice
    assert isinstance(twin.public, Sentence)


def test_any_text_can_be_a_sentence() -> None:
    plain = Sentence.of("braces {stay}")
    assert plain == "braces {stay}"
    assert sentence("{plain}!", plain=plain) == "braces {stay}!"
    assert Sentence.of(plain) is plain
