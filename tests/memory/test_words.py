"""The words a text is found by: the same for what means the same, nothing an index or a query would stumble over."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.conversation import ConversationKey
from bot.memory.words import clip_place, place_of, search_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What did the sign say when he laughed?", ("sign", "say", "laugh")),
        ("running cars, a running CAR", ("run", "car", "run", "car")),
        ("红色的汽车", ("红色", "色的", "的汽", "汽车")),
        ("车", ("车",)),
        ("的", ()),
        ("Straße in ＡＢＣ １２３", ("strass", "abc", "123")),
        ("Café naïve Ångström", ("cafe", "naiv", "angstrom")),
        ("it's Ben’s, isn't it?", ("ben",)),
        ("カタカナ 한국어", ("カタ", "タカ", "カナ", "한국", "국어")),
        ("clip_2 0:42 #3", ("clip", "2", "0", "42", "3")),
        ("👀🎉 … \x00", ()),
        ("\ud7a4\u2e80\u3099 汽\ud7a4车", ("汽", "车")),
        ("", ()),
        ("x" * 200, ("x" * 64,)),
    ],
)
def test_a_text_in_its_words(text: str, words: tuple[str, ...]) -> None:
    assert search_words(text) == words


def test_question_and_answer_meet_in_two_scripts() -> None:
    said = search_words("The red car stops; 红色汽车停在路边 at the traffic light")
    assert set(search_words("When do the red cars stop?")) <= set(said)
    assert set(search_words("红色汽车在哪里？")) & set(said) >= {"红色", "色汽", "汽车"}


@given(st.text())
def test_words_hold_letters_and_digits_only(text: str) -> None:
    for word in search_words(text):
        assert word
        assert word.isalnum()
        assert len(word.split()) == 1


@given(st.text())
def test_words_of_words_are_found_again(text: str) -> None:
    """An index splits the stored words at spaces; nothing may be split or joined anew."""
    words = search_words(text)
    assert " ".join(words).split() == list(words)


def test_places_are_one_word_each_and_never_the_same() -> None:
    keys = [
        ConversationKey(server_id=None, channel_id=12),
        ConversationKey(server_id=1, channel_id=2),
        ConversationKey(server_id=12, channel_id=3),
        ConversationKey(server_id=1, channel_id=23),
        ConversationKey(server_id=None, channel_id=-12),
    ]
    places = {place_of(key) for key in keys} | {clip_place("ab" * 32)}
    assert len(places) == len(keys) + 1
    assert all(place.isalnum() for place in places)
