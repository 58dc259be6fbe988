import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.voice.plain_words import LONGEST_TEXT, NO_PHRASES, Phrases, consists_of, plain, same_words, words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't STOP, please!", ("dont", "stop", "please")),
        ("Arrête, s’il te plaît…", ("arrete", "sil", "te", "plait")),
        ("你好，world！", ("你", "好", "world")),
        ("ガッツ", ("ガ", "ッ", "ツ")),
        ("ｶﾞﾂﾂ", ("ガ", "ツ", "ツ")),
        ("그만해 주세요", ("그만해", "주세요")),
        ("Ёлка — йод", ("елка", "иод")),
        ("Strаße 1,000", ("strаsse", "1", "000")),
        ("st\u200bop\u200f \u202enow", ("stop", "now")),
        ("🙂 — …", ()),
    ],
)
def test_words_are_what_was_said(text: str, words: tuple[str, ...]):
    assert words_of(text) == words


def test_spelling_alone_makes_no_other_transcript():
    assert same_words("What time is it?", "what time is it")
    assert same_words("Café — I’m here.", "cafe im here")
    assert not same_words("turn it on", "turn it off")
    assert not same_words("今天好吗", "今天好")


@given(st.text(max_size=60))
def test_words_of_words_are_themselves(text: str):
    words = words_of(text)
    assert words_of(" ".join(words)) == words
    assert all(words)


def test_a_text_without_end_costs_no_more_than_the_longest_one():
    assert len(plain("ﷺ" * 10_000)) <= 20 * LONGEST_TEXT
    assert len(words_of("word " * 10_000)) <= LONGEST_TEXT


def test_phrases_are_counted_where_they_make_up_everything():
    needed, allowed = Phrases("stop", "hold on", "on"), Phrases("please", "on")

    def count(text: str) -> int:
        return consists_of(words_of(text), needed=needed, allowed=allowed)

    assert count("please stop") == 1
    assert count("hold on please stop") == 2
    assert count("please") == 0
    assert count("stop the music") == 0
    assert count("") == 0
    assert consists_of(("stop",), needed=NO_PHRASES, allowed=needed) == 0
    assert ("hold", "on") in (needed | allowed)
