"""Offline answers: found by simple rules, taken word for word, with times from the timeline only."""

import re

import pytest

from bot.domain.answer import Prompt, Question, QuestionSource
from bot.domain.media import Silence
from bot.domain.role import Role
from bot.domain.speech import Segment
from bot.domain.timeline import Caption, Moment, MomentKind, Notice, NoticeCode, Timeline
from bot.pipeline.citations import CitationFilter
from bot.providers.base import AnswerDelta, AnswerEnd, FinishReason
from bot.providers.offline.chat import OfflineChatModel
from bot.providers.offline.extract import answer


def caption(at: float, text: str, screen: str | None = None) -> Caption:
    return Caption(at_seconds=at, since_seconds=at, text=text, text_on_screen=screen)


def segment(start: float, end: float, text: str) -> Segment:
    return Segment(start_seconds=start, end_seconds=end, text=text)


CLIP = Timeline.weave(
    duration_seconds=60.0,
    captions=[
        caption(0.0, "A plain red picture."),
        caption(3.0, "A plain blue picture.", "Results 2025"),
        caption(10.0, "", "Results 2025\nBudget: 40 euros"),
        caption(42.0, "A picture, grey and black.", "STOP"),
        caption(52.0, "A plain white picture."),
    ],
    segments=[
        segment(4.2, 6.0, "go forward ten meters"),
        segment(11.0, 14.0, "the meeting starts at nine"),
        segment(43.0, 45.0, "please open the door"),
    ],
    silences=[Silence(start_seconds=20.0, end_seconds=30.0)],
)
SILENT = Timeline.weave(
    duration_seconds=5.0,
    captions=[caption(0.0, "A plain green picture.")],
    notices=[Notice(code=NoticeCode.NO_SOUND, public="The clip has no sound.")],
)


LIVELY = Timeline.weave(
    duration_seconds=60.0,
    segments=[segment(4.2, 6.0, "so we won"), segment(20.0, 22.0, "thank you all")],
    sounds=[
        Moment(kind=MomentKind.TONE, start_seconds=4.2, end_seconds=6.0, text="excited"),
        Moment(kind=MomentKind.SOUND, start_seconds=12.0, end_seconds=14.0, text="laughter"),
        Moment(kind=MomentKind.SOUND, start_seconds=23.0, end_seconds=30.0, text="applause"),
        Moment(kind=MomentKind.SOUND, start_seconds=31.0, end_seconds=50.0, text="music"),
    ],
)


def asked(text: str, timeline: Timeline = CLIP, *, source: QuestionSource = QuestionSource.TYPED) -> str:
    return answer(Question(source=source, text=text), timeline)


@pytest.mark.parametrize(
    ("question", "has", "lacks"),
    [
        ("What was said?", ["go forward ten meters” [0:04]", "nine” [0:11]", "door” [0:43]"], ["STOP"]),
        ("What does he say about the meeting?", ["the meeting starts at nine” [0:11]"], ["forward", "door"]),
        ("When does someone say 'forward'?", ["[0:04]"], ["[0:11]", "[0:43]"]),
        ("When is the door mentioned?", ["[0:43]"], ["[0:04]"]),
        ("When does it turn blue?", ["[0:03]"], ["red"]),
        ("What time does the meeting start?", ["the meeting starts at nine” [0:11]"], ["STOP"]),
        ("What does the sign say?", ["Results 2025", "STOP” [0:42]"], ["Someone said"]),
        ("What did the sign say when he said 'open the door'?", ["STOP” [0:42]"], ["Results", "door"]),
        ("What was on the screen when someone mentioned the meeting?", ["Budget: 40 euros” [0:10]"], ["STOP"]),
        ("What did he say while the screen read STOP?", ["please open the door” [0:43]"], ["meeting"]),
        ("What was said at 12 seconds?", ["nine” [0:11]"], ["door"]),
        ("What happens at 0:42?", ["STOP” [0:42]", "grey and black"], ["red", "Results"]),
        ("What happens at the end?", ["plain white picture [0:52]"], ["red"]),
        ("What happens in the beginning?", ["plain red picture [0:00]"], ["STOP"]),
        ("What colour is it at the end?", ["white [0:52]"], ["red"]),
        ("What colour is the car?", ["only tell the colours of the whole picture", "red [0:00], blue [0:03]"], []),
        ("How long is the video?", ["60.0 seconds long"], ["["]),
        ("How many euros is the budget?", ["Budget: 40 euros” [0:10]"], ["STOP"]),
        ("Tell me about the budget", ["Budget: 40 euros” [0:10]"], ["STOP"]),
        ("Is there any speech?", ["Speech was heard.", "[0:04]"], []),
        ("What happens here?", ["[0:00]", "[0:43]"], ["Nothing"]),
        ("发生了什么？", ["[0:00]", "有人说“please open the door” [0:43]"], ["Offline", "没有"]),
        ("屏幕上写着什么？", ["屏幕上写着“STOP” [0:42]"], ["有人说"]),
        ("什么时候说了“meeting”？", ["[0:11]"], ["[0:04]"]),
        ("第10秒屏幕上写了什么？", ["Budget: 40 euros” [0:10]"], ["STOP"]),
        ("说“open the door”的时候屏幕上写着什么？", ["STOP” [0:42]"], ["Results"]),
        ("是什么颜色？", ["红色 [0:00]，蓝色 [0:03]"], []),
        ("视频有多长？", ["60.0 秒"], ["["]),
        ("最后发生了什么？", ["white picture [0:52]"], ["red"]),
    ],
)
def test_questions(question: str, has: list[str], lacks: list[str]) -> None:
    text = asked(question)
    assert text.startswith("离线回答" if "\u4e00" <= question[0] <= "\u9fff" else "Offline answer")
    assert [part for part in has if part not in text] == [], text
    assert [part for part in lacks if part in text.split("：" if text.startswith("离线") else ":", 1)[1]] == [], text


