"""The text twin says who asked, what was answered, and where it broke off."""

from dataclasses import replace

import pytest

from bot.discord_io.voice_twin import twin_text
from bot.domain.voice_session import SpokenTurn
from bot.locales import catalogue

WORDS = catalogue(None)
NAMES = {1: "Anna", 2: "Ben"}


def turn(*, question: str = "What colour is it?", answer: str, written: str, by: int | None = None) -> SpokenTurn:
    return SpokenTurn(
        job_id="0123456789ab",
        asker_ids=(1,),
        question=question,
        answer=answer,
        written=written,
        interrupted_by=by,
    )


def twin(said: SpokenTurn) -> str:
    return twin_text(said, WORDS, NAMES.__getitem__)


def test_of_an_answer_that_was_heard_to_its_end() -> None:
    assert twin(turn(answer="It is red.", written="It is **red**.")) == (
        "🎤 Anna: What colour is it?\n💬 It is **red**."
    )


@pytest.mark.parametrize(
    ("heard", "written", "shown"),
    [
        ("It is red.", "It is red. The wall is blue.", "It is red. ✋ (interrupted by Ben) The wall is blue."),
        ("It is red. The", "It is **red**. The wall is", "It is **red**. The ✋ (interrupted by Ben) wall is"),
        ("", "It is red.", "✋ (interrupted by Ben) It is red."),
        ("它是红色的。", "它是红色的。墙是蓝色的。", "它是红色的。 ✋ (interrupted by Ben) 墙是蓝色的。"),
        ("It is red", "It is red.", "It is red. ✋ (interrupted by Ben)"),
        ("four metres", "4 m high", "4 m high ✋ (interrupted by Ben)"),
        ("four metres", "4 m high, 3 m wide", "4 m high, 3 m wide ✋ (interrupted by Ben)"),
        ("It is [interrupted by Ben]", "It is red.", "It is ✋ (interrupted by Ben) red."),
    ],
)
def test_the_mark_stands_where_the_sound_ended(heard: str, written: str, shown: str) -> None:
    assert twin(turn(answer=heard, written=written, by=2)).partition("\n")[2] == f"💬 {shown}"


def test_of_an_answer_that_was_stopped() -> None:
    assert twin(turn(answer="It is red.", written="It is red. The wall is blue.")).endswith(
        "💬 It is red. ✋ (stopped) The wall is blue."
    )


def test_of_an_answer_that_could_not_be_spoken() -> None:
    assert twin(turn(answer="", written="It is red.")).endswith("💬 It is red.")


def test_of_people_who_were_answered_together() -> None:
    both = SpokenTurn(job_id="0123456789ab", asker_ids=(1, 2, 1), question="Red? Blue?", answer="Red.", written="Red.")
    assert twin(both) == "🎤 Anna, Ben: Red? Blue?\n💬 Red."


def test_where_nothing_was_answered_there_is_none() -> None:
    assert twin(turn(answer="", written="")) == ""
    assert twin(turn(answer="", written=" ", by=2)) == ""


def test_in_the_language_of_the_place() -> None:
    said = turn(answer="", written="红色。", by=2)
    assert "Ben" in twin_text(said, catalogue("zh-CN"), NAMES.__getitem__)


def test_of_one_that_was_stopped_before_a_word_was_heard() -> None:
    assert twin(replace(turn(answer="", written="It is red."), is_broken=True)).endswith("💬 ✋ (stopped) It is red.")
