import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.voice.backchannels import asks, is_backchannel, is_name_only, is_nothing, is_stop
from bot.voice.names import CalledNames

NAMES = CalledNames(["Kibitz"])
YES = """
mhm|mhmm|mm-hmm|Mm hmm.|uh-huh|Uh huh|yeah|Yeah, yeah.|yeah yeah yeah yeah|yes|yesss|ok|Okay, cool.|right|I see.|sure
of course|Makes sense!|oh really|oh yeah i see|got it|嗯|嗯嗯|嗯，对|对对对|好的|是吗|明白了|原来如此|うん
うんうん|はい|そうですね|なるほど
ja|genau|Ach so.|oui|d'accord|D’accord !|sí|claro|vale|sim|tá bom|네|그렇군요|да|угу|понятно
"""
MURMURS = "hmm|Hmmmm…|mm|um|uh|oh|Ohhh!|ah|wow|huh|er|哦|啊|呃|へえ|うーん|음|эм|м"
TURNS = """
no|nein|不|いいえ|yes I want tea|yeah but why|okay stop|right now|good morning Kibitz|I see a car|对不起我想问
はい質問があります|ja aber|oui mais
go on|what|why|hello|a car|嗯我想问一下|let me think
"""
STOPS = """
stop|Stop!|STOP STOP STOP|wait|no, wait|hold on|Hold on a second, please.|shut up|please be quiet|okay stop
can you stop|enough
Kibitz, stop!|stop Kibitz|hey Kibitz please stop talking|key bits stop|st\u200bop|停|停！|停一下|等一下|等等等等
别说了|你别说了|請停|闭嘴|你能不能停一下|好了好了别说了
止めて|ちょっと待って|ストップ|stopp|warte mal|sei bitte still|Halt die Klappe!|arrête|Arrête, s'il te plaît
attends|tais-toi|para|espera|cállate|basta
chega|cala a boca|그만|잠깐만요|стоп|хватит|подожди, пожалуйста|stooop
"""
NO_STOPS = """
stop the music|don't stop|do not stop|what does the stop sign say|never stop|why did you stop|wait for me
the bus stop|non-stop|no para
不要停|别停|停车场在哪里|等我一下我想问|bitte nicht aufhören|Bushaltestelle|ne t'arrête pas|no pares
не останавливайся|멈추지 마|止めないで|Kibitz|please|no|yes
stop and tell me more|wait, what did he say|hold on to your hat
"""
NOTHING = """
|   |...|[BLANK_AUDIO]|(music)|[Music] [Applause]|<noise>|++BREATH++|*coughs*|♪ la la ♪|（笑）|Thank you for watching!
Thanks for watching, see you next time.|Please like and subscribe|Subtitles by the Amara.org community|感谢观看
谢谢大家的收看|ご視聴ありがとうございました。
시청해주셔서 감사합니다|Untertitel von Stephanie Geiges|Продолжение следует...|Субтитры сделал DimaTorzok|\u200b\u200f
"""
SOMETHING = """
you|thank you|hello|subscribe to the weather channel for me|字幕在哪里|Untertitel an|[laughs] really?
チャンネル登録者は何人ですか|who is watching
"""


def phrases(text: str) -> list[str]:
    return text.strip("\n").replace("\n", "|").split("|")


@pytest.mark.parametrize("text", phrases(YES) + phrases(MURMURS))
def test_signs_of_listening(text: str):
    assert is_backchannel(text)
    assert not is_stop(text, names=NAMES)


@pytest.mark.parametrize("text", phrases(YES))
def test_yes_answers_a_question(text: str):
    assert not is_backchannel(text, bot_asked=True)


@pytest.mark.parametrize("text", phrases(MURMURS))
def test_a_murmur_answers_nothing(text: str):
    assert is_backchannel(text, bot_asked=True)


@pytest.mark.parametrize("text", phrases(TURNS) + phrases(STOPS))
def test_words_that_mean_something_are_no_signs_of_listening(text: str):
    assert not is_backchannel(text)


@pytest.mark.parametrize("text", phrases(STOPS))
def test_stop_words(text: str):
    assert is_stop(text, names=NAMES)
    assert not is_nothing(text)


@pytest.mark.parametrize("text", phrases(NO_STOPS) + phrases(TURNS[:60]))
def test_sentences_with_a_stop_word_are_no_stop_words(text: str):
    assert text == "okay stop" or not is_stop(text, names=NAMES)


@pytest.mark.parametrize("text", phrases(NOTHING))
def test_what_nobody_said(text: str):
    assert is_nothing(text)
    assert not is_stop(text, names=NAMES)


@pytest.mark.parametrize("text", phrases(SOMETHING) + phrases(YES) + phrases(TURNS))
def test_what_somebody_said(text: str):
    assert not is_nothing(text)


@pytest.mark.parametrize("text", ["Kibitz", "Kibitz?", "hey Kibitz!", "key bits", "OK Kibitz", "Kibitz Kibitz"])
def test_the_name_alone_calls(text: str):
    assert is_name_only(text, names=NAMES)


@pytest.mark.parametrize("text", ["Kibitz what time is it", "hey", "", "please", "I like Kibitz"])
def test_the_name_in_a_sentence_does_more_than_call(text: str):
    assert not is_name_only(text, names=NAMES)


def test_a_question_of_the_bot():
    assert all(map(asks, ("Shall I go on?", '"Really?"', "要继续吗？", "要继续吗", "¿Sí? ")))
    assert not any(map(asks, ("", "I asked why.", "好的。")))


@given(st.text(max_size=300))
def test_any_text_is_one_thing_at_most(text: str):
    kinds = (is_nothing(text), is_backchannel(text), is_stop(text, names=NAMES))
    assert sum(kinds) <= 1


@pytest.mark.parametrize(
    "text", ["[" * 10_000, "m" * 10_000, "stop " * 2_000, "嗯" * 10_000, "♪" * 10_000, "(a" * 5_000]
)
def test_endless_texts_are_none_of_them(text: str):
    assert not is_backchannel(text)
    assert not is_stop(text, names=NAMES)
    is_nothing(text)