@pytest.mark.parametrize(
    ("question", "has", "lacks"),
    [
        ("When do people laugh?", ["There seems to be laughter [0:12]."], ["[0:23]", "[0:04]"]),
        ("Who laughs?", ["laughter [0:12]"], ["[0:31]"]),
        ("When do they clap?", ["applause [0:23]"], ["[0:12]"]),
        ("Is there any music?", ["music [0:31]"], ["[0:12]", "Speech"]),
        ("Who sounds excited?", ["Someone sounds excited [0:04]"], ["[0:12]"]),
        ("What was said?", ["so we won", "thank you all"], ["laughter", "excited"]),
        ("What happens?", ["so we won", "laughter [0:12]"], ["excited"]),
        ("什么时候有人笑？", ["听起来有笑声 [0:12]"], ["[0:23]"]),
        ("什么时候鼓掌？", ["掌声 [0:23]"], ["[0:12]"]),
    ],
)
def test_sounds_are_asked_for_in_other_words_than_their_own(question: str, has: list[str], lacks: list[str]) -> None:
    text = asked(question, LIVELY)
    assert [part for part in has if part not in text] == [], text
    assert [part for part in lacks if part in text] == [], text


@pytest.mark.parametrize(
    "question", ["Who is the president?", "What did it say when he laughed?", "When does the dog bark?", "猫在哪里？"]
)
def test_what_is_not_there_is_not_answered(question: str) -> None:
    text = asked(question)
    assert "Nothing that was read or heard answers this." in text or "没有这个问题的答案" in text
    assert "[0:43]" in text, "what is known follows"


def test_gaps_are_told_and_sound_that_is_missing_is_not_heard() -> None:
    assert asked("Is there any sound?", SILENT).endswith(
        "There is no sound to hear. Known gaps: The clip has no sound."
    )
    assert asked("有没有声音？", SILENT).endswith("听不到声音。已知缺漏：片段没有声音。")
    assert "Known gaps" not in asked("What was said?")


def test_an_empty_timeline_is_said_to_be_empty() -> None:
    assert "Nothing was read, seen or heard" in asked("What happens?", Timeline(duration_seconds=3.0))


def test_a_question_asked_in_the_clip_does_not_answer_itself() -> None:
    timeline = Timeline.weave(
        duration_seconds=9.0,
        captions=[caption(0.0, "A plain white picture.", "The code is 4711")],
        segments=[segment(2.0, 4.0, "what is the code")],
    )
    text = asked("what is the code", timeline, source=QuestionSource.SPOKEN)
    assert "The code is 4711" in text
    assert "what is the code" not in text


def test_answers_stay_short_and_long_words_are_cut() -> None:
    many = Timeline(
        duration_seconds=900.0,
        moments=tuple(
            Moment(kind=MomentKind.HEARD, start_seconds=n * 9.0, end_seconds=n * 9.0 + 8, text="blah " * 90)
            for n in range(100)
        ),
    )
    text = asked("What was said?", many)
    assert text.count("Someone said") <= 5
    assert len(text) < 1200
    assert "…" in text


@pytest.mark.parametrize(
    "question", ["What happens here?", "What was said?", "Where is the cat?", "发生了什么？", "?", "'"]
)
async def test_the_stream_is_the_answer_and_every_time_stands_in_the_timeline(question: str) -> None:
    prompt = Prompt(rules="", evidence="", question=Question(source=QuestionSource.TYPED, text=question), timeline=CLIP)
    items = [item async for item in OfflineChatModel().answer(prompt)]
    *deltas, end = items
    assert isinstance(end, AnswerEnd)
    assert end.reason is FinishReason.COMPLETE
    assert (end.usage.role, end.usage.model, end.usage.cost_usd) == (Role.CHAT, "extract", 0.0)
    words = [item.text for item in deltas if isinstance(item, AnswerDelta)]
    assert len(words) == len(deltas) > 3
    checker = CitationFilter(CLIP)
    shown = "".join([*(checker.feed(word) for word in words), checker.finish()])
    assert checker.removed == 0
    assert shown == "".join(words)
    assert re.search(r"\[\d:\d\d\]", shown)
