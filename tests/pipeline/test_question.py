"""Typed wins, then asked aloud, then what happens here."""

import pytest

from bot.domain.answer import QuestionSource
from bot.pipeline.question import choose_question, is_question


@pytest.mark.parametrize(
    "text",
    [
        "What is this?",
        "what color is it",
        "is there a dog",
        "so how does it work",
        "这是什么",
        "你看到了吗？",
        "Tell me more",
    ],
)
def test_asks(text: str) -> None:
    assert is_question(text)


@pytest.mark.parametrize("text", ["It is red.", "that is what I said", "", "我在这里。", "we have the results"])
def test_does_not_ask(text: str) -> None:
    assert not is_question(text)


def test_a_typed_question_wins() -> None:
    chosen = choose_question("  Why? ", ["what is this"], language=None)
    assert (chosen.source, chosen.text) == (QuestionSource.TYPED, "Why?")


def test_the_last_question_of_the_clip_is_next() -> None:
    chosen = choose_question(" ", ["What is it? A cup.", "And what colour is it? Bye."], language="en")
    assert (chosen.source, chosen.text) == (QuestionSource.SPOKEN, "And what colour is it?")


@pytest.mark.parametrize(("language", "text"), [(None, "What happens here?"), ("zh-CN", "这里发生了什么？")])
def test_else_what_happens_here(language: str | None, text: str) -> None:
    chosen = choose_question(None, ["It is red."], language=language)
    assert (chosen.source, chosen.text) == (QuestionSource.DEFAULT, text)
