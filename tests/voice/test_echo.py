import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.voice.echo import MOST_PEOPLE, EchoGuard
from bot.voice.plain_words import words_of

BEFORE = "Let me tell you about France."
NOW = "The capital of France is Paris, and it is large."


@pytest.mark.parametrize(
    ("text", "is_echo"),
    [
        ("the capital of france is", True),
        ("capital of France his Paris", True),
        ("about France the capital of", True),
        ("Paris", False),
        ("Paris?", False),
        ("no Paris is not large", False),
        ("what do you mean by the capital", False),
        ("wait is it Paris or Lyon", False),
        ("I want to go to Paris", False),
        ("", False),
        ("…", False),
    ],
)
def test_the_bots_own_words_come_back(text: str, is_echo: bool):
    assert EchoGuard().is_echo(text, (BEFORE, NOW), person_id=1) is is_echo


LONG = """In the beginning of the year most of the people who live in the north of the country go to the sea. It is the
best time for it, and there is a lot to see and to do for all of them. When the summer is over they go back home to what
they did before, and the towns on the coast are quiet again until the next year comes."""


@pytest.mark.parametrize(
    "text",
    [
        "what is the name of the town",
        "who is it for and when",
        "do you think that the winter is colder there",
        "tell me about the people",
        "how is the weather then",
        "when do they come to the mountains",
        "can you say it in the other way",
        "is it true what they say",
    ],
)
def test_small_words_that_are_everywhere_are_no_echo(text: str):
    assert not EchoGuard().is_echo(text, ("It is so.", LONG), person_id=1)


def test_an_echo_is_known_wherever_in_a_long_piece_it_is():
    words = LONG.split()
    for at in range(len(words) - 6):
        assert EchoGuard().is_echo(" ".join(words[at : at + 6]), ("It is so.", LONG), person_id=1)


def test_only_what_was_said_just_now_comes_back():
    guard = EchoGuard()
    assert not guard.is_echo("let me tell you about", (BEFORE, "Second.", NOW), person_id=1)
    assert not guard.is_echo("the capital of france", (), person_id=1)


def test_scripts_without_spaces():
    guard = EchoGuard()
    assert guard.is_echo("法国的首都是", ("法国的首都是巴黎。",), person_id=1)
    assert not guard.is_echo("巴黎", ("法国的首都是巴黎。",), person_id=1)
    assert not guard.is_echo("你说的首都在哪里啊", ("法国的首都是巴黎。",), person_id=1)


def test_a_known_loudspeaker_is_given_more_time_and_less_credit():
    guard = EchoGuard()
    assert guard.interrupt_seconds(1, 0.3) == 0.3
    assert not guard.is_echo("is Paris", (NOW,), person_id=1)
    guard.echoed(1)
    guard.echoed(1)
    assert guard.is_echoey(1)
    assert guard.interrupt_seconds(1, 0.3) == 0.6
    assert guard.is_echo("is Paris", (NOW,), person_id=1)
    assert not guard.is_echoey(2)
    guard.spoke(1)
    assert not guard.is_echoey(1)
    for _ in range(20):
        guard.echoed(1)
    guard.forget(1)
    assert not guard.is_echoey(1)


def test_people_are_remembered_up_to_a_bound():
    guard = EchoGuard()
    for person in (*range(MOST_PEOPLE * 2), *range(MOST_PEOPLE * 2)):
        guard.echoed(person)
        guard.echoed(person)
    assert sum(map(guard.is_echoey, range(MOST_PEOPLE * 2))) == MOST_PEOPLE


@given(st.text(max_size=100), st.lists(st.text(max_size=100), max_size=3))
def test_any_text_is_echo_or_not_and_nothing_is_never(text: str, sentences: list[str]):
    is_echo = EchoGuard().is_echo(text, sentences, person_id=1)
    assert not (is_echo and not any(map(words_of, sentences)))


def test_endless_texts():
    assert not EchoGuard().is_echo("word " * 2_000, ("other " * 2_000,), person_id=1)
