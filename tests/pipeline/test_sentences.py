"""Sentences leave as soon as the next begins, and only words are spoken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.pipeline.sentences import SentenceSplitter, SpokenText

TEXT = "Dr. Smith left at 3.5 p.m. He said hi! 你好。今天天气不错！Bye"
SENTENCES = ["Dr. Smith left at 3.5 p.m.", "He said hi!", "你好。", "今天天气不错！", "Bye"]


@pytest.mark.parametrize("step", [1, 3, 500])
def test_sentences_of_a_stream(step: int) -> None:
    splitter = SentenceSplitter()
    parts = [s for at in range(0, len(TEXT), step) for s in splitter.feed(TEXT[at : at + step])]
    assert parts + splitter.finish() == SENTENCES


def test_the_first_sentence_does_not_wait_for_the_end() -> None:
    splitter = SentenceSplitter()
    assert splitter.feed("It is red. It") == ["It is red."]


@given(st.text(max_size=1500))
def test_nothing_is_lost_and_nothing_grows_without_bound(text: str) -> None:
    splitter = SentenceSplitter()
    parts = [s for at in range(0, len(text), 50) for s in splitter.feed(text[at : at + 50])] + splitter.finish()
    assert "".join("".join(parts).split()) == "".join(text.split())
    assert all(len(part) <= 450 for part in parts)


@pytest.mark.parametrize(
    ("sentence", "spoken"),
    [
        ("It is **bold** [0:42–0:44].", "It is bold."),
        ("See [the page](https://example.org/a) or https://example.org.", "See the page or."),
        ("看https://example.org/a。好，www.example.org 也行。", "看 。好， 也行。"),
        ("- one 🎉", "one"),
        ("Ask <@123> now.", "Ask now."),
        ("...", ""),
        ("Use `x` here.", "Use x here."),
        ("写着“你好” [0:03]。", "写着“你好”。"),
    ],
)
def test_only_words_are_spoken(sentence: str, spoken: str) -> None:
    assert SpokenText().of(sentence) == spoken


def test_code_over_several_sentences_stays_unsaid() -> None:
    voice = SpokenText()
    assert [voice.of(part) for part in ["Try this: ```py", "x = 1.", "print(x)", "``` Done."]] == [
        "Try this:",
        "",
        "",
        "Done.",
    ]
