import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.voice.endpointer import (
    ELLIPSIS_SECONDS,
    EXCLAMATION_SECONDS,
    MOST_PEOPLE,
    PERIOD_SECONDS,
    PLAIN_SENTENCE_SECONDS,
    QUESTION_SECONDS,
    UNFINISHED_SECONDS,
    UNKNOWN_SECONDS,
    Endpointer,
)


def endpointer(patience: float = 0.1, longest: float = 9) -> Endpointer:
    return Endpointer(patience_seconds=patience, longest_patience_seconds=longest)


WAITS = {
    QUESTION_SECONDS: """What time is it?|今天几点？|And?|Who is it for?|Really?"|(Why?)|هل أنت هنا؟""",
    EXCLAMATION_SECONDS: "Look at that!|太好了！|Tell me now! ",
    PERIOD_SECONDS: """This is it.|好的。|That is what I came for.|I think so.|Yes I am.|Das kann sein.
Mach das Licht an.|यह है।""",
    ELLIPSIS_SECONDS: "I was thinking...|I was thinking…|我想说……|Well. . .|そうですね。。。",
    UNFINISHED_SECONDS: """
i want to go to the|I want to go to the.|then we went and|because|um|Um.|you and|well i mean|I would like, uh
we need milk or my
然后|我昨天去了，然后|因为|我觉得|如果|就是|嗯…那个因为|ich gehe mit meiner mutter und|weil|je veux parler de
parce que|quiero comer pero|porque
昨日友達と会って、それで|えっと|でも|그리고|어제 갔는데 그래서|я хочу и|потому что
""",
    UNKNOWN_SECONDS: """|Tell me|Hello there my friend, you see,|I want this:|it is for|so what we did with
Kibitz|我要这个|And then he—""",
    PLAIN_SENTENCE_SECONDS: """
what time is it|hello there how are you|what are you looking at|who is it for|yes|no thanks
where did i park the car|tell me a story
今天天气怎么样|谢谢你|これはペンですか|wie spät ist es|was ist das|quelle heure est il|por qué
сколько времени осталось|오늘 날씨 어때 정말
""",
}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(text, seconds) for seconds, texts in WAITS.items() for text in texts.strip("\n").replace("\n", "|").split("|")],
)
def test_the_words_tell_how_long_to_wait(text: str, seconds: float):
    assert endpointer().wait_seconds(1, [text]) == pytest.approx(seconds)


def test_the_wait_keeps_to_its_bounds():
    usual = endpointer(0.5, 3)
    assert usual.wait_seconds(1, ["What time is it?"]) == 0.5
    assert usual.wait_seconds(1, ()) == UNKNOWN_SECONDS
    assert endpointer(0.5, 1).wait_seconds(1, ["so..."]) == 1
    assert endpointer(2, 1).wait_seconds(1, ["so..."]) == 2


def test_marks_of_the_last_transcripts_of_the_same_words_are_averaged():
    wait = endpointer().wait_seconds(1, ["what", "What time is it.", "what time is it?", "What time is it?"])
    assert wait == pytest.approx((PERIOD_SECONDS + 2 * QUESTION_SECONDS) / 3)


def test_a_recogniser_without_marks_costs_no_patience_and_one_with_marks_is_believed():
    assert endpointer().wait_seconds(1, ["tell me a story please"]) == PLAIN_SENTENCE_SECONDS
    assert endpointer().wait_seconds(1, ["Tell me a story please"]) == UNKNOWN_SECONDS


def test_what_language_is_expected_decides_where_words_do_not():
    texts = ["car son"]
    assert endpointer().wait_seconds(1, texts, language="fr-FR") == UNFINISHED_SECONDS
    assert endpointer().wait_seconds(1, ["where is the car"], language="fr") == PLAIN_SENTENCE_SECONDS


def test_pauses_inside_a_turn_are_learned_slowly_and_of_one_person():
    patient = endpointer(0.5, 3)
    for _ in range(50):
        patient.went_on(1, 1.1)
    assert patient.wait_seconds(1, ["Fine."]) == pytest.approx(1.1, abs=0.01)
    assert patient.wait_seconds(2, ["Fine."]) == 0.5
    patient.ended(1)
    assert patient.wait_seconds(1, ["Fine."]) < 1.05
    for _ in range(100):
        patient.ended(1)
    assert patient.wait_seconds(1, ["Fine."]) == pytest.approx(0.5, abs=0.001)


def test_one_long_pause_changes_little_and_being_cut_off_much():
    patient = endpointer(0.5, 3)
    patient.went_on(1, 1.5)
    assert patient.wait_seconds(1, ["Fine."]) == pytest.approx(0.6)
    patient.was_cut_off(2, 0.9)
    assert patient.wait_seconds(2, ["Fine."]) == pytest.approx(0.8)
    patient.forget(2)
    assert patient.wait_seconds(2, ["Fine."]) == 0.5


def test_people_are_remembered_up_to_a_bound():
    patient = endpointer(0.5, 3)
    for person in range(MOST_PEOPLE * 2):
        patient.was_cut_off(person, 2)
    assert sum(patient.wait_seconds(person, ["Fine."]) > 0.5 for person in range(MOST_PEOPLE * 2)) == MOST_PEOPLE


@given(
    st.lists(st.tuples(st.sampled_from(["went_on", "was_cut_off"]), st.floats()), max_size=20),
    st.lists(st.text(max_size=60), max_size=7),
)
def test_whatever_happens_the_wait_is_finite_and_within_bounds(pauses: list[tuple[str, float]], partials: list[str]):
    patient = endpointer(0.5, 3)
    for name, seconds in pauses:
        getattr(patient, name)(1, seconds)
    wait = patient.wait_seconds(1, partials)
    assert math.isfinite(wait)
    assert 0.5 <= wait <= 3


@pytest.mark.parametrize("text", ["word " * 2_000, "." * 10_000, "、" * 10_000, "\u202e" * 10_000, "因为" * 5_000])
def test_endless_texts(text: str):
    assert 0.5 <= endpointer(0.5, 3).wait_seconds(1, [text] * 5) <= 3
